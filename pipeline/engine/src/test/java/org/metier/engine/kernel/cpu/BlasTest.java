package org.metier.engine.kernel.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class BlasTest {

  /** Says what a JVM ended up with. */
  static final class Chosen {
    public static void main(String[] args) {
      System.out.println(Blas.best().name() + " " + Rows.best().getClass().getSimpleName());
    }
  }

  @Test
  void theTestsRunOnOpenBlas() {
    assertThat(Blas.best().name()).isEqualTo("openblas");
    assertThat(Blas.java().name()).isEqualTo("java");
    assertThat(Rows.best()).isInstanceOf(VectorRows.class);
  }

  @Test
  void transposesOffsetsAndLeadingDimensions() {
    for (Blas blas : List.of(Blas.best(), Blas.java())) {
      // A = [1 2; 3 4; 5 6] inside rows of 3 from index 1; B = [1 -1; 2 1] inside rows of 2.
      float[] a = {9, 1, 2, 9, 3, 4, 9, 5, 6, 9, 9, 9};
      float[] b = {1, -1, 2, 1};
      float[] product = new float[6];
      blas.gemm(false, false, 3, 2, 2, 1, a, 1, 3, b, 0, 2, 0, product, 0, 2);
      assertThat(product).containsExactly(5, 1, 11, 1, 17, 1);
      blas.gemm(false, true, 3, 2, 2, 2, a, 1, 3, b, 0, 2, 1, product, 0, 2);
      assertThat(product).containsExactly(5 - 2, 1 + 8, 11 - 2, 1 + 20, 17 - 2, 1 + 32);
      float[] gram = {Float.NaN, 0, 0, 0};
      blas.gemm(true, false, 2, 2, 3, 1, a, 1, 3, a, 1, 3, 0, gram, 0, 2);
      assertThat(gram).containsExactly(35, 44, 44, 56);
    }
  }

  @Test
  void standInsTakeOverWhereAPartIsMissing() throws Exception {
    String all = System.getProperty("java.class.path");
    String withoutOpenBlas =
        Stream.of(all.split(java.io.File.pathSeparator))
            .filter(entry -> !Path.of(entry).getFileName().toString().contains("openblas"))
            .collect(Collectors.joining(java.io.File.pathSeparator));
    assertThat(chosen("-cp", all)).isEqualTo("openblas ScalarRows");
    assertThat(chosen("--add-modules=jdk.incubator.vector", "-cp", withoutOpenBlas))
        .isEqualTo("java VectorRows");
  }

  private static String chosen(String... options) throws IOException, InterruptedException {
    List<String> command =
        Stream.of(
                Stream.of(Path.of(System.getProperty("java.home"), "bin", "java").toString()),
                Stream.of(options),
                Stream.of(Chosen.class.getName()))
            .flatMap(part -> part)
            .toList();
    Process process =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD).start();
    String output = new String(process.getInputStream().readAllBytes()).strip();
    assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
    return output;
  }

  @Test
  void columnBlocksAtTheEndOfAStorageAreAllowed() {
    float[] x = FloatStorage.allocate(6).values();
    System.arraycopy(new float[] {1, 2, 3, 4, 5, 6}, 0, x, 0, 6);
    float[] out = new float[1];
    // The last column of [2, 3], whose row would run past the storage's end.
    Blas.best().gemm(true, false, 1, 1, 2, 1, x, 2, 3, x, 2, 3, 0, out, 0, 1);
    assertThat(out[0]).isCloseTo(45, within(0f));
  }
}
