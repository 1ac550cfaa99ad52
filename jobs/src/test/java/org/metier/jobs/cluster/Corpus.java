package org.metier.jobs.cluster;

import java.util.Random;

/** Made-up text: two domains with words of their own, the same at every call. */
final class Corpus {
  static final int DOCUMENTS_OF_DOMAIN = 80;

  private Corpus() {}

  /** JSONL with the fields text and domain. */
  static String jsonLines() {
    StringBuilder lines = new StringBuilder();
    for (String domain : new String[] {"low", "high"}) {
      Random random = new Random(domain.hashCode());
      for (int document = 0; document < DOCUMENTS_OF_DOMAIN; document++) {
        lines.append("{\"domain\":\"").append(domain).append("\",\"text\":\"");
        for (int i = 0; i < 80; i++) {
          int word = (int) (60 * random.nextDouble() * random.nextDouble());
          lines.append(domain.charAt(0)).append(Integer.toString(word * word + 7, 36)).append(' ');
        }
        lines.append("\"}\n");
      }
    }
    return lines.toString();
  }

  /** A tiny model and rounds of which each reads several shards. */
  static String[] settings() {
    return new String[] {
      "--prepare.vocabSize=300",
      "--prepare.sequenceLength=32",
      "--prepare.sequencesPerShard=32",
      "--prepare.heldOutShare=0.2",
      "--model.hiddenSize=16",
      "--model.numLayers=2",
      "--model.numHeads=2",
      "--model.numKvHeads=1",
      "--model.headDim=8",
      "--model.numExperts=4",
      "--model.expertSize=16",
      "--train.localSteps=5",
      "--train.batchSequences=8",
      "--train.checkpointEvery=2",
      "--train.keepCheckpoints=9",
      "--train.exchangeTimeoutSeconds=600",
      "--analyze.maxSequences=50",
      "--analyze.permutations=20",
      "--analyze.bootstraps=20"
    };
  }
}
