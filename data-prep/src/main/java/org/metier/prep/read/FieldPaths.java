package org.metier.prep.read;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;

/**
 * Where a value is in a record: {@code meta.source} is the field {@code source} of the object
 * {@code meta}, or of the JSON in the string {@code meta}; {@code a.b | c} names alternatives, of
 * which the first that a record has counts.
 *
 * @param alternatives the names from the outside in, for each alternative
 */
public record FieldPaths(List<List<String>> alternatives) implements Serializable {

  /**
   * @throws IllegalArgumentException saying what is wrong with {@code text}
   */
  public static FieldPaths parse(String text) {
    List<List<String>> alternatives = new ArrayList<>();
    for (String alternative : text.split("\\|", -1)) {
      List<String> names = List.of(alternative.strip().split("\\.", -1));
      if (names.stream().anyMatch(String::isBlank)) {
        throw new IllegalArgumentException(
            "must be a field or a path such as meta.source, with alternatives behind |, is '"
                + text
                + "'");
      }
      alternatives.add(names);
    }
    return new FieldPaths(List.copyOf(alternatives));
  }
}
