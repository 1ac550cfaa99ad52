package org.metier.train;

import java.util.Map;
import java.util.Optional;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.resource.ResourceInformation;
import org.apache.spark.resource.ResourceProfile;
import org.apache.spark.resource.ResourceProfileBuilder;
import org.apache.spark.resource.TaskResourceRequests;
import org.metier.engine.kernel.Device;

/** The device of a task: how it is asked of Spark, and which one Spark has given. */
final class TaskDevice {
  private static final String GPU = "gpu";
  private static final String GPUS_OF_EXECUTOR = "spark.executor.resource.gpu.amount";

  private TaskDevice() {}

  /**
   * The device that Spark has given to this thread's task; the CPU if Spark gave none, or outside
   * of a task.
   */
  static Device ofTask() {
    TaskContext task = TaskContext.get();
    return task == null ? Device.CPU : of(task.resourcesJMap());
  }

  static Device of(Map<String, ResourceInformation> resources) {
    ResourceInformation gpus = resources.get(GPU);
    return gpus == null || gpus.addresses().length == 0
        ? Device.CPU
        : Device.gpu(gpus.addresses()[0]);
  }

  /**
   * What stages that compute ask of Spark beyond what all stages ask, if {@code engine.gpusPerTask}
   * says so.
   *
   * @throws TooFewSlotsException if Spark cannot give it
   */
  static Optional<ResourceProfile> profile(JavaSparkContext spark, EngineConfig engine) {
    double gpus = engine.gpusPerTask();
    if (gpus == 0) {
      return Optional.empty();
    }
    if (spark.sc().isLocal()) {
      throw cannot(gpus, "a local Spark gives none; leave it at 0");
    }
    if (spark.getConf().getBoolean("spark.dynamicAllocation.enabled", false)) {
      // Spark then takes the profile's executors to have no GPUs.
      throw cannot(
          gpus,
          "Spark grants GPUs stage by stage with spark.dynamicAllocation.enabled=false only; set"
              + " spark.task.resource.gpu.amount instead");
    }
    if (spark.getConf().getDouble(GPUS_OF_EXECUTOR, 0) < gpus) {
      throw cannot(gpus, "the executors have none: set " + GPUS_OF_EXECUTOR);
    }
    TaskResourceRequests requests =
        new TaskResourceRequests()
            .cpus(spark.getConf().getInt("spark.task.cpus", 1))
            .resource(GPU, gpus);
    ResourceProfile profile = new ResourceProfileBuilder().require(requests).build();
    // so that slots can be counted before the first stage has it
    spark.sc().resourceProfileManager().addResourceProfile(profile);
    return Optional.of(profile);
  }

  private static TooFewSlotsException cannot(double gpus, String why) {
    return new TooFewSlotsException("engine.gpusPerTask is %s: %s".formatted(gpus, why));
  }
}
