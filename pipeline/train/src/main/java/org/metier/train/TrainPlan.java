package org.metier.train;

import java.io.Serializable;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.util.SerializableConfiguration;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.kernel.cpu.CpuKernels;
import org.metier.engine.kernel.nd4j.Nd4jRuntime;
import org.metier.engine.kernel.reference.ReferenceKernels;
import org.metier.model.ModelConfig;
import org.metier.prep.shard.ShardManifest;

/**
 * What does not change over a run; broadcast once.
 *
 * @param key names the run and this launch of it in executor-wide tables
 * @param splitDirectory directory of the training shards
 */
record TrainPlan(
    String key,
    ModelConfig model,
    TrainConfig train,
    String splitDirectory,
    ShardManifest manifest,
    SerializableConfiguration hadoop)
    implements Serializable {

  Configuration hadoopConfiguration() {
    return hadoop.value();
  }

  /** The kernels that the config names. */
  static Kernels kernels(TrainConfig config) {
    return kernels(config.backend(), config.threadsPerWorker());
  }

  static Kernels kernels(TrainConfig.Backend backend, int threads) {
    return switch (backend) {
      case CPU -> new CpuKernels(threads);
      case ND4J -> Nd4jRuntime.open(Nd4jRuntime.Precision.FLOAT, threads);
      case REFERENCE -> new ReferenceKernels();
    };
  }
}
