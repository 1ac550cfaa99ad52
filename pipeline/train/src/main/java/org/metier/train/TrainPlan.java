package org.metier.train;

import java.io.Serializable;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.util.SerializableConfiguration;
import org.metier.engine.kernel.Kernels;
import org.metier.model.ModelConfig;
import org.metier.prep.shard.ShardManifest;

/**
 * What does not change over a run; broadcast once.
 *
 * @param key names the run and this launch of it in executor-wide tables
 * @param splitDirectory directory of the training shards
 * @param domains of the training sequences, if workers are dealt domains
 */
record TrainPlan(
    String key,
    EngineConfig engine,
    ModelConfig model,
    TrainConfig train,
    String splitDirectory,
    ShardManifest manifest,
    SerializableConfiguration hadoop,
    DomainIndex domains)
    implements Serializable {

  /** Every worker draws from the mixture. */
  TrainPlan(
      String key,
      EngineConfig engine,
      ModelConfig model,
      TrainConfig train,
      String splitDirectory,
      ShardManifest manifest,
      SerializableConfiguration hadoop) {
    this(key, engine, model, train, splitDirectory, manifest, hadoop, DomainIndex.none());
  }

  Configuration hadoopConfiguration() {
    return hadoop.value();
  }

  /** Kernels of one replica. */
  Kernels kernels() {
    return engine.open(train.threadsPerWorker());
  }
}
