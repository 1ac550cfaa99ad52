package org.metier.train;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.util.SerializableConfiguration;
import org.metier.prep.BadDataException;
import org.metier.prep.shard.ShardManifest;
import org.metier.prep.shard.ShardReader;

/**
 * The domain of every training sequence, for runs whose workers are dealt domains: worker w of W
 * draws from the domains w, w + W, w + 2W and so on of the manifest's sorted list, and from no
 * other. Two bytes a sequence, read once when a run starts.
 *
 * @param domainOfShards [shards][sequences] index of each sequence's domain; no rows if all workers
 *     draw from the mixture
 */
record DomainIndex(short[][] domainOfShards) implements Serializable {

  /** For workers that draw from the mixture. */
  static DomainIndex none() {
    return new DomainIndex(new short[0][]);
  }

  /** Reads every shard, one Spark task each. A sequence is of one domain as a whole. */
  static DomainIndex read(
      JavaSparkContext spark,
      String splitDirectory,
      ShardManifest manifest,
      SerializableConfiguration hadoop) {
    spark.setJobDescription("metier domains of the training sequences");
    List<Long> firsts = new ArrayList<>();
    long first = 0;
    for (ShardManifest.Shard shard : manifest.shards()) {
      firsts.add(first);
      first += shard.sequences();
    }
    List<Integer> shards = IntStream.range(0, firsts.size()).boxed().toList();
    List<short[]> domains =
        spark
            .parallelize(shards, shards.size())
            .map(
                shard -> {
                  short[] ofShard = new short[(int) manifest.shards().get(shard).sequences()];
                  try (ShardReader reader =
                      new ShardReader(new Path(splitDirectory), manifest, hadoop.value())) {
                    for (int i = 0; i < ofShard.length; i++) {
                      ofShard[i] = (short) reader.get(firsts.get(shard) + i).domains()[0];
                    }
                  }
                  return ofShard;
                })
            .collect();
    return new DomainIndex(domains.toArray(new short[0][]));
  }

  /**
   * Checks that there is something for everyone.
   *
   * @throws BadDataException if a worker's domains have no training sequence
   */
  static void requireDomains(ShardManifest manifest, int workers, String split) {
    for (int w = 0; w < workers; w++) {
      long sequences = 0;
      for (int d = w; d < manifest.domains().size(); d += workers) {
        sequences += manifest.sequencesByDomain().getOrDefault(manifest.domains().get(d), 0L);
      }
      if (sequences == 0) {
        throw new BadDataException(
            "%s: train.workerData = domains leaves nothing for worker %d of %d (%d domains); lower train.workers"
                .formatted(split, w, workers, manifest.domains().size()));
      }
    }
  }

  /** The order in which one worker reads the sequences of its domains. */
  OwnOrder orderOf(int worker, int workers, long seed) {
    List<Long> sizes = new ArrayList<>();
    List<long[]> positions = new ArrayList<>();
    long first = 0;
    for (short[] shard : domainOfShards) {
      long start = first;
      long[] own =
          IntStream.range(0, shard.length)
              .filter(i -> shard[i] % workers == worker)
              .mapToLong(i -> start + i)
              .toArray();
      sizes.add((long) own.length);
      positions.add(own);
      first += shard.length;
    }
    long[] all = positions.stream().flatMapToLong(Arrays::stream).toArray();
    return new OwnOrder(all, new DataOrder(sizes, seed));
  }

  /**
   * {@link DataOrder} over some of the sequences: epoch 0 reads them as they lie, later ones
   * shuffle, shard by shard; a function of (seed, epoch, position in the worker's own stream).
   *
   * @param positions of the worker's sequences in the split, ascending
   * @param order of their ranks
   */
  record OwnOrder(long[] positions, DataOrder order) {
    /** Where the sequence lies that the worker reads as its n-th, over all its epochs. */
    long at(long n) {
      return positions[Math.toIntExact(order.at(n))];
    }
  }
}
