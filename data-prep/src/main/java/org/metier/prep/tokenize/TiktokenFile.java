package org.metier.prep.tokenize;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A tiktoken encoding as a {@code tokenizer.json}. tiktoken knows no merges, but a rank for each
 * byte sequence, and joins the neighbours whose sequence has the lowest rank. The merge that makes
 * a token is therefore what is left of its bytes when all lower ranks have been joined: two parts.
 */
final class TiktokenFile {
  private TiktokenFile() {}

  /**
   * @param bytesOf [vocabSize][] bytes of each rank; none elsewhere
   */
  static byte[] toJson(Tiktoken encoding, byte[][] bytesOf) {
    ObjectNode root = new ObjectMapper().createObjectNode();
    root.put("version", "1.0").putNull("truncation").putNull("padding");
    ArrayNode added = root.putArray("added_tokens");
    encoding
        .specialTokens()
        .forEach(
            (content, id) -> {
              ObjectNode token = added.addObject().put("id", id).put("content", content);
              for (String flag : List.of("single_word", "lstrip", "rstrip", "normalized")) {
                token.put(flag, false);
              }
              token.put("special", true);
            });
    root.putNull("normalizer");
    ArrayNode steps =
        root.putObject("pre_tokenizer").put("type", "Sequence").putArray("pretokenizers");
    ObjectNode split = steps.addObject().put("type", "Split");
    split.putObject("pattern").put("Regex", encoding.pattern());
    split.put("behavior", "Isolated").put("invert", false);
    BytePairFile.byteLevel(steps.addObject());
    root.putNull("post_processor");
    BytePairFile.byteLevel(root.putObject("decoder"));
    putModel(root.putObject("model").put("type", "BPE"), encoding, bytesOf);
    return root.toString().getBytes(StandardCharsets.UTF_8);
  }

  private static void putModel(ObjectNode model, Tiktoken encoding, byte[][] bytesOf) {
    for (String absent :
        List.of("dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix")) {
      model.putNull(absent);
    }
    // a word that is a token is that token, as in tiktoken
    model.put("fuse_unk", false).put("byte_fallback", false).put("ignore_merges", true);
    ObjectNode vocabulary = model.putObject("vocab");
    ArrayNode merges = model.putArray("merges");
    Map<String, Integer> ranks = new HashMap<>();
    for (int id = 0; id < encoding.ranks(); id++) {
      if (bytesOf[id].length > 0) {
        ranks.put(latin1(bytesOf[id]), id);
        vocabulary.put(ByteLevelAlphabet.write(bytesOf[id]), id);
      }
    }
    // the library gives an added token the id that the vocabulary has for it
    encoding.specialTokens().forEach(vocabulary::put);
    for (int id = 0; id < encoding.ranks(); id++) {
      List<String> parts = partsBelow(id, latin1(bytesOf[id]), ranks);
      if (parts.size() == 2) {
        merges.add(write(parts.get(0)) + " " + write(parts.get(1)));
      }
    }
  }

  /** The parts of a token's bytes when every rank below its own has been joined. */
  private static List<String> partsBelow(int rank, String bytes, Map<String, Integer> ranks) {
    List<String> parts = new ArrayList<>();
    for (int i = 0; i < bytes.length(); i++) {
      parts.add(bytes.substring(i, i + 1));
    }
    while (parts.size() > 2) {
      int lowest = rank;
      int at = -1;
      for (int i = 0; i + 1 < parts.size(); i++) {
        int joined = ranks.getOrDefault(parts.get(i) + parts.get(i + 1), rank);
        if (joined < lowest) {
          lowest = joined;
          at = i;
        }
      }
      if (at < 0) {
        break;
      }
      parts.set(at, parts.get(at) + parts.remove(at + 1));
    }
    return parts;
  }

  private static String latin1(byte[] bytes) {
    return new String(bytes, StandardCharsets.ISO_8859_1);
  }

  private static String write(String latin1) {
    return ByteLevelAlphabet.write(latin1.getBytes(StandardCharsets.ISO_8859_1));
  }
}
