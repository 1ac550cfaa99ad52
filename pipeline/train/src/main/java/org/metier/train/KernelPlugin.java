package org.metier.train;

import java.util.Map;
import org.apache.spark.api.plugin.DriverPlugin;
import org.apache.spark.api.plugin.ExecutorPlugin;
import org.apache.spark.api.plugin.PluginContext;
import org.apache.spark.api.plugin.SparkPlugin;
import org.metier.engine.kernel.cpu.CpuKernels;

/**
 * Loads the native BLAS into every executor before its first task. The analyses use MLlib, which
 * asks the same netlib for a BLAS without knowing where ours lies; netlib asks the system once per
 * process, and an executor whose first task was MLlib's would compute in Java from then on.
 */
public final class KernelPlugin implements SparkPlugin {

  /** None: the driver computes nothing. */
  @Override
  public DriverPlugin driverPlugin() {
    return null;
  }

  @Override
  public ExecutorPlugin executorPlugin() {
    return new ExecutorPlugin() {
      @Override
      public void init(PluginContext context, Map<String, String> extraConf) {
        new CpuKernels(1).close();
      }
    };
  }
}
