package org.metier.train;

import java.io.Serializable;
import org.apache.spark.util.SerializableConfiguration;
import org.metier.engine.kernel.Kernels;
import org.metier.model.ModelConfig;
import org.metier.prep.shard.ShardManifest;

/**
 * What an evaluation task needs; broadcast once.
 *
 * @param key names this evaluation among all that an executor has seen
 * @param values parameters, little-endian float32
 * @param byteLengths UTF-8 bytes of each token
 * @param tokenClasses {@link TokenClass} of each token, by number
 * @param bias [L][E] selection bias that the model was trained with; no rows is none
 */
record EvaluationPlan(
    String key,
    EngineConfig engine,
    ModelConfig model,
    TrainConfig train,
    String splitDirectory,
    ShardManifest manifest,
    SerializableConfiguration hadoop,
    byte[] values,
    int[] byteLengths,
    int[] tokenClasses,
    double[][] bias)
    implements Serializable {

  /** Kernels of one task. */
  Kernels kernels() {
    engine.use(TaskDevice.ofTask());
    return engine.open(train.threadsPerWorker());
  }
}
