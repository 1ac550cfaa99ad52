package org.metier.jobs.cluster;

import org.metier.jobs.SmallRun;

/** Made-up text: two domains with words of their own, the same at every call. */
final class Corpus {
  static final int DOCUMENTS_OF_DOMAIN = 80;

  private Corpus() {}

  /** JSONL with the fields text and domain. */
  static String jsonLines() {
    return SmallRun.madeUp("low", DOCUMENTS_OF_DOMAIN, 80)
        + SmallRun.madeUp("high", DOCUMENTS_OF_DOMAIN, 80);
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
