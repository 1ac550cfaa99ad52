package org.metier.engine.kernel.nd4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.management.OperatingSystemMXBean;
import java.io.File;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.metier.engine.kernel.Device;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.kernel.MissingBackendException;
import org.metier.engine.kernel.Precision;
import org.metier.engine.kernel.cpu.CpuKernels;
import org.metier.engine.tensor.Tensor;

/** ND4J beside the CPU backend in one process, and the process that has no ND4J. */
class Nd4jRuntimeTest {
  private static final int SIZE = 768;
  private static final int REPETITIONS = 40;

  /** Prints how many threads the CPU backend's products keep busy once ND4J has been at work. */
  static final class Together {
    public static void main(String[] args) {
      try (CpuKernels cpu = new CpuKernels(1);
          Kernels nd4j = Nd4jRuntime.open(Precision.FLOAT, 2)) {
        float[] ofNd4j = product(nd4j);
        float[] ofCpu = product(cpu);
        double difference = 0;
        for (int i = 0; i < ofCpu.length; i++) {
          difference = Math.max(difference, Math.abs(ofCpu[i] - ofNd4j[i]));
        }
        System.out.println(busyThreads(cpu) + " " + gigaflops(cpu) + " " + difference);
      }
    }
  }

  /** Without ND4J: the CPU backend works, and the ND4J backend says what is missing. */
  static final class Alone {
    public static void main(String[] args) {
      try (CpuKernels cpu = new CpuKernels(1)) {
        System.out.println("product of " + product(cpu).length);
        Nd4jRuntime.open(Precision.FLOAT, 2);
      } catch (IllegalStateException e) {
        System.out.println(e.getMessage());
      }
    }
  }

  /**
   * ND4J brings a second OpenBLAS and, when it is loaded, sets all of them to as many threads as
   * there are cores; seven times slower on two busy cores, and other bits. Processor time tells,
   * however busy the machine is: 1 thread and a little of the compiler's, or 2. Java's products
   * reach some 4 GFLOP/s.
   */
  @Test
  void theCpuBackendKeepsItsNativeBlasOnOneThread() throws Exception {
    String[] numbers = run(classPath(entry -> true), Together.class).strip().split(" ");
    assertThat(Double.parseDouble(numbers[0])).as("busy threads").isLessThan(1.5);
    assertThat(Double.parseDouble(numbers[1])).as("GFLOP per second of a thread").isGreaterThan(8);
    assertThat(Double.parseDouble(numbers[2])).as("difference").isLessThan(1e-5 * SIZE);
  }

  @Test
  void withoutNd4jOneLineSaysWhatToAdd() throws Exception {
    List<String> lines =
        run(classPath(entry -> !entry.contains("nd4j-")), Alone.class).lines().toList();
    assertThat(lines).hasSize(2);
    assertThat(lines.get(0)).isEqualTo("product of " + SIZE * SIZE);
    assertThat(lines.get(1)).startsWith("backend nd4j: ").contains("add org.nd4j:nd4j-native");
  }

  @Test
  void aGpuIsKnownByItsNumberAndOnNd4jNativeOnlyNoted() {
    assertThat(Nd4jRuntime.number("1", 2)).isEqualTo(1);
    assertThatThrownBy(() -> Nd4jRuntime.number("2", 2))
        .isInstanceOf(MissingBackendException.class)
        .hasMessageStartingWith("backend nd4j: the task was given GPU 2, ND4J sees 2");
    assertThatThrownBy(() -> Nd4jRuntime.number("MIG-7", 2))
        .isInstanceOf(MissingBackendException.class)
        .hasMessageStartingWith("backend nd4j: the GPU address 'MIG-7' is not a number");
    Nd4jRuntime.use(Device.gpu("7"));
    try (Kernels nd4j = Nd4jRuntime.open(Precision.FLOAT, 1)) {
      assertThat(product(nd4j)).hasSize(SIZE * SIZE);
    }
  }

  private static float[] product(Kernels kernels) {
    float[] values = new float[SIZE * SIZE];
    for (int i = 0; i < values.length; i++) {
      values[i] = (i * 31 % 101 - 50) / 50f;
    }
    Tensor x = new Tensor(kernels.allocate(values.length), 0, SIZE, SIZE);
    Tensor out = new Tensor(kernels.allocate(values.length), 0, SIZE, SIZE);
    kernels.upload(x, values, 0);
    kernels.linear(out, x, x, false);
    kernels.download(values, 0, out);
    return values;
  }

  /** Processor time of the process per processor time of the thread that asks. */
  private static double busyThreads(Kernels kernels) {
    OperatingSystemMXBean process =
        ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);
    long start = process.getProcessCpuTime();
    double ofThread = multiply(kernels);
    return (process.getProcessCpuTime() - start) / ofThread;
  }

  private static double gigaflops(Kernels kernels) {
    return REPETITIONS * 2.0 * SIZE * SIZE * SIZE / multiply(kernels);
  }

  /** Some products; the thread's processor time in nanoseconds. */
  private static double multiply(Kernels kernels) {
    Tensor x = new Tensor(kernels.allocate(SIZE * SIZE), 0, SIZE, SIZE);
    Tensor out = new Tensor(kernels.allocate(SIZE * SIZE), 0, SIZE, SIZE);
    kernels.fill(x, 0.5);
    long start = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
    for (int i = 0; i < REPETITIONS; i++) {
      kernels.linear(out, x, x, false);
    }
    return ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime() - start;
  }

  private static String classPath(Predicate<String> jar) {
    return Stream.of(System.getProperty("java.class.path").split(File.pathSeparator))
        .filter(entry -> jar.test(Path.of(entry).getFileName().toString()))
        .collect(Collectors.joining(File.pathSeparator));
  }

  private static String run(String classPath, Class<?> main)
      throws IOException, InterruptedException {
    String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
    Process process =
        new ProcessBuilder(
                java, "--add-modules=jdk.incubator.vector", "-cp", classPath, main.getName())
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();
    String output = new String(process.getInputStream().readAllBytes());
    assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
    return output;
  }
}
