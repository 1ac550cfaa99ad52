package org.metier.prep;

import java.io.IOException;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;

/**
 * Writes seeded JSONL of any size for {@link PreparationBenchmark}: {@code SyntheticCorpus
 * DIRECTORY MEGABYTES}. 200,000 words, the n-th most frequent with a share of about 1/n, as in
 * texts; four domains; one document in 50 is an earlier one with a few words changed.
 */
public final class SyntheticCorpus {
  private static final int FILE_BYTES = 100_000_000;
  private static final int NUM_WORDS = 200_000;
  private static final int MEMORY = 64;

  private final Random random = new Random(20261123);
  private final String[] words = new String[NUM_WORDS];
  private final String[][] earlier = new String[MEMORY][];

  private SyntheticCorpus() {
    for (int w = 0; w < NUM_WORDS; w++) {
      int length = 2 + random.nextInt(3) + Math.min(6, (int) Math.log1p(w) / 2);
      StringBuilder word = new StringBuilder();
      for (int c = 0; c < length; c++) {
        word.append((char) ('a' + (int) (26 * random.nextDouble() * random.nextDouble())));
      }
      words[w] = word.toString();
    }
  }

  public static void main(String[] args) throws IOException {
    SyntheticCorpus corpus = new SyntheticCorpus();
    Path directory = Files.createDirectories(Path.of(args[0]));
    long left = Long.parseLong(args[1]) * 1_000_000;
    for (int file = 0; left > 0; file++) {
      Path path = directory.resolve(String.format("part-%04d.jsonl", file));
      left -= corpus.write(path, Math.min(left, FILE_BYTES));
    }
  }

  private long write(Path path, long bytes) throws IOException {
    long written = 0;
    try (Writer out = Files.newBufferedWriter(path)) {
      while (written < bytes) {
        String line =
            "{\"domain\":\"d" + random.nextInt(4) + "\",\"text\":\"" + text(document()) + "\"}\n";
        out.write(line);
        written += line.length();
      }
    }
    return written;
  }

  private String[] document() {
    String[] document;
    int slot = random.nextInt(MEMORY);
    if (random.nextInt(50) == 0 && earlier[slot] != null) {
      document = earlier[slot].clone();
      for (int change = document.length / 200; change >= 0; change--) {
        document[random.nextInt(document.length)] = word();
      }
    } else {
      document = new String[100 + random.nextInt(800)];
      for (int w = 0; w < document.length; w++) {
        document[w] = word();
      }
    }
    earlier[slot] = document;
    return document;
  }

  /** The logarithm of a Zipf word's rank is uniform. */
  private String word() {
    return words[(int) (Math.pow(NUM_WORDS, random.nextDouble())) - 1];
  }

  private String text(String[] document) {
    StringBuilder text = new StringBuilder(document.length * 8);
    for (String word : document) {
      text.append(word).append(random.nextInt(15) == 0 ? ".\\n" : " ");
    }
    return text.toString();
  }
}
