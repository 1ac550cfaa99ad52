package org.metier.prep.read;

import java.io.Serializable;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;

/** From the tags of a corpus to the domains of a run: renames, merges, drops. */
final class DomainMap implements Serializable {
  private static final long serialVersionUID = 1L;
  private static final String ANY = "*.";

  private final HashMap<String, String> domainOf = new HashMap<>();
  private final HashMap<String, String> domainBelow = new HashMap<>(); // of *.x, by x
  private final Set<String> dropped;
  private final UnknownDomains unknown;
  private final String rest;

  DomainMap(ReadingConfig config) {
    for (Map.Entry<String, String> entry : config.domains().entrySet()) {
      String tag = entry.getKey();
      if (tag.startsWith(ANY)) {
        domainBelow.put(tag.substring(ANY.length()), entry.getValue());
      } else {
        domainOf.put(tag, entry.getValue());
      }
    }
    dropped = Set.copyOf(config.dropDomains());
    unknown = config.unknownDomains();
    rest = config.restDomain();
  }

  /** What a tag is mapped to; the tag itself if it is unknown and that is allowed. */
  String domain(String tag) {
    String domain = named(tag);
    if (domain != null) {
      return domain;
    }
    return unknown == UnknownDomains.REST && !dropped.contains(tag) ? rest : tag;
  }

  /** True if a tag ends the job. */
  boolean isUnknown(String tag) {
    return unknown == UnknownDomains.STOP && named(tag) == null && !dropped.contains(tag);
  }

  /** True if a tag, or the domain that it is mapped to, is not wanted. */
  boolean isDropped(String tag) {
    return dropped.contains(tag) || dropped.contains(domain(tag));
  }

  /** The domain that the map names for a tag: the exact entry, else the narrowest pattern. */
  private String named(String tag) {
    String domain = domainOf.get(tag);
    if (domain != null || domainBelow.isEmpty()) {
      return domain;
    }
    String suffix = tag;
    while (true) {
      domain = domainBelow.get(suffix);
      int dot = suffix.indexOf('.');
      if (domain != null || dot < 0) {
        return domain;
      }
      suffix = suffix.substring(dot + 1);
    }
  }
}
