package org.metier.train;

import java.io.IOException;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.stream.LongStream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.resource.ResourceProfile;
import org.apache.spark.util.TaskCompletionListener;
import org.metier.engine.tensor.ParameterLayout;
import org.metier.model.Parameters;
import org.metier.prep.BadDataException;
import org.metier.prep.FirstAccess;
import org.metier.prep.shard.ShardManifest;
import org.metier.prep.shard.ShardReader;
import org.metier.prep.shard.TokenSequence;
import org.metier.train.ParameterSlices.Slice;

/**
 * The loss on held-out sequences while a run goes on, by domain, in the replicas that the executors
 * hold anyway. It looks at the first sequences of the validation split, or of the held-out split of
 * a corpus that has no such (they lie shuffled), at the same ones each time, and changes nothing of
 * the training. Sums run in double and in the order of the sequences, so neither the workers nor
 * the tasks' order shows in a bit.
 *
 * <p>{@code analyze} looks at the held-out split: without a validation split its losses are not
 * those of text that an early stop, or the choice of the best checkpoint, has never seen.
 */
public final class Validation implements AutoCloseable {
  private final JavaSparkContext spark;
  private final Broadcast<Plan> plan;
  private final ParameterSlices slices;
  private final int tasks;
  private final Optional<ResourceProfile> profile;

  /**
   * Losses at one point of a run.
   *
   * @param round rounds finished
   * @param step optimiser steps finished
   * @param domains those that occur, in the manifest's order
   */
  public record Result(long round, long step, List<DomainLoss> domains) {

    /** Mean cross-entropy over all tokens, nats. */
    public double loss() {
      double sum = 0;
      long tokens = 0;
      for (DomainLoss domain : domains) {
        sum += domain.loss() * domain.tokens();
        tokens += domain.tokens();
      }
      return sum / tokens;
    }

    /** The lowest loss, the first of those that are equal. */
    static Optional<Result> best(List<Result> validations) {
      Optional<Result> best = Optional.empty();
      for (Result next : validations) {
        // NaN is above all
        if (best.isEmpty() || Double.compare(next.loss(), best.get().loss()) < 0) {
          best = Optional.of(next);
        }
      }
      return best;
    }
  }

  /**
   * One domain of a {@link Result}.
   *
   * @param loss mean cross-entropy, nats per token
   */
  public record DomainLoss(String domain, long tokens, double loss) {}

  /** What tasks need to know; broadcast once. */
  private record Plan(TrainPlan train, String split, ShardManifest manifest, ParameterSlices slices)
      implements Serializable {}

  /**
   * Sums over one batch.
   *
   * @param tokens by domain
   * @param loss by domain, nats
   */
  private record Sums(long[] tokens, double[] loss) implements Serializable {}

  /**
   * @throws BadDataException if there is no held-out split, or not of the training split's tokens
   */
  Validation(JavaSparkContext spark, TrainPlan train) {
    this.spark = spark;
    TrainConfig config = train.train();
    Path split = split(config.data(), train.hadoopConfiguration());
    ShardManifest manifest = ShardManifest.read(split, train.hadoopConfiguration());
    checkFit(manifest, train.manifest(), split);
    ParameterLayout layout = Parameters.layout(train.model());
    this.tasks = config.workers();
    this.profile = TaskDevice.profile(spark, train.engine());
    this.slices =
        ParameterSlices.cut(List.of(Block.VALUE), layout.size(), config.sliceMegabytes() << 20, 1);
    this.plan = spark.broadcast(new Plan(train, split.toString(), manifest, slices));
  }

  /** The validation split if the corpus has one, otherwise the held-out split. */
  private static Path split(String data, Configuration hadoop) {
    Path validation = new Path(data, "validation");
    try {
      FirstAccess.check(validation, hadoop);
      boolean exists =
          validation.getFileSystem(hadoop).exists(new Path(validation, ShardManifest.FILE));
      return exists ? validation : new Path(data, "held-out");
    } catch (IOException e) {
      throw new BadDataException(validation + " cannot be read: " + e.getMessage(), e);
    }
  }

