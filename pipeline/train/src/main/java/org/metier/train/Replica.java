package org.metier.train;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.function.LongUnaryOperator;
import org.apache.hadoop.fs.Path;
import org.metier.engine.kernel.Device;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.tensor.FlatParameters.Role;
import org.metier.engine.tensor.Tensor;
import org.metier.model.Batch;
import org.metier.model.ModelConfig;
import org.metier.model.TransformerLm;
import org.metier.prep.shard.ShardManifest;
import org.metier.prep.shard.ShardReader;
import org.metier.prep.shard.TokenSequence;
import org.metier.train.ParameterSlices.Slice;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A model with its arenas and open shards that stays in the executor between rounds. It carries no
 * state from one round to the next: any replica of a run serves any worker, so a task takes an idle
 * one of its device and gives it back.
 */
final class Replica implements AutoCloseable {
  /**
   * Idle replicas by run. The one executor-wide table: Spark offers no other place to keep warm.
   */
  private static final ConcurrentHashMap<String, ConcurrentLinkedDeque<Replica>> IDLE =
      new ConcurrentHashMap<>();

  private static final Logger LOG = LoggerFactory.getLogger(Replica.class);

  private final TrainPlan plan;
  private final Device device;
  private final Kernels kernels;
  private final TransformerLm model;
  private final ShardReader shards;
  private final DataOrder order;
  private final Map<Integer, DomainIndex.OwnOrder> ownOrders = new HashMap<>();
  private final LocalCorrection correction;
  private float[] host = new float[0];

  /**
   * @param kernels closed with this replica
   */
  Replica(TrainPlan plan, Device device, Kernels kernels) {
    this.plan = plan;
    this.device = device;
    this.kernels = kernels;
    this.model =
        TransformerLm.forTraining(
            kernels, plan.model(), plan.train().batchSequences(), plan.engine().activations());
    this.shards =
        new ShardReader(
            new Path(plan.splitDirectory()), plan.manifest(), plan.hadoopConfiguration());
    List<Long> sizes =
        plan.manifest().shards().stream().map(ShardManifest.Shard::sequences).toList();
    this.order = new DataOrder(sizes, plan.train().seed());
    this.correction = LocalCorrection.of(plan.train().averaging(), kernels, model.parameters());
  }

  /** An idle replica of this run on the task's device, or a new one. */
  static Replica acquire(TrainPlan plan) {
    IDLE.keySet().removeIf(key -> !key.equals(plan.key()) && closeAll(IDLE.get(key)));
    Device device = TaskDevice.ofTask();
    plan.engine().use(device);
    ConcurrentLinkedDeque<Replica> idle =
        IDLE.computeIfAbsent(plan.key(), key -> new ConcurrentLinkedDeque<>());
    for (Replica replica : idle) {
      if (replica.device.equals(device) && idle.remove(replica)) {
        return replica;
      }
    }
    return new Replica(plan, device, plan.kernels());
  }

  /** Gives the replica back for the next round. */
  void release() {
    IDLE.computeIfAbsent(plan.key(), key -> new ConcurrentLinkedDeque<>()).push(this);
  }

  /** Forgets the moments and the dual: what is not written afterwards is zero. */
  void clear() {
    int size = model.parameters().layout().size();
    for (Block block : Block.Plan.of(plan.train()).clearedByWorker()) {
      kernels.fill(tensor(block, 0, size), 0);
    }
  }

  /** Sets a slice of a block, from little-endian float32. */
  void write(Slice slice, byte[] data) {
    ParameterSlices.decode(data, hostCopy(slice.count()), 0);
    kernels.upload(tensor(slice), host, 0);
  }

  /** A slice of a block as little-endian float32. */
  byte[] read(Slice slice) {
    kernels.download(hostCopy(slice.count()), 0, tensor(slice));
    return ParameterSlices.encode(host, 0, slice.count());
  }

  private Tensor tensor(Slice slice) {
    return tensor(slice.block(), slice.from(), slice.count());
  }

  private Tensor tensor(Block block, int from, int count) {
    return switch (block) {
      case VALUE -> model.parameters().block(Role.VALUE, from, count);
      case FIRST_MOMENT -> model.parameters().block(Role.FIRST_MOMENT, from, count);
      case SECOND_MOMENT -> model.parameters().block(Role.SECOND_MOMENT, from, count);
      case DUAL -> correction.dual(from, count);
      case OUTER_MOMENTUM -> throw new IllegalArgumentException(block + " is the driver's");
    };
  }

