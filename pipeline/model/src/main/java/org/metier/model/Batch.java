package org.metier.model;

/**
 * One micro-batch of packed sequences; T = sequences × length tokens, row-major.
 *
 * @param sequences number of sequences
 * @param length tokens of each
 * @param inputs [T] token ids
 * @param targets [T] next tokens; negative means: not counted in the loss
 * @param documentStart [T] position, within the sequence, where the token's document begins
 */
public record Batch(int sequences, int length, int[] inputs, int[] targets, int[] documentStart) {
  public Batch {
    int tokens = Math.multiplyExact(sequences, length);
    if (inputs.length < tokens || targets.length < tokens || documentStart.length < tokens) {
      throw new IllegalArgumentException(
          "a batch of %d × %d tokens needs arrays of %d, has %d, %d and %d"
              .formatted(
                  sequences, length, tokens, inputs.length, targets.length, documentStart.length));
    }
  }

  /** T. */
  public int tokens() {
    return sequences * length;
  }

  /** Targets that count in the loss. */
  public int countedTargets() {
    int counted = 0;
    for (int t = 0; t < tokens(); t++) {
      if (targets[t] >= 0) {
        counted++;
      }
    }
    return counted;
  }
}
