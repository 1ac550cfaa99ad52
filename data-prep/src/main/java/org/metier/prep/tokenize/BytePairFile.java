package org.metier.prep.tokenize;

import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.hadoop.fs.Path;
import org.metier.prep.BadDataException;

/**
 * The {@code tokenizer.json} of Hugging Face {@code tokenizers}: a Split pre-tokenizer with {@link
 * PreTokenizer#PATTERN}, the ByteLevel alphabet of GPT-2 and the merges in the order learned.
 */
final class BytePairFile {
  private static final ObjectMapper JSON = new ObjectMapper();

  private BytePairFile() {}

  static byte[] toJson(BytePairTokenizer tokenizer) {
    ObjectNode root = JSON.createObjectNode();
    root.put("version", "1.0").putNull("truncation").putNull("padding");
    ObjectNode separator = root.putArray("added_tokens").addObject();
    separator.put("id", BytePairTokenizer.SEPARATOR).put("content", Tokenizer.SEPARATOR_TEXT);
    for (String flag : List.of("single_word", "lstrip", "rstrip", "normalized")) {
      separator.put(flag, false);
    }
    separator.put("special", true);
    root.putNull("normalizer");
    ArrayNode steps =
        root.putObject("pre_tokenizer").put("type", "Sequence").putArray("pretokenizers");
    ObjectNode split = steps.addObject().put("type", "Split");
    split.putObject("pattern").put("Regex", PreTokenizer.PATTERN);
    split.put("behavior", "Isolated").put("invert", false);
    byteLevel(steps.addObject());
    root.putNull("post_processor");
    byteLevel(root.putObject("decoder"));
    putModel(root.putObject("model").put("type", "BPE"), tokenizer);
    return write(root);
  }

  static void byteLevel(ObjectNode step) {
    step.put("type", "ByteLevel");
    for (String flag : List.of("add_prefix_space", "trim_offsets", "use_regex")) {
      step.put(flag, false);
    }
  }

  private static void putModel(ObjectNode model, BytePairTokenizer tokenizer) {
    for (String absent :
        List.of("dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix")) {
      model.putNull(absent);
    }
    for (String flag : List.of("fuse_unk", "byte_fallback", "ignore_merges")) {
      model.put(flag, false);
    }
    ObjectNode vocabulary = model.putObject("vocab");
    for (int id = 0; id < tokenizer.vocabSize(); id++) {
      vocabulary.put(name(tokenizer, id), id);
    }
    ArrayNode merges = model.putArray("merges");
    for (int[] merge : tokenizer.merges()) {
      merges.add(name(tokenizer, merge[0]) + " " + name(tokenizer, merge[1]));
    }
  }

  private static String name(BytePairTokenizer tokenizer, int id) {
    if (id == BytePairTokenizer.SEPARATOR) {
      return Tokenizer.SEPARATOR_TEXT;
    }
    return ByteLevelAlphabet.write(tokenizer.bytes(id));
  }

  private static byte[] write(ObjectNode root) {
    // Jackson's default line end is the platform's; the bytes must not depend on it.
    DefaultIndenter lines = new DefaultIndenter("  ", "\n");
    DefaultPrettyPrinter printer =
        new DefaultPrettyPrinter().withObjectIndenter(lines).withArrayIndenter(lines);
    try {
      return JSON.writer(printer).writeValueAsBytes(root);
    } catch (IOException e) {
      throw new AssertionError("a tree in memory can always be written", e);
    }
  }

  /** True if a file has the form that {@link #toJson} writes, whole or damaged. */
  static boolean isOurs(JsonNode root) {
    JsonNode added = root.path("added_tokens");
    JsonNode split = root.path("pre_tokenizer").path("pretokenizers").path(0);
    return split.path("pattern").path("Regex").asText().equals(PreTokenizer.PATTERN)
        && added.size() == 1
        && added.path(0).path("content").asText().equals(Tokenizer.SEPARATOR_TEXT);
  }

  /** The merges of a file that {@link #toJson} wrote. */
  static List<int[]> merges(JsonNode root, Path file) {
    JsonNode model = root.path("model");
    Map<String, Integer> idOf = ids(model.path("vocab"), file);
    if (!Integer.valueOf(BytePairTokenizer.SEPARATOR).equals(idOf.get(Tokenizer.SEPARATOR_TEXT))) {
      throw corrupt(
          file, Tokenizer.SEPARATOR_TEXT + " does not have id " + BytePairTokenizer.SEPARATOR);
    }
    for (int b = 0; b < BytePairTokenizer.BYTES; b++) {
      if (!Integer.valueOf(b).equals(idOf.get(ByteLevelAlphabet.write(new byte[] {(byte) b})))) {
        throw corrupt(file, "byte " + b + " does not have id " + b);
      }
    }
    List<int[]> merges = new ArrayList<>();
    for (JsonNode merge : model.path("merges")) {
      merges.add(merge(merge.asText(), merges.size(), idOf, file));
    }
    if (BytePairTokenizer.FIRST_MERGE + merges.size() != idOf.size()) {
      throw corrupt(file, merges.size() + " merges do not make " + idOf.size() + " tokens");
    }
    return merges;
  }

  private static Map<String, Integer> ids(JsonNode vocabulary, Path file) {
    Map<String, Integer> idOf = new HashMap<>();
    vocabulary
        .fields()
        .forEachRemaining(entry -> idOf.put(entry.getKey(), entry.getValue().asInt(-1)));
    if (idOf.isEmpty()) {
      throw corrupt(file, "it has no model.vocab");
    }
    return idOf;
  }

  private static int[] merge(String text, int index, Map<String, Integer> idOf, Path file) {
    String[] sides = text.split(" ", -1);
    Integer left = sides.length == 2 ? idOf.get(sides[0]) : null;
    Integer right = sides.length == 2 ? idOf.get(sides[1]) : null;
    Integer made = sides.length == 2 ? idOf.get(sides[0] + sides[1]) : null;
    int expected = BytePairTokenizer.FIRST_MERGE + index;
    boolean valid =
        left != null
            && right != null
            && made != null
            && made == expected
            && isEarlier(left, expected)
            && isEarlier(right, expected);
    if (!valid) {
      throw corrupt(file, "merge " + index + " does not make token " + expected);
    }
    return new int[] {left, right};
  }

  private static boolean isEarlier(int id, int than) {
    return id >= 0 && id < than && id != BytePairTokenizer.SEPARATOR;
  }

  private static BadDataException corrupt(Path file, String what) {
    return new BadDataException(file + " is not a tokenizer that Metier wrote: " + what);
  }
}
