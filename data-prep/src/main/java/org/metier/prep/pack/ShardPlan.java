package org.metier.prep.pack;

import java.io.Serializable;
import java.util.Arrays;
import org.metier.prep.document.Split;

/**
 * Which shard a sequence goes to, and the position of each shard's first sequence. Shard s of N
 * takes the s-th of N equal ranges of the order keys, so that shards one after the other are one
 * globally shuffled list. Everything follows from the number of sequences in each bucket.
 */
public final class ShardPlan implements Serializable {
  private static final long serialVersionUID = 1L;

  private final int[] firstShard; // [splits + 1]: the shards of all splits are numbered through
  private final long[] sequences; // [shards]
  private final long[] firstPosition; // [shards], counted within the split

  /**
   * @param mixture how often each row of each bucket is written
   * @param sequencesPerShard wanted, on average
   */
  public ShardPlan(Buckets buckets, Mixture mixture, int sequencesPerShard) {
    long[] total = new long[Split.values().length];
    boolean[] present = new boolean[total.length];
    for (int b = 0; b < buckets.size(); b++) {
      int split = buckets.get(b).split().ordinal();
      present[split] = true;
      for (long index = 0; index < mixture.available(b); index++) {
        total[split] += mixture.copies(b, index);
      }
    }
    firstShard = new int[total.length + 1];
    for (int split = 0; split < total.length; split++) {
      long wanted = (total[split] + sequencesPerShard - 1) / sequencesPerShard;
      long shards = present[split] ? Math.max(1, wanted) : 0;
      firstShard[split + 1] = Math.toIntExact(firstShard[split] + shards);
    }
    sequences = new long[firstShard[total.length]];
    for (int b = 0; b < buckets.size(); b++) {
      Bucket bucket = buckets.get(b);
      for (long index = 0; index < mixture.available(b); index++) {
        long copies = mixture.copies(b, index);
        for (long copy = 0; copy < copies; copy++) {
          long order = bucket.orderOf(mixture.numberOf(b, index, copy));
          sequences[shardOf(bucket.split(), order)]++;
        }
      }
    }
    firstPosition = new long[sequences.length];
    for (Split split : Split.values()) {
      for (int shard = first(split) + 1; shard < first(split) + shards(split); shard++) {
        firstPosition[shard] = firstPosition[shard - 1] + sequences[shard - 1];
      }
    }
  }

  /** Number, among the shards of all splits, of the shard that a sequence goes to. */
  public int shardOf(Split split, long order) {
    int shards = shards(split);
    // High 64 bits of the unsigned product order · shards.
    long high = Math.multiplyHigh(order, shards) + (order < 0 ? shards : 0);
    return first(split) + (int) high;
  }

  /** Number of a split's first shard. */
  public int first(Split split) {
    return firstShard[split.ordinal()];
  }

  /** Number of a split's shards. */
  public int shards(Split split) {
    return firstShard[split.ordinal() + 1] - firstShard[split.ordinal()];
  }

  /** Shards of all splits. */
  public int size() {
    return sequences.length;
  }

  /** The split of a shard. */
  public Split splitOf(int shard) {
    for (Split split : Split.values()) {
      if (shard < first(split) + shards(split)) {
        return split;
      }
    }
    throw new IndexOutOfBoundsException(shard);
  }

  /** Sequences in a shard. */
  public long sequences(int shard) {
    return sequences[shard];
  }

  /** Sequences in all shards of a split. */
  public long sequences(Split split) {
    long sum = 0;
    for (int shard = first(split); shard < first(split) + shards(split); shard++) {
      sum += sequences[shard];
    }
    return sum;
  }

  /** Sequences in all shards of all splits. */
  public long totalSequences() {
    return Arrays.stream(sequences).sum();
  }

  /** Position of a shard's first sequence in its split. */
  public long firstPosition(int shard) {
    return firstPosition[shard];
  }
}
