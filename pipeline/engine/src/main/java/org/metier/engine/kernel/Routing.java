package org.metier.engine.kernel;

import java.util.Arrays;

/**
 * Which token went to which expert in one layer, and the statistics of it that balancing needs.
 * Filled by {@link Kernels#route}. A <em>slot</em> is (token, rank): {@code slot = token * topK +
 * rank}. A <em>row</em> is a place in the dispatched order, where all rows of expert 0 come first,
 * then those of expert 1, and so on; within an expert rows are in slot order.
 *
 * <p>The router has n + m columns: n experts, then m <em>null experts</em> that stand for no work
 * at all (AdaMoE, arXiv 2406.13233). A choice of a null has no row, and neither has one that an
 * {@link ExpertCapacity} turned away, so R, the number of rows, varies from batch to batch and is
 * at most T·k.
 *
 * <p>Indices are host arrays on every backend, since the sizes of the expert GEMMs are needed on
 * the host in any case.
 */
public final class Routing {
  /** In {@link #rowOfSlot}: nobody computes this choice. */
  public static final int NO_ROW = -1;

  private final int numExperts;
  private final int columns;
  private final int topK;
  private final ExpertCapacity capacity;
  private final RouterScoring scoring;
  private int tokens;

  /** Column of each slot, best first within a token: an expert, or a null from n on. */
  public final int[] expertOfSlot;

  /** Slot of each row. */
  public final int[] slotOfRow;

  /** Row of each slot, or {@link #NO_ROW}. */
  public final int[] rowOfSlot;

  /** Rows of each expert: {@code [offsets[e], offsets[e + 1])}. Length n + 1. */
  public final int[] offsets;

  /** Choices of each expert that its capacity turned away. Length n. */
  public final int[] dropped;

  /** Σ_t p[t, e]: divided by the token count this is P_e. Length n + m. */
  public final double[] probabilitySum;

  /** Σ of the gate weights of each expert's rows. Length n. */
  public final double[] gateMass;

  /**
   * Router probability of each slot's choice, for whom a capacity asks for it ({@link
   * #needsProbabilities}); of length 0 otherwise.
   */
  public final double[] probabilityOfSlot;

  /** Σ_t Σ over the chosen experts, nulls left out, of p[t, e] before any renormalisation. */
  public double scoreSum;

  /** Σ_t logsumexp(logits[t])². */
  public double squaredLogSumExp;

  /** Of a softmax router, dropless and without null experts. */
  public Routing(int maxTokens, int numExperts, int topK) {
    this(maxTokens, numExperts, 0, topK, ExpertCapacity.UNLIMITED, RouterScoring.SOFTMAX);
  }

  /** Dropless and without null experts. */
  public Routing(int maxTokens, int numExperts, int topK, RouterScoring scoring) {
    this(maxTokens, numExperts, 0, topK, ExpertCapacity.UNLIMITED, scoring);
  }

  /** Of a softmax router. */
  public Routing(
      int maxTokens, int numExperts, int nullExperts, int topK, ExpertCapacity capacity) {
    this(maxTokens, numExperts, nullExperts, topK, capacity, RouterScoring.SOFTMAX);
  }

  /**
   * @param numExperts n
   * @param nullExperts m
   * @throws IllegalArgumentException for null experts beside sigmoid scores, which know no choice
   *     of nothing
   */
  public Routing(
      int maxTokens,
      int numExperts,
      int nullExperts,
      int topK,
      ExpertCapacity capacity,
      RouterScoring scoring) {
    if (nullExperts > 0 && scoring.activation() != RouterScoring.Activation.SOFTMAX) {
      throw new IllegalArgumentException("null experts need a softmax router");
    }
    this.numExperts = numExperts;
    this.columns = numExperts + nullExperts;
    this.topK = topK;
    this.capacity = capacity;
    this.scoring = scoring;
    int slots = Math.multiplyExact(maxTokens, topK);
    this.expertOfSlot = new int[slots];
    this.slotOfRow = new int[slots];
    this.rowOfSlot = new int[slots];
    this.offsets = new int[numExperts + 1];
    this.dropped = new int[numExperts];
    this.probabilitySum = new double[columns];
    this.gateMass = new double[numExperts];
    this.probabilityOfSlot = new double[capacity.needsProbabilities() ? slots : 0];
  }

  /** n, experts that compute. */
  public int numExperts() {
    return numExperts;
  }

