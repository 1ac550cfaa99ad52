package org.metier.prep.tokenize;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.metier.prep.MadeUpText;
import scala.Tuple2;

/**
 * Encoding on one thread beside Hugging Face {@code tokenizers} and {@code tiktoken} on the same
 * texts, in turn: {@code EncodingBenchmark PYTHON VOCABULARY [DIRECTORY OF JSONL]}, where PYTHON
 * has both packages; without a directory the text is made up. The script is
 * src/test/python/encoding_beside.py.
 */
public final class EncodingBenchmark {
  private static final int PASSES = 3;
  private static final long MAX_BYTES = 8L << 20;

  private EncodingBenchmark() {}

  public static void main(String[] args) throws IOException, InterruptedException {
    List<byte[]> texts = args.length > 2 ? read(Path.of(args[2])) : madeUp();
    long bytes = texts.stream().mapToLong(text -> text.length).sum();
    WordCounts counts = new WordCounts();
    texts.forEach(counts::add);
    List<Tuple2<String, Long>> words = new ArrayList<>();
    counts.iterator().forEachRemaining(words::add);
    int merges = BytePairTokenizer.mergesFor(Integer.parseInt(args[1]));
    BytePairTokenizer ours = BytePairTokenizer.of(BpeTrainer.train(words, merges, done -> {}));

    Path directory = Files.createTempDirectory("encoding-benchmark");
    Path file = directory.resolve("tokenizer.json");
    ours.save(new org.apache.hadoop.fs.Path(file.toUri()), new Configuration());
    List<String> strings =
        texts.stream().map(text -> new String(text, StandardCharsets.UTF_8)).toList();
    new ObjectMapper().writeValue(directory.resolve("texts.json").toFile(), strings);
    byte[] json = Files.readAllBytes(file);
    Map<String, Tokenizer> tokenizers = new LinkedHashMap<>();
    tokenizers.put("metier", ours);
    tokenizers.put(
        "the same file through DJL",
        HuggingFaceFile.tokenizer(
            json, new ObjectMapper().readTree(json), "", new org.apache.hadoop.fs.Path("x")));
    tokenizers.put("cl100k_base through JTokkit", TiktokenTokenizer.of("cl100k_base"));
    System.out.printf(
        "%.1f MB in %,d texts, %,d tokens%n", bytes / 1e6, texts.size(), ours.vocabSize());
    for (int pass = 0; pass < PASSES; pass++) {
      for (Map.Entry<String, Tokenizer> tokenizer : tokenizers.entrySet()) {
        print(tokenizer.getKey(), tokenizer.getValue(), texts, bytes);
      }
      Process python =
          new ProcessBuilder(args[0], "src/test/python/encoding_beside.py", directory.toString())
              .inheritIO()
              .start();
      if (python.waitFor() != 0) {
        throw new IOException("the other side failed");
      }
    }
  }

  private static void print(String name, Tokenizer tokenizer, List<byte[]> texts, long bytes) {
    Encoder encoder = tokenizer.newEncoder();
    long start = System.nanoTime();
    long tokens = 0;
    for (byte[] text : texts) {
      tokens += encoder.encode(text).length;
    }
    double seconds = (System.nanoTime() - start) / 1e9;
    System.out.printf("%-40s %8.2f MB/s %,12d tokens%n", name, bytes / 1e6 / seconds, tokens);
  }

  private static List<byte[]> read(Path directory) throws IOException {
    List<byte[]> texts = new ArrayList<>();
    List<Path> files;
    try (var all = Files.list(directory)) {
      files = all.filter(file -> file.toString().endsWith(".jsonl")).sorted().toList();
    }
    ObjectMapper json = new ObjectMapper();
    for (Path file : files) {
      long left = MAX_BYTES / files.size();
      try (var lines = Files.lines(file)) {
        for (String line : (Iterable<String>) lines::iterator) {
          byte[] text = json.readTree(line).path("text").asText().getBytes(StandardCharsets.UTF_8);
          texts.add(text);
          left -= text.length;
          if (left < 0) {
            break;
          }
        }
      }
    }
    return texts;
  }

  private static List<byte[]> madeUp() {
    MadeUpText text = new MadeUpText(1);
    List<byte[]> texts = new ArrayList<>();
    for (long bytes = 0; bytes < MAX_BYTES; bytes += texts.get(texts.size() - 1).length) {
      String content = texts.size() % 4 == 0 ? text.hard(400) : text.prose(600);
      texts.add(content.getBytes(StandardCharsets.UTF_8));
    }
    return texts;
  }
}