  /** Grows to the largest slice and stays. */
  private float[] hostCopy(int count) {
    if (host.length < count) {
      host = new float[count];
    }
    return host;
  }

  /**
   * H local steps of one worker from the blocks as they are, which it replaces. It stops where a
   * number is not finite, and the report says so: the blocks are then of no use.
   *
   * @param exchange between the workers, for a window that asks for one
   */
  WorkerReport train(RoundStart start, int worker, CountExchange exchange) {
    TrainConfig config = plan.train();
    LOG.info("round {}: worker {} computes on {}", start.round() + 1, worker, device);
    FrequencySync sync =
        FrequencySync.of(config, start.round(), start.frequencies(), worker, exchange);
    Balancing balancing =
        new Balancing(kernels, model, config, start.round(), worker, start.frequencies().bias());
    LocalTrainer trainer = new LocalTrainer(kernels, model, config, sync, correction, balancing);
    long began = System.nanoTime();
    correction.begin();
    FiniteGuard guard = trainer.guard();
    int localSteps = config.localStepsOf(start.round());
    for (int s = 0; s < localSteps && !guard.refused(); s++) {
      int local = s;
      long step = start.step() + s;
      try {
        List<Batch> batches = batches(start, s, worker);
        guard.run(step, () -> trainer.step(batches, step, start.momentSteps() + local + 1));
      } catch (RuntimeException | Error e) {
        exchange.fail(step, e);
        throw e;
      }
    }
    if (guard.refused()) {
      exchange.withdraw();
    } else {
      correction.finish();
      checkBlocks(guard, start.step() + localSteps - 1);
    }
    double seconds = (System.nanoTime() - began) / 1e9;
    return trainer.report(start.round(), worker, seconds);
  }

  /** A last update may leave the finite numbers without any loss or gradient to show it. */
  private void checkBlocks(FiniteGuard guard, long step) {
    int size = model.parameters().layout().size();
    for (Block block : Block.Plan.of(plan.train()).ofWorker()) {
      String name = "the block " + block.name().toLowerCase(Locale.ROOT);
      guard.check(step, name, kernels.squaredNorm(tensor(block, 0, size)));
    }
  }

  /**
   * Loss of each token under the parameters as they are, nats; those of the sequences one after the
   * other.
   *
   * @param bias [L][E] selection bias; no rows is none
   * @return valid until the next call
   */
  double[] losses(List<TokenSequence> sequences, double[][] bias) {
    ModelConfig m = plan.model();
    model.selectionBias(bias.length == 0 ? new double[m.numLayers()][m.routerColumns()] : bias);
    model.evaluate(PackedBatch.of(sequences, plan.model().sequenceLength()));
    return model.losses();
  }

  /** The micro-batches of one local step. */
  List<Batch> batches(RoundStart start, int localStep, int worker) {
    int accumulation = plan.train().accumulationSteps();
    List<Batch> batches = new ArrayList<>();
    for (int a = 0; a < accumulation; a++) {
      long batch = (long) localStep * accumulation + a;
      LongUnaryOperator order =
          plan.train().workerData() == TrainConfig.WorkerData.MIXTURE
              ? ofMixture(start.position(), batch, worker)
              : ofDomains(start.position(), batch, worker);
      List<TokenSequence> sequences = new ArrayList<>();
      for (int i = 0; i < plan.train().batchSequences(); i++) {
        sequences.add(shards.get(order.applyAsLong(i)));
      }
      batches.add(PackedBatch.of(sequences, plan.model().sequenceLength()));
    }
    return batches;
  }

  /**
   * Where the sequences lie of a worker's {@code batch}-th micro-batch of the round. A step of all
   * workers reads one contiguous stretch, so neither W nor A changes which sequences meet in a step
   * of W·A micro-batches.
   */
  private LongUnaryOperator ofMixture(long position, long batch, int worker) {
    TrainConfig config = plan.train();
    long first = position + (batch * config.workers() + worker) * config.batchSequences();
    return i -> order.at(first + i);
  }

  /**
   * The same for a worker with domains of its own, which has read as many sequences as every other.
   */
  private LongUnaryOperator ofDomains(long position, long batch, int worker) {
    TrainConfig config = plan.train();
    DomainIndex.OwnOrder own =
        ownOrders.computeIfAbsent(
            worker, w -> plan.domains().orderOf(w, config.workers(), config.seed()));
    long first = position / config.workers() + batch * config.batchSequences();
    return i -> own.at(first + i);
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