  private static void checkFit(ShardManifest manifest, ShardManifest train, Path split) {
    if (!manifest.tokenizerSha256().equals(train.tokenizerSha256())
        || manifest.sequenceLength() != train.sequenceLength()) {
      throw new BadDataException(
          split + ": made with another tokenizer or sequence length than the training split");
    }
    if (manifest.sequences() < 1) {
      throw new BadDataException(
          split + ": there is not one held-out sequence; set train.validateEvery=0");
    }
  }

  /** Losses of the parameters as they are. */
  Result of(TrainState state) {
    TrainConfig config = plan.value().train().train();
    spark.setJobDescription("metier validation after round " + state.round());
    int batchSequences = config.batchSequences();
    long sequences = Math.min(config.validationSequences(), plan.value().manifest().sequences());
    List<Long> starts =
        LongStream.iterate(0, at -> at < sequences, at -> at + batchSequences).boxed().toList();
    List<Broadcast<byte[]>> values = ParameterAveraging.broadcast(spark, slices, state.blocks());
    Broadcast<Plan> planOnWorker = plan;
    double[][] bias = state.frequencies().bias();
    try {
      JavaRDD<Sums> sums =
          spark
              .parallelize(starts, Math.min(tasks, starts.size()))
              .mapPartitions(own -> evaluate(planOnWorker.value(), values, bias, sequences, own));
      List<Sums> inOrder = profile.map(sums::withResources).orElse(sums).collect();
      return new Result(state.round(), state.step(), byDomain(inOrder));
    } finally {
      values.forEach(Broadcast::destroy);
    }
  }

  private List<DomainLoss> byDomain(List<Sums> batches) {
    List<DomainLoss> losses = new ArrayList<>();
    List<String> domains = plan.value().manifest().domains();
    for (int d = 0; d < domains.size(); d++) {
      long tokens = 0;
      double loss = 0;
      for (Sums batch : batches) {
        tokens += batch.tokens()[d];
        loss += batch.loss()[d];
      }
      if (tokens > 0) {
        losses.add(new DomainLoss(domains.get(d), tokens, loss / tokens));
      }
    }
    return losses;
  }

  private static Iterator<Sums> evaluate(
      Plan plan,
      List<Broadcast<byte[]>> values,
      double[][] bias,
      long sequences,
      Iterator<Long> starts) {
    Replica replica = Replica.acquire(plan.train());
    TaskContext.get().addTaskCompletionListener((TaskCompletionListener) task -> replica.release());
    for (Slice slice : plan.slices().slices()) {
      replica.write(slice, values.get(slice.id()).value());
    }
    List<Sums> sums = new ArrayList<>();
    try (ShardReader shards =
        new ShardReader(
            new Path(plan.split()), plan.manifest(), plan.train().hadoopConfiguration())) {
      while (starts.hasNext()) {
        long from = starts.next();
        long to = Math.min(sequences, from + plan.train().train().batchSequences());
        List<TokenSequence> batch = new ArrayList<>();
        for (long position = from; position < to; position++) {
          batch.add(shards.get(position));
        }
        sums.add(sums(batch, replica.losses(batch, bias), plan.manifest().domains().size()));
      }
    }
    return sums.iterator();
  }

  private static Sums sums(List<TokenSequence> batch, double[] losses, int domains) {
    Sums sums = new Sums(new long[domains], new double[domains]);
    int at = 0;
    for (TokenSequence sequence : batch) {
      for (int t = 0; t < sequence.documentStart().length; t++) {
        int domain = sequence.domains()[t];
        sums.tokens()[domain] += sequence.counts(t) ? 1 : 0;
        sums.loss()[domain] += losses[at++]; // 0 where the target does not count
      }
    }
    return sums;
  }

  @Override
  public void close() {
    plan.destroy();
  }
}
