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
 * @param replicaBytes one worker: parameters, gradients, both moments, their copies in flight,
 *     activations
 * @param driverBytes the driver: values and both moments before and after a round, and as bytes
 */
public record MemoryEstimate(
    long parameters,
    long activeParameters,
    long activationBytes,
    long replicaBytes,
    long driverBytes) {

  /** Blocks that a replica holds: value, gradient, two moments; three host copies; three slices. */
  private static final int REPLICA_BLOCKS = 4 + 3 + 3;

  /** Blocks that the driver holds at the end of a round: old and new state, broadcast, means. */
  private static final int DRIVER_BLOCKS = 3 * 4;

  /** Spark itself, decoded shards, tiles of logits and the like. */
  private static final long BASE_BYTES = 400L << 20;

  public static MemoryEstimate of(EngineConfig engine, ModelConfig model, TrainConfig train) {
    long width = engine.precision().bytes();
    long parameters = Parameters.total(model);
    long activations =
        width * TransformerLm.activationSize(model, train.batchSequences(), engine.activations());
    return new MemoryEstimate(
        parameters,
        Parameters.active(model),
        activations,
        width * REPLICA_BLOCKS * parameters + activations,
        Float.BYTES * DRIVER_BLOCKS * parameters);
  }

  /** One process that holds the driver and {@code replicas} workers at a time. */
  public long heapBytes(int replicas) {
    return BASE_BYTES + driverBytes + replicas * replicaBytes;
  }
}
