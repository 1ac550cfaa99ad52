package org.metier.train;

import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.apache.hadoop.fs.Path;
import org.metier.engine.kernel.Device;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.tensor.FlatParameters.Role;
import org.metier.model.Batch;
import org.metier.model.ModelConfig;
import org.metier.model.TransformerLm;
import org.metier.prep.shard.ShardReader;
import org.metier.prep.shard.TokenSequence;

/**
 * A model with a checkpoint's values, its memory and the open held-out shards, that stays in the
 * executor between the tasks of one evaluation.
 */
final class EvaluationReplica implements AutoCloseable {
  /** Idle replicas by evaluation: the one executor-wide table, as {@link Replica} has one. */
  private static final ConcurrentHashMap<String, Queue<EvaluationReplica>> IDLE =
      new ConcurrentHashMap<>();

  private final String key;
  private final Device device;
  final Kernels kernels;
  final TransformerLm model;
  private final ShardReader shards;

  /**
   * @param config the checkpoint's model; for an ablation with fewer choices per token
   */
  EvaluationReplica(String key, EvaluationPlan plan, ModelConfig config) {
    this.key = key;
    this.device = TaskDevice.ofTask();
    this.kernels = plan.kernels();
    this.model = TransformerLm.forEvaluation(kernels, config, plan.train().batchSequences());
    float[] values = new float[model.parameters().layout().size()];
    ParameterSlices.decode(plan.values(), values, 0);
    kernels.upload(model.parameters().block(Role.VALUE), values, 0);
    if (plan.bias().length > 0) {
      model.selectionBias(plan.bias());
    }
    this.shards =
        new ShardReader(new Path(plan.splitDirectory()), plan.manifest(), plan.hadoop().value());
  }

  /** An idle replica of this evaluation on the task's device, or a new one. */
  static EvaluationReplica acquire(EvaluationPlan plan) {
    return acquire(plan.key(), plan, plan.model());
  }

  static EvaluationReplica acquire(String key, EvaluationPlan plan, ModelConfig config) {
    closeOthers(plan.key());
    Device device = TaskDevice.ofTask();
    plan.engine().use(device);
    Queue<EvaluationReplica> idle = IDLE.getOrDefault(key, new ConcurrentLinkedQueue<>());
    for (EvaluationReplica replica : idle) {
      if (replica.device.equals(device) && idle.remove(replica)) {
        return replica;
      }
    }
    return new EvaluationReplica(key, plan, config);
  }

  /** Gives the replica back for the evaluation's next task. */
  void release() {
    IDLE.computeIfAbsent(key, k -> new ConcurrentLinkedQueue<>()).add(this);
  }

  /** Closes what is idle in this process of evaluations whose key begins otherwise. */
  private static void closeOthers(String prefix) {
    for (String key : List.copyOf(IDLE.keySet())) {
      if (!key.startsWith(prefix)) {
        close(IDLE.remove(key));
      }
    }
  }

  /** Closes what is idle in this process of evaluations whose key begins so. */
  static void closeIdle(String prefix) {
    for (String key : List.copyOf(IDLE.keySet())) {
      if (key.startsWith(prefix)) {
        close(IDLE.remove(key));
      }
    }
  }

  /**
   * @param idle null if another task has taken it meanwhile
   */
  private static void close(Queue<EvaluationReplica> idle) {
    if (idle != null) {
      idle.forEach(EvaluationReplica::close);
    }
  }

  /** Held-out sequences {@code [from, to)}. */
  List<TokenSequence> sequences(long from, long to) {
    List<TokenSequence> sequences = new ArrayList<>();
    for (long position = from; position < to; position++) {
      sequences.add(shards.get(position));
    }
    return sequences;
  }

  Batch batch(List<TokenSequence> sequences) {
    return PackedBatch.of(sequences, sequences.get(0).documentStart().length);
  }

  @Override
  public void close() {
    kernels.close();
    shards.close();
  }
}
