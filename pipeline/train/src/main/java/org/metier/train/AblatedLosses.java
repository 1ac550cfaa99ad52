package org.metier.train;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.LongConsumer;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.util.LongAccumulator;
import org.metier.model.Batch;
import org.metier.model.ModelConfig;
import org.metier.model.TransformerLm;
import org.metier.prep.shard.TokenSequence;

/**
 * Held-out losses of a checkpoint whose routers may choose among some of their experts only.
 *
 * <p>What is kept out gets a selection bias of negative infinity, so that its probability stays in
 * the softmax and its gate goes to those that are chosen (where gates are normalised). With fewer
 * experts than choices every token takes all that are left.
 */
public final class AblatedLosses {
  private AblatedLosses() {}

  /**
   * Experts that the routers may choose.
   *
   * @param name of the variant
   * @param experts [L][n] numbers of those kept in each layer, as many in each
   */
  public record Kept(String name, int[][] experts) implements Serializable {}

  /**
   * @param maxSequences at most so many held-out sequences, the same for every variant
   * @param progress is told how many sequences of all variants are done
   * @return rows (variant, sequence, domain, tokens, loss_sum), by variant and sequence
   */
  public static List<Row> of(
      SparkSession spark,
      String data,
      Checkpoint.Loaded checkpoint,
      EngineConfig engine,
      TrainConfig config,
      List<Kept> variants,
      long maxSequences,
      LongConsumer progress) {
    JavaSparkContext context = JavaSparkContext.fromSparkContext(spark.sparkContext());
    HeldOut heldOut = HeldOut.open(spark, data, checkpoint.header());
    long sequences = Math.min(maxSequences, heldOut.manifest().sequences());
    Broadcast<EvaluationPlan> plan = context.broadcast(heldOut.plan(checkpoint, engine, config));
    List<Integer> numbers = new ArrayList<>();
    for (int v = 0; v < variants.size(); v++) {
      numbers.add(v);
    }
    LongAccumulator done = spark.sparkContext().longAccumulator("ablated sequences");
    context.setJobDescription("metier expert ablation");
    try {
      JavaRDD<List<Row>> losses =
          context
              .parallelize(numbers, numbers.size())
              .map(
                  v -> {
                    List<Row> own = losses(plan.value(), variants.get(v), sequences);
                    done.add(sequences);
                    return own;
                  });
      JavaRDD<List<Row>> placed =
          TaskDevice.profile(context, engine).map(losses::withResources).orElse(losses);
      List<Row> rows = new ArrayList<>();
      HeldOut.await(placed.collectAsync(), done, sequences * variants.size(), progress)
          .forEach(rows::addAll);
      return rows;
    } finally {
      EvaluationReplica.closeIdle(plan.value().key());
      plan.destroy();
    }
  }

  private static List<Row> losses(EvaluationPlan plan, Kept kept, long sequences) {
    int choices = plan.model().topK();
    for (int[] experts : kept.experts()) {
      choices = Math.min(choices, experts.length + plan.model().nullExperts());
    }
    ModelConfig config = plan.model().dropless(choices);
    EvaluationReplica replica =
        EvaluationReplica.acquire(plan.key() + "/top-" + choices, plan, config);
    double[][] biases = biases(replica.model);
    try {
      keepOnly(replica.model, kept);
      List<Row> rows = new ArrayList<>();
      int step = plan.train().batchSequences();
      for (long at = 0; at < sequences; at += step) {
        List<TokenSequence> batch = replica.sequences(at, Math.min(sequences, at + step));
        addRows(rows, plan, kept.name(), replica, at, batch);
      }
      return rows;
    } finally {
      for (int l = 0; l < biases.length; l++) {
        System.arraycopy(biases[l], 0, replica.model.selectionBias(l), 0, biases[l].length);
      }
      replica.release();
    }
  }

  private static double[][] biases(TransformerLm model) {
    double[][] biases = new double[model.config().numLayers()][];
    for (int l = 0; l < biases.length; l++) {
      biases[l] = model.selectionBias(l).clone();
    }
    return biases;
  }

  private static void keepOnly(TransformerLm model, Kept kept) {
    for (int l = 0; l < kept.experts().length; l++) {
      double[] bias = model.selectionBias(l);
      double[] original = bias.clone();
      // null experts, from numExperts on, are nobody's and stay
      Arrays.fill(bias, 0, model.config().numExperts(), Double.NEGATIVE_INFINITY);
      for (int expert : kept.experts()[l]) {
        bias[expert] = original[expert];
      }
    }
  }

  private static void addRows(
      List<Row> rows,
      EvaluationPlan plan,
      String variant,
      EvaluationReplica replica,
      long first,
      List<TokenSequence> sequences) {
    Batch batch = replica.batch(sequences);
    replica.model.evaluate(batch);
    for (int i = 0; i < sequences.size(); i++) {
      Map<Integer, double[]> byDomain = new TreeMap<>(); // tokens, loss
      int[] domains = sequences.get(i).domains();
      for (int t = 0; t < domains.length; t++) {
        double[] sums = byDomain.computeIfAbsent(domains[t], d -> new double[2]);
        sums[0] += sequences.get(i).counts(t) ? 1 : 0;
        sums[1] += replica.model.losses()[i * batch.length() + t];
      }
      long sequence = first + i;
      byDomain.forEach(
          (domain, sums) ->
              rows.add(
                  RowFactory.create(
                      variant,
                      sequence,
                      plan.manifest().domains().get(domain),
                      (long) sums[0],
                      sums[1])));
    }
  }
}
