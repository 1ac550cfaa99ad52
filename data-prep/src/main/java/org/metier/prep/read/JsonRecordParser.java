package org.metier.prep.read;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import java.io.IOException;
import org.metier.prep.document.RejectReason;

/** Takes text and domain out of one JSON object; other fields are passed over. */
final class JsonRecordParser {
  private final JsonFactory factory;
  private final String textField;
  private final String domainField;
  private String text;
  private String domain;

  JsonRecordParser(String textField, String domainField, int maxLineBytes) {
    this.textField = textField;
    this.domainField = domainField;
    // The line's length bounds every string, so that Jackson's own limit must not come first.
    this.factory =
        JsonFactory.builder()
            .streamReadConstraints(
                StreamReadConstraints.builder().maxStringLength(maxLineBytes).build())
            .build();
  }

  /** Null if the record is readable: then {@link #text()} and {@link #domain()} hold it. */
  RejectReason parse(byte[] bytes, int offset, int length) {
    text = null;
    domain = null;
    try (JsonParser parser = factory.createParser(bytes, offset, length)) {
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        return RejectReason.MALFORMED_JSON;
      }
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        String field = parser.getCurrentName();
        JsonToken value = parser.nextToken();
        if (value == JsonToken.VALUE_STRING && field.equals(textField)) {
          text = parser.getText();
        } else if (value == JsonToken.VALUE_STRING && field.equals(domainField)) {
          domain = parser.getText();
        } else {
          parser.skipChildren();
        }
      }
      if (parser.nextToken() != null) {
        return RejectReason.MALFORMED_JSON; // something behind the object
      }
    } catch (IOException e) {
      return RejectReason.MALFORMED_JSON;
    }
    if (text == null) {
      return RejectReason.MISSING_TEXT;
    }
    if (domain == null || domain.isBlank()) {
      return RejectReason.MISSING_DOMAIN;
    }
    return hasUnpairedSurrogate(text) ? RejectReason.UNPAIRED_SURROGATE : null;
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

  String domain() {
    return domain;
  }
}
