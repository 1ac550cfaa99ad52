package org.metier.prep.tokenize;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.charset.StandardCharsets;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.hadoop.fs.Path;
import org.metier.prep.BadDataException;

/** Reads any {@code tokenizer.json} of Hugging Face {@code tokenizers}. */
final class HuggingFaceFile {
  /** What published models call the token after a document, the most telling first. */
  private static final List<String> SEPARATORS =
      List.of(
          Tokenizer.SEPARATOR_TEXT,
          "<|end_of_text|>",
          "<｜end▁of▁sentence｜>",
          "</s>",
          "<eos>",
          "[SEP]");

  private HuggingFaceFile() {}

  static HuggingFaceTokenizer tokenizer(byte[] json, JsonNode root, String separator, Path file) {
    if (!root.path("model").path("vocab").isContainerNode()) {
      throw corrupt(file, "it has no model.vocab");
    }
    Map<Integer, String> pieces = pieces(root, file);
    Map<Integer, String> special = new TreeMap<>();
    for (JsonNode token : root.path("added_tokens")) {
      if (token.path("special").asBoolean()) {
        special.put(token.path("id").asInt(-1), token.path("content").asText());
      }
    }
    int separatorId = separator(special, pieces, separator, file);
    special.put(separatorId, pieces.get(separatorId));
    int vocabSize = pieces.keySet().stream().mapToInt(id -> id + 1).max().orElse(0);
    boolean byteLevel = isByteLevel(root.path("decoder"));
    byte[][] bytesOf = new byte[vocabSize][];
    pieces.forEach(
        (id, piece) ->
            bytesOf[id] = special.containsKey(id) ? new byte[0] : bytes(piece, byteLevel));
    for (int id = 0; id < vocabSize; id++) {
      bytesOf[id] = bytesOf[id] == null ? new byte[0] : bytesOf[id];
    }
    byte[] forEncoding = forEncoding(root, special);
    HuggingFaceTokenizer tokenizer =
        new HuggingFaceTokenizer(
            json, forEncoding, bytesOf, byteLevel, separatorId, pieces.get(separatorId));
    tokenizer.requireUsable(file);
    return tokenizer;
  }

  /** Every id's text, in the alphabet of the vocabulary. */
  private static Map<Integer, String> pieces(JsonNode root, Path file) {
    Map<Integer, String> pieces = new TreeMap<>();
    JsonNode vocabulary = root.path("model").path("vocab");
    if (vocabulary.isArray()) { // Unigram: [piece, score] by id
      for (int id = 0; id < vocabulary.size(); id++) {
        pieces.put(id, vocabulary.path(id).path(0).asText());
      }
    } else {
      for (Iterator<Map.Entry<String, JsonNode>> it = vocabulary.fields(); it.hasNext(); ) {
        Map.Entry<String, JsonNode> entry = it.next();
        pieces.put(id(entry.getValue(), file), entry.getKey());
      }
    }
    for (JsonNode token : root.path("added_tokens")) {
      pieces.put(id(token.path("id"), file), token.path("content").asText());
    }
    return pieces;
  }

  private static int id(JsonNode node, Path file) {
    int id = node.asInt(-1);
    if (id < 0 || id >= 1 << 24) {
      throw corrupt(file, "it has an id " + node.asText("that is none"));
    }
    return id;
  }

  private static int separator(
      Map<Integer, String> special, Map<Integer, String> pieces, String wanted, Path file) {
    if (!wanted.isEmpty()) {
      for (Map.Entry<Integer, String> piece : pieces.entrySet()) {
        if (piece.getValue().equals(wanted)) {
          return piece.getKey();
        }
      }
      throw new BadDataException(
          "prepare.tokenizer.separator: " + file + " has no token " + wanted);
    }
    for (String name : SEPARATORS) {
      for (Map.Entry<Integer, String> token : special.entrySet()) {
        if (token.getValue().equals(name)) {
          return token.getKey();
        }
      }
    }
    throw new BadDataException(
        "prepare.tokenizer.separator: "
            + file
            + " has no special token of a usual name; name one of "
            + special.values());
  }

  private static boolean isByteLevel(JsonNode decoder) {
    if (decoder.path("type").asText().equals("ByteLevel")) {
      return true;
    }
    JsonNode steps = decoder.path("decoders");
    return steps.size() == 1 && steps.path(0).path("type").asText().equals("ByteLevel");
  }

  /** What a piece adds to a text; of SentencePiece and WordPiece what it adds inside a text. */
  private static byte[] bytes(String piece, boolean byteLevel) {
    if (byteLevel) {
      // an added token is written as it is
      return ByteLevelAlphabet.read(piece).orElseGet(() -> utf8(piece));
    }
    if (piece.matches("<0x[0-9A-Fa-f]{2}>")) { // SentencePiece's fallback to bytes
      return new byte[] {(byte) Integer.parseInt(piece.substring(3, 5), 16)};
    }
    String text = piece.startsWith("##") ? piece.substring(2) : piece;
    return utf8(text.replace('\u2581', ' '));
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  /**
   * The same tokenizer for whole documents: not cut, not padded, nothing put around the text, and
   * with special tokens that no text contains, since their names are made of noncharacters.
   */
  private static byte[] forEncoding(JsonNode root, Map<Integer, String> special) {
    ObjectNode copy = root.deepCopy();
    copy.putNull("truncation").putNull("padding").putNull("post_processor");
    for (JsonNode token : copy.path("added_tokens")) {
      int id = token.path("id").asInt();
      if (special.containsKey(id)) {
        ((ObjectNode) token).put("content", unwritable(id));
      }
    }
    ObjectNode model = (ObjectNode) copy.path("model");
    JsonNode vocabulary = model.path("vocab");
    special.forEach(
        (id, name) -> {
          if (vocabulary instanceof ObjectNode byPiece) {
            JsonNode value = byPiece.remove(name);
            if (value != null) {
              byPiece.set(unwritable(id), value);
            }
          } else if (id < vocabulary.size()) {
            ((ArrayNode) vocabulary.path(id)).set(0, unwritable(id));
          }
          if (model.path("unk_token").asText().equals(name)) {
            model.put("unk_token", unwritable(id));
          }
        });
    return utf8(copy.toString());
  }

  private static String unwritable(int id) {
    return "\uFDD0" + id + "\uFDD1";
  }

  static BadDataException corrupt(Path file, String what) {
    return new BadDataException(file + " is not a tokenizer: " + what);
  }
}
