package org.metier.train;

import java.util.ArrayDeque;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Queue;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.metier.model.Batch;
import org.metier.model.TransformerLm;
import org.metier.prep.shard.TokenSequence;

/**
 * A row per token whose target counts and layer of held-out sequences, one batch at a time in
 * memory.
 */
final class RoutingTrace implements Iterator<Row> {
  static final StructType SCHEMA =
      new StructType()
          .add("sequence", "long", false)
          .add("position", "integer", false)
          .add("domain", "string", false)
          .add("token", "integer", false)
          .add("target", "integer", false)
          .add("predicted", "integer", false)
          .add("loss", "double", false)
          .add("layer", "integer", false)
          .add("experts", DataTypes.createArrayType(DataTypes.IntegerType, false), false)
          .add("gates", DataTypes.createArrayType(DataTypes.FloatType, false), false);

  private final EvaluationPlan plan;
  private final long to;
  private final Queue<Row> rows = new ArrayDeque<>();
  private long at;

  RoutingTrace(EvaluationPlan plan, long from, long to) {
    this.plan = plan;
    this.at = from;
    this.to = to;
  }

  @Override
  public boolean hasNext() {
    if (rows.isEmpty() && at < to) {
      EvaluationReplica replica = EvaluationReplica.acquire(plan);
      try {
        long end = Math.min(to, at + plan.train().batchSequences());
        addBatch(replica, replica.sequences(at, end));
        at = end;
      } finally {
        replica.release();
      }
    }
    return !rows.isEmpty();
  }

  @Override
  public Row next() {
    if (!hasNext()) {
      throw new NoSuchElementException();
    }
    return rows.remove();
  }

  private void addBatch(EvaluationReplica replica, List<TokenSequence> sequences) {
    TransformerLm lm = replica.model;
    Batch batch = replica.batch(sequences);
    int[] predicted = new int[batch.tokens()];
    lm.evaluate(batch, predicted);
    int k = plan.model().topK();
    float[] gates = new float[batch.tokens() * k];
    for (int l = 0; l < plan.model().numLayers(); l++) {
      replica.kernels.download(gates, 0, lm.gates(l));
      int[] experts = lm.routing(l).expertOfSlot;
      for (int t = 0; t < batch.tokens(); t++) {
        Integer[] chosen = new Integer[k];
        Float[] weights = new Float[k];
        for (int j = 0; j < k; j++) {
          chosen[j] = experts[t * k + j];
          weights[j] = gates[t * k + j];
        }
        int sequence = t / batch.length();
        int position = t % batch.length();
        if (!sequences.get(sequence).counts(position)) {
          continue;
        }
        int domain = sequences.get(sequence).domains()[position];
        rows.add(
            RowFactory.create(
                at + sequence,
                position,
                plan.manifest().domains().get(domain),
                batch.inputs()[t],
                batch.targets()[t],
                predicted[t],
                lm.losses()[t],
                l,
                chosen,
                weights));
      }
    }
  }
}
