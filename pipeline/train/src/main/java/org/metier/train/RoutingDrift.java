package org.metier.train;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.function.LongConsumer;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.util.LongAccumulator;
import org.metier.prep.shard.TokenSequence;

/**
 * How two checkpoints of a run route the same held-out text: both models go over it side by side in
 * the executors, without their output layers, and only sums leave.
 *
 * @param overlap rows (checkpoint_step, layer, k, tokens, sequences, overlap, overlap_squares):
 *     with o the size of the common part of a token's first k choices, summed over a sequence,
 *     {@code overlap} is Σ o and {@code overlap_squares} Σ o² over the sequences
 * @param choices rows (checkpoint_step, layer, domain, expert, tokens) of the other checkpoint
 */
public record RoutingDrift(List<Row> overlap, List<Row> choices) {
  private static final int TASK_BATCHES = 4;

  /**
   * @param reference usually a run's last checkpoint
   * @param other an earlier one of the same model
   * @param maxSequences at most so many held-out sequences
   * @param progress is told how many of them are done
   */
  public static RoutingDrift between(
      SparkSession spark,
      String data,
      Checkpoint.Loaded reference,
      Checkpoint.Loaded other,
      EngineConfig engine,
      TrainConfig config,
      long maxSequences,
      LongConsumer progress) {
    JavaSparkContext context = JavaSparkContext.fromSparkContext(spark.sparkContext());
    HeldOut heldOut = HeldOut.open(spark, data, reference.header());
    String key = UUID.randomUUID().toString();
    Broadcast<EvaluationPlan> ours =
        context.broadcast(heldOut.plan(key, reference, engine, config));
    Broadcast<EvaluationPlan> theirs = context.broadcast(heldOut.plan(key, other, engine, config));
    long sequences = Math.min(maxSequences, heldOut.manifest().sequences());
    List<long[]> ranges = HeldOut.ranges(sequences, (long) TASK_BATCHES * config.batchSequences());
    LongAccumulator done = spark.sparkContext().longAccumulator("compared sequences");
    context.setJobDescription("metier routing drift");
    try {
      JavaRDD<Sums> sums =
          context
              .parallelize(ranges, ranges.size())
              .map(
                  range -> {
                    Sums own = compare(ours.value(), theirs.value(), range[0], range[1]);
                    done.add(range[1] - range[0]);
                    return own;
                  });
      JavaRDD<Sums> placed =
          TaskDevice.profile(context, engine).map(sums::withResources).orElse(sums);
      List<Sums> parts = HeldOut.await(placed.collectAsync(), done, sequences, progress);
      Sums total = parts.get(0);
      parts.subList(1, parts.size()).forEach(total::add);
      return total.rows(other.header().step(), sequences, heldOut.manifest().domains());
    } finally {
      EvaluationReplica.closeIdle(key);
      ours.destroy();
      theirs.destroy();
    }
  }

  private static Sums compare(EvaluationPlan ours, EvaluationPlan theirs, long from, long to) {
    EvaluationReplica reference =
        EvaluationReplica.acquire(ours.key() + "/reference", ours, ours.model());
    EvaluationReplica other =
        EvaluationReplica.acquire(theirs.key() + "/other", theirs, theirs.model());
    try {
      int experts = reference.model.probabilities(0).dim(1);
      int domains = ours.manifest().domains().size();
      Sums sums = new Sums(ours.model().numLayers(), ours.model().topK(), domains, experts);
      int step = ours.train().batchSequences();
      for (long at = from; at < to; at += step) {
        List<TokenSequence> sequences = reference.sequences(at, Math.min(to, at + step));
        reference.model.route(reference.batch(sequences));
        other.model.route(reference.batch(sequences));
        for (int l = 0; l < sums.overlap.length; l++) {
          int[] a = reference.model.routing(l).expertOfSlot;
          int[] b = other.model.routing(l).expertOfSlot;
          int slot = 0;
          for (TokenSequence sequence : sequences) {
            slot = sums.addSequence(l, a, b, slot, sequence.domains());
          }
        }
      }
      return sums;
    } finally {
      reference.release();
      other.release();
    }
  }

  /** Whole numbers, so that their order does not matter. */
  static final class Sums implements Serializable {
    private static final long serialVersionUID = 1L;

    /** [L][k]. */
    final long[][] overlap;

    /** [L][k] sums of a sequence's square. */
    final long[][] squares;

    /** [L][D·E]. */
    final long[][] choices;

    private final int numExperts;
    private final int[] mark;
    private int token;
    private long tokens;

    Sums(int layers, int topK, int domains, int experts) {
      this.overlap = new long[layers][topK];
      this.squares = new long[layers][topK];
      this.choices = new long[layers][domains * experts];
      this.numExperts = experts;
      this.mark = new int[experts];
    }

    /**
     * Adds one sequence of one layer.
     *
     * @param a slots of the one checkpoint, best first within a token
     * @param b of the other
     * @return the slot after the sequence's last
     */
    int addSequence(int layer, int[] a, int[] b, int slot, int[] domains) {
      int k = overlap[layer].length;
      long[] own = new long[k];
      int at = slot;
      for (int domain : domains) {
        token++; // what is marked with it was chosen by this token
        int common = 0;
        for (int j = 0; j < k; j++) {
          common += meet(a[at + j]) + meet(b[at + j]);
          own[j] += common;
          choices[layer][domain * numExperts + b[at + j]]++;
        }
        at += k;
      }
      for (int j = 0; j < k; j++) {
        overlap[layer][j] += own[j];
        squares[layer][j] += own[j] * own[j];
      }
      if (layer == 0) {
        tokens += domains.length;
      }
      return at;
    }

    /**
     * 1 if the other checkpoint has chosen this expert for this token before, and else notes it.
     */
    private int meet(int expert) {
      if (mark[expert] == token) {
        return 1;
      }
      mark[expert] = token;
      return 0;
    }

    void add(Sums other) {
      for (int l = 0; l < overlap.length; l++) {
        add(overlap[l], other.overlap[l]);
        add(squares[l], other.squares[l]);
        add(choices[l], other.choices[l]);
      }
      tokens += other.tokens;
    }

    private static void add(long[] sum, long[] terms) {
      for (int i = 0; i < sum.length; i++) {
        sum[i] += terms[i];
      }
    }

    RoutingDrift rows(long step, long sequences, List<String> domains) {
      List<Row> overlapRows = new ArrayList<>();
      List<Row> choiceRows = new ArrayList<>();
      for (int l = 0; l < overlap.length; l++) {
        for (int j = 0; j < overlap[l].length; j++) {
          overlapRows.add(
              RowFactory.create(step, l, j + 1, tokens, sequences, overlap[l][j], squares[l][j]));
        }
        for (int i = 0; i < choices[l].length; i++) {
          choiceRows.add(
              RowFactory.create(
                  step, l, domains.get(i / numExperts), i % numExperts, choices[l][i]));
        }
      }
      return new RoutingDrift(overlapRows, choiceRows);
    }
  }
}