  /** n + m, what the router chooses from. */
  public int columns() {
    return columns;
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

  /** T·k, slots of the current content. */
  public int slots() {
    return tokens * topK;
  }

  /** R, rows of the current content. */
  public int rows() {
    return offsets[numExperts];
  }

  /** True if every slot has a row: no null was chosen and nothing dropped. */
  public boolean complete() {
    return rows() == slots();
  }

  /** Rows of one expert. */
  public int count(int expert) {
    return offsets[expert + 1] - offsets[expert];
  }

  /** True if an expert computes this slot. */
  public boolean hasRow(int slot) {
    return rowOfSlot[slot] != NO_ROW;
  }

  /** True if the slot's choice is an expert that had no room for it. */
  public boolean isDropped(int slot) {
    return rowOfSlot[slot] == NO_ROW && expertOfSlot[slot] < numExperts;
  }

  /** True if {@link Kernels#route} is to fill {@link #probabilityOfSlot}. */
  public boolean needsProbabilities() {
    return probabilityOfSlot.length > 0;
  }

  /**
   * Adds the selections of each of S equal runs of tokens, [S·(n + m)], to {@code counts}: what the
   * router chose, nulls included and before any capacity.
   *
   * @throws IllegalArgumentException as {@link #runs}
   */
  public void addCounts(long[] counts) {
    int slotsOfRun = slots() / runs(counts.length);
    for (int slot = 0; slot < slots(); slot++) {
      counts[slot / slotsOfRun * columns + expertOfSlot[slot]]++;
    }
  }

  /**
   * Adds the tokens that a experts compute to {@code counts[a]}, for a from 0 to k.
   *
   * @param counts [k + 1]
   */
  public void addTokensByExperts(long[] counts) {
    for (int t = 0; t < tokens; t++) {
      int experts = 0;
      for (int slot = t * topK; slot < (t + 1) * topK; slot++) {
        experts += hasRow(slot) ? 1 : 0;
      }
      counts[experts]++;
    }
  }

  /**
   * S, the equal runs of tokens that {@code length} = S·(n + m) numbers speak of.
   *
   * @throws IllegalArgumentException if that is not a whole number of runs of whole tokens
   */
  public int runs(int length) {
    int runs = length / columns;
    if (runs < 1 || runs * columns != length || tokens % runs != 0) {
      throw new IllegalArgumentException(
          "%d numbers are not one per expert (%d) and equal run of the %d tokens"
              .formatted(length, columns, tokens));
    }
    return runs;
  }

  /**
   * Orders the slots by expert with a stable counting sort and turns away what exceeds the
   * capacity: fills {@link #offsets}, {@link #slotOfRow}, {@link #rowOfSlot} and {@link #dropped}
   * from {@link #expertOfSlot} and, where asked for, {@link #probabilityOfSlot}.
   */
  public void sortByExpert(int tokenCount) {
    this.tokens = tokenCount;
    int slots = slots();
    Arrays.fill(offsets, 0);
    Arrays.fill(dropped, 0);
    for (int slot = 0; slot < slots; slot++) {
      int expert = expertOfSlot[slot];
      if (expert < numExperts) {
        offsets[expert + 1]++;
      }
    }
    for (int e = 0; e < numExperts; e++) {
      offsets[e + 1] += offsets[e];
    }
    // offsets[e] serves as the cursor of expert e and is moved back afterwards.
    for (int slot = 0; slot < slots; slot++) {
      int expert = expertOfSlot[slot];
      if (expert < numExperts) {
        int row = offsets[expert]++;
        slotOfRow[row] = slot;
        rowOfSlot[slot] = row;
      } else {
        rowOfSlot[slot] = NO_ROW;
      }
    }
    System.arraycopy(offsets, 0, offsets, 1, numExperts);
    offsets[0] = 0;
    if (capacity.limited()) {
      drop(capacity.rows(tokens, topK, columns));
    }
  }

  /** Leaves each expert at most {@code room} rows, and no gaps. */
  private void drop(int room) {
    int kept = 0;
    for (int e = 0; e < numExperts; e++) {
      int from = offsets[e];
      int to = offsets[e + 1];
      offsets[e] = kept;
      if (to - from > room) {
        dropped[e] = to - from - room;
        turnAway(from, to, room);
      }
      for (int row = from; row < to; row++) {
        int slot = slotOfRow[row];
        if (hasRow(slot)) {
          rowOfSlot[slot] = kept;
          slotOfRow[kept++] = slot;
        }
      }
    }
    offsets[numExperts] = kept;
  }

  /** Takes their row from all but {@code room} of the slots of the rows [from, to). */
  private void turnAway(int from, int to, int room) {
    if (capacity.policy() == DropPolicy.POSITION) {
      for (int row = from + room; row < to; row++) {
        rowOfSlot[slotOfRow[row]] = NO_ROW;
      }
      return;
    }
    double least = leastKept(from, to, room);
    int ofLeast = room;
    for (int row = from; row < to; row++) {
      ofLeast -= probabilityOfSlot[slotOfRow[row]] > least ? 1 : 0;
    }
    for (int row = from; row < to; row++) {
      double p = probabilityOfSlot[slotOfRow[row]];
      boolean keep = p > least || (p == least && ofLeast-- > 0);
      if (!keep) {
        rowOfSlot[slotOfRow[row]] = NO_ROW;
      }
    }
  }

  /** The {@code room}-th largest probability of the rows [from, to). */
  private double leastKept(int from, int to, int room) {
    double[] probabilities = new double[to - from];
    for (int row = from; row < to; row++) {
      probabilities[row - from] = probabilityOfSlot[slotOfRow[row]];
    }
    Arrays.sort(probabilities);
    return probabilities[probabilities.length - room];
  }

  /**
   * Takes over the rows of the experts {@code [first, first + n)} of another routing of as many
   * slots per token, for whom this one's n experts stand; to it all others are null experts.
   */
  public void takeExperts(Routing all, int first) {
    this.tokens = all.tokens;
    int from = all.offsets[first];
    int to = all.offsets[first + numExperts];
    for (int e = 0; e <= numExperts; e++) {
      offsets[e] = all.offsets[first + e] - from;
    }
    System.arraycopy(all.slotOfRow, from, slotOfRow, 0, to - from);
    for (int slot = 0; slot < slots(); slot++) {
      int row = all.rowOfSlot[slot];
      boolean own = row >= from && row < to;
      rowOfSlot[slot] = own ? row - from : NO_ROW;
      expertOfSlot[slot] = own ? all.expertOfSlot[slot] - first : numExperts;
    }
  }
}
