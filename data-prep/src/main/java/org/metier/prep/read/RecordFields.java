package org.metier.prep.read;

import java.io.Serializable;
import java.util.Locale;
import org.metier.prep.PrepareConfig;

/**
 * Where the records of a corpus have their text and their domain.
 *
 * @param text paths of the text
 * @param domain paths of the domain tag, or of the URL whose host it is
 * @param domainFrom what the tag is made of
 */
public record RecordFields(FieldPaths text, FieldPaths domain, DomainFrom domainFrom)
    implements Serializable {

  static RecordFields of(PrepareConfig config) {
    Layout layout = config.reading().layout();
    boolean named = layout == Layout.FIELDS;
    DomainFrom chosen = config.reading().domainFrom();
    return new RecordFields(
        FieldPaths.parse(named ? config.textField() : layout.text()),
        FieldPaths.parse(named ? config.domainField() : layout.domain()),
        chosen == DomainFrom.FIELD ? layout.domainFrom() : chosen);
  }

  /** Where the text is, as a message says it: by key and value. */
  public static String textSource(PrepareConfig config) {
    Layout layout = config.reading().layout();
    return layout == Layout.FIELDS
        ? "prepare.textField = " + config.textField()
        : layout.text() + ", prepare.reading.layout = " + layout.label();
  }

  /** Where the domain is. */
  public static String domainSource(PrepareConfig config) {
    Layout layout = config.reading().layout();
    if (config.reading().domainFrom() == DomainFrom.PATH) {
      return "prepare.reading.pathPattern = '" + config.reading().pathPattern() + "'";
    }
    return layout == Layout.FIELDS
        ? "prepare.domainField = " + config.domainField()
        : layout.domain() + ", prepare.reading.layout = " + layout.label();
  }

  /**
   * The tag of a record.
   *
   * @param field the domain field's value; empty if there is none
   * @param ofPath what the file's path gives
   */
  String tag(String field, String ofPath) {
    return switch (domainFrom) {
      case FIELD -> field;
      case HOST -> host(field);
      case PATH -> ofPath;
    };
  }

  /** The host of a URL, in lower case and without {@code www.}; empty if there is none. */
  static String host(String url) {
    int scheme = url.indexOf("://");
    int start = scheme < 0 ? 0 : scheme + 3;
    int end = start;
    while (end < url.length() && "/?#".indexOf(url.charAt(end)) < 0) {
      end++;
    }
    start = Math.max(start, url.lastIndexOf('@', end - 1) + 1);
    int port = url.lastIndexOf(':', end - 1);
    if (port >= start && url.substring(port + 1, end).chars().allMatch(Character::isDigit)) {
      end = port;
    }
    String host = url.substring(start, end).strip().toLowerCase(Locale.ROOT);
    return host.startsWith("www.") ? host.substring("www.".length()) : host;
  }
}
