package org.metier.train;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.kernel.Routing;
import org.metier.engine.tensor.FlatParameters.Role;
import org.metier.model.Batch;
import org.metier.model.ModelConfig;
import org.metier.model.TransformerLm;
import org.metier.prep.shard.ShardReader;
import org.metier.prep.shard.TokenSequence;

/**
 * Counts of one task's stretch of held-out sequences.
 *
 * @param routing rows (sequence, domain, layer, …)
 * @param loss rows (sequence, domain, …)
 * @param targets rows (domain, token, tokens)
 */
record EvaluatedSequences(List<Row> routing, List<Row> loss, List<Row> targets)
    implements Serializable {

  /** Runs the model over sequences {@code [from, to)}. */
  static EvaluatedSequences of(EvaluationPlan plan, long from, long to) throws Exception {
    ModelConfig model = plan.model();
    int batchSequences = plan.train().batchSequences();
    try (Kernels kernels = plan.kernels();
        ShardReader shards =
            new ShardReader(
                new Path(plan.splitDirectory()), plan.manifest(), plan.hadoop().value())) {
      TransformerLm lm = TransformerLm.forEvaluation(kernels, model, batchSequences);
      float[] values = new float[lm.parameters().layout().size()];
      ParameterSlices.decode(plan.values(), values, 0);
      kernels.upload(lm.parameters().block(Role.VALUE), values, 0);
      if (plan.bias().length > 0) {
        lm.selectionBias(plan.bias());
      }
      Pass pass = new Pass(plan, kernels, lm);
      for (long at = from; at < to; at += batchSequences) {
        List<TokenSequence> batch = new ArrayList<>();
        for (long p = at; p < Math.min(to, at + batchSequences); p++) {
          batch.add(shards.get(p));
        }
        pass.add(at, batch);
      }
      return pass.finish();
    }
  }

  /** One pass; holds what it has counted so far. */
  private static final class Pass {
    private final EvaluationPlan plan;
    private final Kernels kernels;
    private final TransformerLm lm;
    private final List<Row> routing = new ArrayList<>();
    private final List<Row> loss = new ArrayList<>();
    private final long[][] targets;
    private final float[] gates;
    private final float[] probabilities;

    Pass(EvaluationPlan plan, Kernels kernels, TransformerLm lm) {
      this.plan = plan;
      this.kernels = kernels;
      this.lm = lm;
      this.targets = new long[plan.manifest().domains().size()][plan.model().vocabSize()];
      int tokens = plan.train().batchSequences() * plan.model().sequenceLength();
      this.gates = new float[tokens * plan.model().topK()];
      this.probabilities = new float[tokens * plan.model().routerColumns()];
    }

    void add(long first, List<TokenSequence> sequences) {
      int length = plan.manifest().sequenceLength();
      Batch batch = PackedBatch.of(sequences, length);
      lm.evaluate(batch);
      for (int i = 0; i < sequences.size(); i++) {
        countLoss(first + i, i * length, sequences.get(i), batch);
      }
      for (int l = 0; l < plan.model().numLayers(); l++) {
        kernels.download(gates, 0, lm.gates(l));
        kernels.download(probabilities, 0, lm.probabilities(l));
        for (int i = 0; i < sequences.size(); i++) {
          countRouting(first + i, l, i * length, sequences.get(i));
        }
      }
    }

    private void countLoss(long sequence, int offset, TokenSequence s, Batch batch) {
      TreeMap<Integer, double[]> byDomain = new TreeMap<>(); // tokens, loss, bytes
      for (int t = 0; t < s.documentStart().length; t++) {
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

    private void countRouting(long sequence, int layer, int offset, TokenSequence s) {
      Routing r = lm.routing(layer);
      int k = r.topK();
      TreeMap<Integer, Counts> byDomain = new TreeMap<>();
      for (int t = 0; t < s.documentStart().length; t++) {
        Counts counts = byDomain.computeIfAbsent((int) s.domains()[t], d -> new Counts(r));
        counts.tokens++;
        for (int slot = (offset + t) * k; slot < (offset + t + 1) * k; slot++) {
          int expert = r.expertOfSlot[slot];
          counts.expertTokens[expert]++;
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
                      counts.dropped)));
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
      return new EvaluatedSequences(routing, loss, counted);
    }
  }

  /** Selections of one (sequence, domain, layer). */
  private static final class Counts {
    private final long[] expertTokens;
    private final double[] gateMass;
    private final long[] dropped;
    private long tokens;
    private double scoreSum;

    Counts(Routing routing) {
      this.expertTokens = new long[routing.columns()];
      this.gateMass = new double[routing.columns()];
      this.dropped = new long[routing.numExperts()];
    }
  }
}
