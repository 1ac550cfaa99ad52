package org.metier.engine.kernel.nd4j;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.kernel.cpu.CpuKernels;
import org.metier.engine.kernel.nd4j.Nd4jRuntime.Precision;
import org.metier.engine.tensor.Tensor;

/** ND4J beside the CPU backend in one process, and the process that has no ND4J. */
class Nd4jRuntimeTest {
  private static final int SIZE = 768;
  private static final int REPETITIONS = 9;

  /** Prints GFLOP/s of the CPU backend before and after ND4J has been at work, and a difference. */
  static final class Together {
    public static void main(String[] args) {
      try (CpuKernels cpu = new CpuKernels(1)) {
        double before = gigaflops(cpu);
        float[] ofNd4j;
        try (Kernels nd4j = Nd4jRuntime.open(Precision.FLOAT)) {
          gigaflops(nd4j);
          ofNd4j = product(nd4j);
        }
        double after = gigaflops(cpu);
        float[] ofCpu = product(cpu);
        double difference = 0;
        for (int i = 0; i < ofCpu.length; i++) {
          difference = Math.max(difference, Math.abs(ofCpu[i] - ofNd4j[i]));
        }
        System.out.println(before + " " + after + " " + difference);
      }
    }
  }

  /** Without ND4J: the CPU backend works, and the ND4J backend says what is missing. */
  static final class Alone {
    public static void main(String[] args) {
      try (CpuKernels cpu = new CpuKernels(1)) {
        System.out.println("product of " + product(cpu).length);
        Nd4jRuntime.open(Precision.FLOAT);
      } catch (IllegalStateException e) {
        System.out.println(e.getMessage());
      }
    }
  }

  /**
   * ND4J brings a second OpenBLAS with threads of its own; the first must stay native and alone on
   * its thread. The bound is loose since other processes share the processor; a fall to Java, or to
   * threads that fight, costs more than a factor of 3.
   */
  @Test
  void theCpuBackendKeepsItsNativeBlas() throws Exception {
    String[] numbers = run(classPath(entry -> true), Together.class).strip().split(" ");
    double before = Double.parseDouble(numbers[0]);
    double after = Double.parseDouble(numbers[1]);
    assertThat(after).as("GFLOP/s, %s before ND4J was loaded", before).isGreaterThan(before / 2);
    assertThat(Double.parseDouble(numbers[2])).isLessThan(1e-5 * SIZE);
  }

  @Test
  void withoutNd4jOneLineSaysWhatToAdd() throws Exception {
    List<String> lines =
        run(classPath(entry -> !entry.contains("nd4j-")), Alone.class).lines().toList();
    assertThat(lines).hasSize(2);
    assertThat(lines.get(0)).isEqualTo("product of " + SIZE * SIZE);
    assertThat(lines.get(1)).startsWith("backend nd4j: ").contains("add org.nd4j:nd4j-native");
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

  /** The best of a few products, so that a busy machine counts less. */
  private static double gigaflops(Kernels kernels) {
    Tensor x = new Tensor(kernels.allocate(SIZE * SIZE), 0, SIZE, SIZE);
    Tensor out = new Tensor(kernels.allocate(SIZE * SIZE), 0, SIZE, SIZE);
    kernels.fill(x, 0.5);
    long least = Long.MAX_VALUE;
    for (int i = 0; i < REPETITIONS; i++) {
      long start = System.nanoTime();
      kernels.linear(out, x, x, false);
      least = Math.min(least, System.nanoTime() - start);
    }
    return 2.0 * SIZE * SIZE * SIZE / least;
  }

  private static String classPath(java.util.function.Predicate<String> jar) {
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
