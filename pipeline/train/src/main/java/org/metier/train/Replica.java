package org.metier.train;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedDeque;
import org.apache.hadoop.fs.Path;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.tensor.FlatParameters.Role;
import org.metier.model.Batch;
import org.metier.model.TransformerLm;
import org.metier.prep.shard.ShardManifest;
import org.metier.prep.shard.ShardReader;
import org.metier.prep.shard.TokenSequence;

/**
 * A model with its arenas and open shards that stays in the executor between rounds. It carries no
 * state from one round to the next: any replica of a run serves any worker, so a task takes an idle
 * one and gives it back.
 */
final class Replica implements AutoCloseable {
  /**
   * Idle replicas by run. The one executor-wide table: Spark offers no other place to keep warm.
   */
  private static final ConcurrentHashMap<String, ConcurrentLinkedDeque<Replica>> IDLE =
      new ConcurrentHashMap<>();

  private static final Role[] TRAVELLING = {Role.VALUE, Role.FIRST_MOMENT, Role.SECOND_MOMENT};

  private final TrainPlan plan;
  private final Kernels kernels;
  private final TransformerLm model;
  private final ShardReader shards;
  private final DataOrder order;
  private final float[][] blocks;

  private Replica(TrainPlan plan) {
    this.plan = plan;
    this.kernels = plan.kernels();
    this.model = TransformerLm.forTraining(kernels, plan.model(), plan.train().batchSequences());
    this.shards =
        new ShardReader(
            new Path(plan.splitDirectory()), plan.manifest(), plan.hadoopConfiguration());
    List<Long> sizes =
        plan.manifest().shards().stream().map(ShardManifest.Shard::sequences).toList();
    this.order = new DataOrder(sizes, plan.train().seed());
    this.blocks = new float[TRAVELLING.length][model.parameters().layout().size()];
  }

  /** An idle replica of this run, or a new one. */
  static Replica acquire(TrainPlan plan) {
    IDLE.keySet().removeIf(key -> !key.equals(plan.key()) && closeAll(IDLE.get(key)));
    Replica idle = IDLE.computeIfAbsent(plan.key(), key -> new ConcurrentLinkedDeque<>()).poll();
    return idle != null ? idle : new Replica(plan);
  }

  /** Gives the replica back for the next round. */
  void release() {
    IDLE.computeIfAbsent(plan.key(), key -> new ConcurrentLinkedDeque<>()).push(this);
  }

  /** Host copies of values and both moments, to be filled before and read after {@link #train}. */
  float[][] blocks() {
    return blocks;
  }

  /**
   * H local steps of one worker from the parameters in {@link #blocks}, which it replaces.
   *
   * @param exchange between the workers, for a window that asks for one
   */
  WorkerReport train(RoundStart start, int worker, CountExchange exchange) {
    for (int b = 0; b < TRAVELLING.length; b++) {
      kernels.upload(model.parameters().block(TRAVELLING[b]), blocks[b], 0);
    }
    TrainConfig config = plan.train();
    FrequencySync sync =
        FrequencySync.of(config, start.round(), start.frequencies(), worker, exchange);
    LocalTrainer trainer = new LocalTrainer(kernels, model, config, sync);
    long began = System.nanoTime();
    for (int s = 0; s < config.localSteps(); s++) {
      long step = start.step() + s;
      try {
        trainer.step(batches(start, s, worker), step, start.momentSteps() + s + 1);
      } catch (RuntimeException | Error e) {
        exchange.fail(step, e);
        throw e;
      }
    }
    double seconds = (System.nanoTime() - began) / 1e9;
    for (int b = 0; b < TRAVELLING.length; b++) {
      kernels.download(blocks[b], 0, model.parameters().block(TRAVELLING[b]));
    }
    return trainer.report(start.round(), worker, seconds);
  }

  /**
   * The micro-batches of one local step. A step of all workers reads one contiguous stretch, so
   * neither W nor A changes which sequences meet in a step of W·A micro-batches.
   */
  private List<Batch> batches(RoundStart start, int localStep, int worker) {
    TrainConfig config = plan.train();
    List<Batch> batches = new ArrayList<>();
    for (int a = 0; a < config.accumulationSteps(); a++) {
      long group = ((long) localStep * config.accumulationSteps() + a) * config.workers() + worker;
      batches.add(read(start.position() + group * config.batchSequences()));
    }
    return batches;
  }

  private Batch read(long position) {
    List<TokenSequence> sequences = new ArrayList<>();
    for (int i = 0; i < plan.train().batchSequences(); i++) {
      sequences.add(shards.get(order.at(position + i)));
    }
    return PackedBatch.of(sequences, plan.model().sequenceLength());
  }

  private static boolean closeAll(ConcurrentLinkedDeque<Replica> idle) {
    for (Replica replica = idle == null ? null : idle.poll();
        replica != null;
        replica = idle.poll()) {
      replica.close();
    }
    return true;
  }

  /** Closes the idle replicas of a run in this process. */
  static void closeIdle(String key) {
    closeAll(IDLE.remove(key));
  }

  @Override
  public void close() {
    kernels.close();
    shards.close();
  }
}
