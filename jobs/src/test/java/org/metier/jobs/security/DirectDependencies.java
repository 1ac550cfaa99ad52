package org.metier.jobs.security;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.Node;
import org.w3c.dom.NodeList;
import org.xml.sax.SAXException;

/** What the POMs of this checkout name, with the versions that the parent manages. */
final class DirectDependencies {
  private static final Pattern PROPERTY = Pattern.compile("\\$\\{([^}]+)}");

  private DirectDependencies() {}

  /** Version by {@code group:artifact}, of all modules and scopes; ours left out. */
  static Map<String, String> of(Path checkout) {
    Document parent = parse(checkout.resolve("pom.xml"));
    Map<String, String> properties = new HashMap<>();
    NodeList all = parent.getElementsByTagName("properties");
    for (int i = 0; i < all.getLength(); i++) {
      if (all.item(i).getParentNode() == parent.getDocumentElement()) {
        children((Element) all.item(i))
            .forEach(p -> properties.put(p.getTagName(), p.getTextContent()));
      }
    }
    Map<String, String> named = new TreeMap<>();
    for (Path pom : poms(checkout)) {
      NodeList dependencies = parse(pom).getElementsByTagName("dependency");
      for (int i = 0; i < dependencies.getLength(); i++) {
        Element dependency = (Element) dependencies.item(i);
        String name =
            resolve(text(dependency, "groupId"), properties)
                + ":"
                + resolve(text(dependency, "artifactId"), properties);
        if (name.startsWith("org.metier:")) {
          continue;
        }
        String version = resolve(text(dependency, "version"), properties);
        // a version that the parent manages is a choice of ours, even of what only Spark names
        named.merge(name, version, (before, now) -> now.isEmpty() ? before : now);
      }
    }
    // the BOM manages these
    named.put("org.junit.jupiter:junit-jupiter", properties.get("junit.version"));
    return named;
  }

  private static List<Path> poms(Path checkout) {
    try (Stream<Path> files = Files.walk(checkout, 3)) {
      return files
          .filter(file -> file.getFileName().toString().equals("pom.xml"))
          .filter(file -> !file.toString().contains("target"))
          .sorted()
          .toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Document parse(Path pom) {
    try {
      return DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(pom.toFile());
    } catch (ParserConfigurationException | SAXException | IOException e) {
      throw new IllegalStateException(pom.toString(), e);
    }
  }

  private static List<Element> children(Element of) {
    NodeList nodes = of.getChildNodes();
    return Stream.iterate(0, i -> i + 1)
        .limit(nodes.getLength())
        .map(nodes::item)
        .filter(node -> node.getNodeType() == Node.ELEMENT_NODE)
        .map(Element.class::cast)
        .toList();
  }

  private static String text(Element of, String tag) {
    return children(of).stream()
        .filter(child -> child.getTagName().equals(tag))
        .map(child -> child.getTextContent().strip())
        .findFirst()
        .orElse("");
  }

  private static String resolve(String text, Map<String, String> properties) {
    String resolved = text;
    for (Matcher m = PROPERTY.matcher(resolved); m.find(); m = PROPERTY.matcher(resolved)) {
      String value = properties.get(m.group(1));
      if (value == null) {
        return resolved; // a profile's, such as the platform
      }
      resolved = resolved.replace(m.group(), value);
    }
    return resolved;
  }
}
