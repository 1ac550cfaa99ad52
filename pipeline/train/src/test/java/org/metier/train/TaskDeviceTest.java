package org.metier.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Map;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.resource.ResourceInformation;
import org.junit.jupiter.api.Test;
import org.metier.engine.kernel.Device;
import org.metier.engine.kernel.Precision;
import org.metier.model.ActivationPolicy;
import org.metier.train.EngineConfig.Backend;

/** What Spark's words mean for us; on a cluster see the module jobs. */
class TaskDeviceTest {

  @Test
  void isTheFirstGpuOfTheTaskOrTheCpu() {
    ResourceInformation gpus = new ResourceInformation("gpu", new String[] {"3", "1"});
    ResourceInformation fpgas = new ResourceInformation("fpga", new String[] {"0"});
    assertThat(TaskDevice.of(Map.of("gpu", gpus, "fpga", fpgas))).isEqualTo(Device.gpu("3"));
    assertThat(TaskDevice.of(Map.of("fpga", fpgas))).isEqualTo(Device.CPU);
    assertThat(TaskDevice.ofTask()).isEqualTo(Device.CPU);
    assertThat(Device.gpu("3")).hasToString("gpu 3");
    assertThat(Device.CPU).hasToString("cpu");
  }

  @Test
  void withoutResourcesATaskHasTheCpu() {
    String device =
        spark().parallelize(java.util.List.of(1), 1).map(i -> "" + TaskDevice.ofTask()).first();
    assertThat(device).isEqualTo("cpu");
  }

  @Test
  void aLocalSparkGivesNoGpus() {
    assertThat(TaskDevice.profile(spark(), engine(0))).isEmpty();
    assertThatThrownBy(() -> TaskDevice.profile(spark(), engine(1)))
        .isInstanceOf(TooFewSlotsException.class)
        .hasMessage("engine.gpusPerTask is 1.0: a local Spark gives none; leave it at 0");
  }

  @Test
  void aTaskMayHaveAGpuOrAShareOfOne() {
    assertThat(engine(0.25).gpusPerTask()).isEqualTo(0.25);
    for (double wrong : new double[] {-1, 0.6, 2, Double.NaN}) {
      assertThatThrownBy(() -> engine(wrong))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("gpusPerTask must be 0, a share up to 0.5, or 1, is " + wrong);
    }
  }

  private static EngineConfig engine(double gpusPerTask) {
    return new EngineConfig(Backend.CPU, Precision.FLOAT, ActivationPolicy.KEEP, gpusPerTask);
  }

  private static JavaSparkContext spark() {
    return JavaSparkContext.fromSparkContext(TrainFixture.spark().sparkContext());
  }
}
