package org.metier.train;

import org.metier.model.ModelConfig;
import org.metier.model.Parameters;
import org.metier.model.TransformerLm;

/**
 * Heap that a run needs, counted before anything is allocated: activations by the same layout code
 * that takes them, parameters by block.
 *
 * @param parameters of the model
 * @param activeParameters that one token's forward pass touches, the embedding table left out
 * @param activationBytes of one replica
 * @param replicaBytes one worker: parameters, gradients, both moments, what the outer optimiser
 *     needs, activations, and blocks that Spark holds for it
 * @param driverBytes the driver: the state, and what is broadcast of it, as an object and as bytes
 */
public record MemoryEstimate(
    long parameters,
    long activeParameters,
    long activationBytes,
    long replicaBytes,
    long driverBytes) {

  /** Blocks of a replica in the backend's numbers: value, gradient, two moments. */
  private static final int REPLICA_BLOCKS = 4;

  /** FedSpeed's in addition: start, dual, point, mixed gradient. */
  private static final int FEDSPEED_BLOCKS = 4;

  /** Spark itself, decoded shards, tiles of logits and the like. */
  private static final long BASE_BYTES = 400L << 20;

  public static MemoryEstimate of(EngineConfig engine, ModelConfig model, TrainConfig train) {
    long width = engine.precision().bytes();
    long parameters = Parameters.total(model);
    long activations =
        width * TransformerLm.activationSize(model, train.batchSequences(), engine.activations());
    Block.Plan blocks = Block.Plan.of(train);
    boolean fedspeed = train.averaging().outer() == AveragingConfig.Outer.FEDSPEED;
    long inReplica = width * (REPLICA_BLOCKS + (fedspeed ? FEDSPEED_BLOCKS : 0));
    // What was received; where something stays, also the round's result and what it started from.
    int resident = blocks.resident().size();
    int received = blocks.shared().size() + (resident == 0 ? 0 : blocks.shared().size());
    long inSpark = Float.BYTES * (received + 2L * resident);
    long onDriver = Float.BYTES * (blocks.ofState().size() + 2L * blocks.shared().size());
    return new MemoryEstimate(
        parameters,
        Parameters.active(model),
        activations,
        (inReplica + inSpark) * parameters + activations,
        onDriver * parameters);
  }

  /** One process that holds the driver and {@code replicas} workers at a time. */
  public long heapBytes(int replicas) {
    return BASE_BYTES + driverBytes + replicas * replicaBytes;
  }
}
