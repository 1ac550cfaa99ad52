package org.metier.train;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.kernel.Routing;
import org.metier.model.Batch;
import org.metier.model.TransformerLm;
import org.metier.prep.shard.TokenSequence;

/**
 * Counts of one task's stretch of held-out sequences: of the tokens whose target counts.
 *
 * @param routing rows (sequence, domain, layer, …)
 * @param loss rows (sequence, domain, …)
 * @param targets rows (domain, token, tokens)
 * @param layers counts of each layer, not by sequence
 */
record EvaluatedSequences(
    List<Row> routing, List<Row> loss, List<Row> targets, List<RoutingCounts> layers)
    implements Serializable {

  /** Runs the model over sequences {@code [from, to)}. */
  static EvaluatedSequences of(EvaluationPlan plan, long from, long to) {
    EvaluationReplica replica = EvaluationReplica.acquire(plan);
    try {
      Pass pass = new Pass(plan, replica);
      int batchSequences = plan.train().batchSequences();
      for (long at = from; at < to; at += batchSequences) {
        pass.add(at, replica.sequences(at, Math.min(to, at + batchSequences)));
      }
      return pass.finish();
    } finally {
      replica.release();
    }
  }

  /** One pass; holds what it has counted so far. */
  private static final class Pass {
    private final EvaluationPlan plan;
    private final EvaluationReplica replica;
    private final Kernels kernels;
    private final TransformerLm lm;
    private final List<Row> routing = new ArrayList<>();
    private final List<Row> loss = new ArrayList<>();
    private final List<RoutingCounts> layers = new ArrayList<>();
    private final int numClasses = TokenClass.names().size();
    private final long[][] targets;
    private final float[] gates;
    private final float[] probabilities;
    private final int[] predicted;

    Pass(EvaluationPlan plan, EvaluationReplica replica) {
      this.plan = plan;
      this.replica = replica;
      this.kernels = replica.kernels;
      this.lm = replica.model;
      this.targets = new long[plan.manifest().domains().size()][plan.model().vocabSize()];
      int tokens = plan.train().batchSequences() * plan.model().sequenceLength();
      this.gates = new float[tokens * plan.model().topK()];
      int columns = plan.model().routerColumns();
      this.probabilities = new float[tokens * columns];
      this.predicted = new int[tokens];
      RoutingCounts.Shape shape =
          new RoutingCounts.Shape(
              columns,
              plan.model().topK(),
              plan.model().vocabSize(),
              plan.manifest().domains().size());
      for (int l = 0; l < plan.model().numLayers(); l++) {
        layers.add(new RoutingCounts(shape));
      }
    }

    void add(long first, List<TokenSequence> sequences) {
      int length = plan.manifest().sequenceLength();
      Batch batch = replica.batch(sequences);
      lm.evaluate(batch, predicted);
      for (int i = 0; i < sequences.size(); i++) {
        countLoss(first + i, i * length, sequences.get(i), batch);
      }
      for (int l = 0; l < plan.model().numLayers(); l++) {
        kernels.download(gates, 0, lm.gates(l));
        kernels.download(probabilities, 0, lm.probabilities(l));
        for (int i = 0; i < sequences.size(); i++) {
          countRouting(first + i, l, i * length, sequences.get(i), batch);
          countLayer(l, i * length, sequences.get(i), batch);
        }
      }
    }

    private void countLoss(long sequence, int offset, TokenSequence s, Batch batch) {
      TreeMap<Integer, double[]> byDomain = new TreeMap<>(); // tokens, loss, bytes
      for (int t = 0; t < s.documentStart().length; t++) {
        if (!s.counts(t)) {
          continue;
        }
        int domain = s.domains()[t];
        int target = batch.targets()[offset + t];
        double[] sums = byDomain.computeIfAbsent(domain, d -> new double[3]);
        sums[0]++;
        sums[1] += lm.losses()[offset + t];
        sums[2] += plan.byteLengths()[target];
        targets[domain][target]++;
      }
      byDomain.forEach(
          (domain, sums) ->
              loss.add(
                  RowFactory.create(
                      sequence, domainName(domain), (long) sums[0], sums[1], (long) sums[2])));
    }

    private void countRouting(long sequence, int layer, int offset, TokenSequence s, Batch batch) {
      Routing r = lm.routing(layer);
      int k = r.topK();
      TreeMap<Integer, Counts> byDomain = new TreeMap<>();
      for (int t = 0; t < s.documentStart().length; t++) {
        if (!s.counts(t)) {
          continue;
        }
        Counts counts =
            byDomain.computeIfAbsent((int) s.domains()[t], d -> new Counts(r, numClasses));
        int ofClass = plan.tokenClasses()[batch.inputs()[offset + t]] * r.columns();
        counts.tokens++;
        for (int slot = (offset + t) * k; slot < (offset + t + 1) * k; slot++) {
          int expert = r.expertOfSlot[slot];
          counts.expertTokens[expert]++;
          counts.classTokens[ofClass + expert]++;
          if (r.isDropped(slot)) {
            counts.dropped[expert]++;
          } else {
            counts.gateMass[expert] += gates[slot];
          }
          if (expert < r.numExperts()) {
            counts.scoreSum += probabilities[(offset + t) * r.columns() + expert];
          }
        }
      }
      byDomain.forEach(
          (domain, counts) ->
              routing.add(
                  RowFactory.create(
                      sequence,
                      domainName(domain),
                      layer,
                      counts.tokens,
                      counts.expertTokens,
                      counts.gateMass,
                      counts.scoreSum,
                      counts.dropped,
                      counts.classTokens)));
    }

    /** What is not kept by sequence. */
    private void countLayer(int layer, int offset, TokenSequence s, Batch batch) {
      int[] experts = lm.routing(layer).expertOfSlot;
      boolean last = layer + 1 == plan.model().numLayers();
      int[] next = last ? experts : lm.routing(layer + 1).expertOfSlot;
      RoutingCounts counts = layers.get(layer);
      int k = lm.routing(layer).topK();
      for (int t = 0; t < s.documentStart().length; t++) {
        if (!s.counts(t)) {
          continue;
        }
        int at = offset + t;
        counts.addToken(experts, at * k, batch.inputs()[at], batch.targets()[at], predicted[at]);
        if (!last) {
          counts.addFlow(experts, next, at * k, s.domains()[t]);
        }
      }
    }

    private String domainName(int domain) {
      return plan.manifest().domains().get(domain);
    }

    EvaluatedSequences finish() {
      List<Row> counted = new ArrayList<>();
      for (int domain = 0; domain < targets.length; domain++) {
        for (int token = 0; token < targets[domain].length; token++) {
          if (targets[domain][token] > 0) {
            counted.add(RowFactory.create(domainName(domain), token, targets[domain][token]));
          }
        }
      }
      return new EvaluatedSequences(routing, loss, counted, layers);
    }
  }

  /** Selections of one (sequence, domain, layer). */
  private static final class Counts {
    private final long[] expertTokens;
    private final long[] classTokens;
    private final double[] gateMass;
    private final long[] dropped;
    private long tokens;
    private double scoreSum;

    Counts(Routing routing, int numClasses) {
      this.expertTokens = new long[routing.columns()];
      this.classTokens = new long[numClasses * routing.columns()];
      this.gateMass = new double[routing.columns()];
      this.dropped = new long[routing.numExperts()];
    }
  }
}
