package org.metier.engine.kernel;

/**
 * Which token went to which expert in one layer, and the statistics of it that balancing needs.
 * Filled by {@link Kernels#route}. A <em>slot</em> is (token, rank): {@code slot = token * topK +
 * rank}. A <em>row</em> is a place in the dispatched order, where all rows of expert 0 come first,
 * then those of expert 1, and so on; within an expert rows are in slot order.
 *
 * <p>Indices are host arrays on every backend, since the sizes of the expert GEMMs are needed on
 * the host in any case.
 */
public final class Routing {
  private final int numExperts;
  private final int topK;
  private final RouterScoring scoring;
  private int tokens;

  /** Expert of each slot, best first within a token. */
  public final int[] expertOfSlot;

  /** Slot of each row. */
  public final int[] slotOfRow;

  /** Row of each slot. */
  public final int[] rowOfSlot;

  /** Rows of each expert: {@code [offsets[e], offsets[e + 1])}. Length E + 1. */
  public final int[] offsets;

  /** Σ_t p[t, e]: divided by the token count this is P_e. Length E. */
  public final double[] probabilitySum;

  /** Σ of gate weights that went to each expert. Length E. */
  public final double[] gateMass;

  /** Σ_t Σ over the chosen experts of p[t, e] before any renormalisation. */
  public double scoreSum;

  /** Σ_t logsumexp(logits[t])². */
  public double squaredLogSumExp;

  /** Of a softmax router. */
  public Routing(int maxTokens, int numExperts, int topK) {
    this(maxTokens, numExperts, topK, RouterScoring.SOFTMAX);
  }

  public Routing(int maxTokens, int numExperts, int topK, RouterScoring scoring) {
    this.numExperts = numExperts;
    this.topK = topK;
    this.scoring = scoring;
    int slots = Math.multiplyExact(maxTokens, topK);
    this.expertOfSlot = new int[slots];
    this.slotOfRow = new int[slots];
    this.rowOfSlot = new int[slots];
    this.offsets = new int[numExperts + 1];
    this.probabilitySum = new double[numExperts];
    this.gateMass = new double[numExperts];
  }

  public int numExperts() {
    return numExperts;
  }

  public int topK() {
    return topK;
  }

  /** What the router makes of its logits. */
  public RouterScoring scoring() {
    return scoring;
  }

  /** Tokens of the current content. */
  public int tokens() {
    return tokens;
  }

  /** Rows (and slots) of the current content. */
  public int rows() {
    return tokens * topK;
  }

  /** Rows of one expert. */
  public int count(int expert) {
    return offsets[expert + 1] - offsets[expert];
  }

  /**
   * Adds the selections of each of S equal runs of tokens, [S·E], to {@code counts}.
   *
   * @throws IllegalArgumentException as {@link #runs}
   */
  public void addCounts(long[] counts) {
    int slotsOfRun = rows() / runs(counts.length);
    for (int slot = 0; slot < rows(); slot++) {
      counts[slot / slotsOfRun * numExperts + expertOfSlot[slot]]++;
    }
  }

  /**
   * S, the equal runs of tokens that {@code length} = S·E numbers speak of.
   *
   * @throws IllegalArgumentException if that is not a whole number of runs of whole tokens
   */
  public int runs(int length) {
    int runs = length / numExperts;
    if (runs < 1 || runs * numExperts != length || tokens % runs != 0) {
      throw new IllegalArgumentException(
          "%d numbers are not one per expert (%d) and equal run of the %d tokens"
              .formatted(length, numExperts, tokens));
    }
    return runs;
  }

  /**
   * Orders the slots by expert with a stable counting sort: fills {@link #offsets}, {@link
   * #slotOfRow} and {@link #rowOfSlot} from {@link #expertOfSlot}.
   */
  public void sortByExpert(int tokenCount) {
    this.tokens = tokenCount;
    int slots = rows();
    java.util.Arrays.fill(offsets, 0);
    for (int slot = 0; slot < slots; slot++) {
      offsets[expertOfSlot[slot] + 1]++;
    }
    for (int e = 0; e < numExperts; e++) {
      offsets[e + 1] += offsets[e];
    }
    // offsets[e] serves as the cursor of expert e and is moved back afterwards.
    for (int slot = 0; slot < slots; slot++) {
      int row = offsets[expertOfSlot[slot]]++;
      slotOfRow[row] = slot;
      rowOfSlot[slot] = row;
    }
    System.arraycopy(offsets, 0, offsets, 1, numExperts);
    offsets[0] = 0;
  }
}
