package org.metier.train;

import java.util.List;
import java.util.Random;

/**
 * The order in which training reads sequences: a function of (seed, epoch, position) alone, so that
 * a resumed run may have another number of workers. Shards were shuffled globally when they were
 * prepared, so epoch 0 reads them as they lie; later epochs shuffle the shards and, within each,
 * its sequences, and so still read one shard after the other.
 */
final class DataOrder {
  private final long seed;
  private final long[] firstOfShard;
  private final int[] shardSizes;
  private final long total;
  private long preparedEpoch = 0;
  private int[] shardOrder;
  private int[] withinShard = new int[0];
  private int withinShardOf = -1;

  /**
   * @param shardSizes sequences of each shard, in manifest order
   */
  DataOrder(List<Long> shardSizes, long seed) {
    this.seed = seed;
    this.shardSizes = new int[shardSizes.size()];
    this.firstOfShard = new long[shardSizes.size()];
    long sum = 0;
    for (int i = 0; i < this.shardSizes.length; i++) {
      firstOfShard[i] = sum;
      this.shardSizes[i] = Math.toIntExact(shardSizes.get(i));
      sum += this.shardSizes[i];
    }
    this.total = sum;
  }

  /** Where the sequence lies that is read at {@code position}, counted over all epochs. */
  long at(long position) {
    long epoch = position / total;
    long rest = position % total;
    if (epoch == 0) {
      return rest;
    }
    if (epoch != preparedEpoch) {
      shardOrder = permutation(shardSizes.length, new Random(mix(epoch, -1)));
      preparedEpoch = epoch;
      withinShardOf = -1;
    }
    int i = 0;
    while (rest >= shardSizes[shardOrder[i]]) {
      rest -= shardSizes[shardOrder[i++]];
    }
    int shard = shardOrder[i];
    if (shard != withinShardOf) {
      withinShard = permutation(shardSizes[shard], new Random(mix(epoch, shard)));
      withinShardOf = shard;
    }
    return firstOfShard[shard] + withinShard[(int) rest];
  }

  private long mix(long epoch, long shard) {
    return (seed * 31 + epoch) * 0x9E3779B97F4A7C15L + shard;
  }

  private static int[] permutation(int n, Random random) {
    int[] order = new int[n];
    for (int i = 0; i < n; i++) {
      int j = random.nextInt(i + 1);
      order[i] = order[j];
      order[j] = i;
    }
    return order;
  }
}
