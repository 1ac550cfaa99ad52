package org.metier.prep.read;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import java.io.IOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.metier.prep.document.RejectReason;

/** Takes the text and the domain field out of one JSON object; other fields are passed over. */
final class JsonRecordParser {
  /** A field name on the way to a value. The lower the rank, the earlier the alternative. */
  private static final class Name {
    private final Map<String, Name> below = new HashMap<>();
    private int textRank = Integer.MAX_VALUE;
    private int domainRank = Integer.MAX_VALUE;
  }

  private final JsonFactory factory;
  private final Name root = new Name();
  private String text; // null until found
  private String domain; // null until found
  private int textRank;
  private int domainRank;

  JsonRecordParser(FieldPaths textPaths, FieldPaths domainPaths, int maxRecordBytes) {
    for (int rank = 0; rank < textPaths.alternatives().size(); rank++) {
      for (Name name : names(textPaths.alternatives().get(rank))) {
        name.textRank = Math.min(name.textRank, rank);
      }
    }
    for (int rank = 0; rank < domainPaths.alternatives().size(); rank++) {
      for (Name name : names(domainPaths.alternatives().get(rank))) {
        name.domainRank = Math.min(name.domainRank, rank);
      }
    }
    this.factory =
        JsonFactory.builder()
            // Names are the input's: neither the JVM's pool nor a clash of hashes is for them.
            .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
            .disable(JsonFactory.Feature.FAIL_ON_SYMBOL_HASH_OVERFLOW)
            // The record's length bounds every string: Jackson's own limit must not come first.
            .streamReadConstraints(
                StreamReadConstraints.builder().maxStringLength(maxRecordBytes).build())
            .build();
  }

  /** The places of a path: nested, or one field whose name has dots. */
  private List<Name> names(List<String> path) {
    Name nested = root;
    for (String name : path) {
      nested = nested.below.computeIfAbsent(name, n -> new Name());
    }
    return path.size() == 1
        ? List.of(nested)
        : List.of(nested, root.below.computeIfAbsent(String.join(".", path), n -> new Name()));
  }

  /** Null if the record has a text: then {@link #text()} and {@link #domain()} hold it. */
  RejectReason parse(byte[] bytes, int offset, int length) {
    forget();
    if (!Utf8.isValid(bytes, offset, offset + length)) {
      return RejectReason.INVALID_UTF8;
    }
    try (JsonParser parser = factory.createParser(bytes, offset, length)) {
      if (!parse(parser)) {
        return RejectReason.MALFORMED_JSON;
      }
    } catch (IOException e) {
      return RejectReason.MALFORMED_JSON;
    }
    return check();
  }

  /** Takes what it can out of a string that may hold an object. */
  void parse(String json) {
    forget();
    within(json, root);
  }

  private boolean parse(JsonParser parser) throws IOException {
    if (parser.nextToken() != JsonToken.START_OBJECT) {
      return false;
    }
    object(parser, root);
    return parser.nextToken() == null; // else there is something behind the object
  }

  private void object(JsonParser parser, Name names) throws IOException {
    while (parser.nextToken() == JsonToken.FIELD_NAME) {
      Name name = names.below.get(parser.getCurrentName());
      JsonToken value = parser.nextToken();
      if (name != null && value == JsonToken.START_OBJECT) {
        object(parser, name);
      } else if (name != null && value == JsonToken.VALUE_STRING) {
        take(name, parser.getText());
      } else {
        parser.skipChildren();
      }
    }
  }

  private void take(Name name, String value) {
    if (name.textRank < textRank || (name.textRank == textRank && text != null)) {
      text = value; // a name that comes twice: the last counts, as everywhere
      textRank = name.textRank;
    }
    if (name.domainRank < domainRank || (name.domainRank == domainRank && domain != null)) {
      domain = value;
      domainRank = name.domainRank;
    }
    if (!name.below.isEmpty() && value.startsWith("{")) {
      within(value, name);
    }
  }

  private void within(String json, Name names) {
    try (JsonParser parser = factory.createParser(json)) {
      if (parser.nextToken() == JsonToken.START_OBJECT) {
        object(parser, names);
      }
    } catch (IOException e) {
      return; // a string and no JSON: what comes before the error has been taken
    }
  }

  private void forget() {
    text = null;
    domain = null;
    textRank = Integer.MAX_VALUE;
    domainRank = Integer.MAX_VALUE;
  }

  private RejectReason check() {
    if (text == null) {
      return RejectReason.MISSING_TEXT;
    }
    boolean unpaired =
        hasUnpairedSurrogate(text) || (domain != null && hasUnpairedSurrogate(domain));
    return unpaired ? RejectReason.UNPAIRED_SURROGATE : null;
  }

  /** Such a text has no UTF-8 form: it would come back from the tokenizer as another text. */
  private static boolean hasUnpairedSurrogate(String text) {
    for (int i = 0; i < text.length(); i++) {
      if (Character.isSurrogate(text.charAt(i))) {
        if (i + 1 == text.length()
            || !Character.isSurrogatePair(text.charAt(i), text.charAt(i + 1))) {
          return true;
        }
        i++;
      }
    }
    return false;
  }

  String text() {
    return text;
  }

  /** Empty if the record has no such field. */
  String domain() {
    return domain == null ? "" : domain;
  }
}
