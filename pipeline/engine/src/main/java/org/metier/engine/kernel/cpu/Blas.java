package org.metier.engine.kernel.cpu;

import dev.ludovic.netlib.blas.BLAS;
import dev.ludovic.netlib.blas.JavaBLAS;
import dev.ludovic.netlib.blas.NativeBLAS;
import java.nio.file.Path;
import java.util.logging.Level;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.openblas.global.openblas_nolapack;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Matrix products on slices of heap arrays, and the only file that knows a BLAS. The call goes
 * through netlib (the BLAS layer of Spark MLlib), which pins the arrays instead of copying them, to
 * the OpenBLAS that comes with bytedeco's artifact. Its threads are set to one: how a product is
 * cut is decided by the ops.
 */
final class Blas {
  private static final Logger LOG = LoggerFactory.getLogger(Blas.class);

  /** Read by netlib when its native class is first used. */
  private static final String LIBRARY_PATH = "dev.ludovic.netlib.blas.nativeLibPath";

  /**
   * On processors with AVX-512, OpenBLAS multiplies matrices of up to this many multiply-adds
   * (100³) as they lie, without packing them into panels first, provided that the right one is not
   * transposed. Where no matrix is read often enough to repay its packing, a product cut into such
   * pieces is 5 to 35 % faster than the whole.
   */
  private static final int UNPACKED_PRODUCT = 1_000_000;

  /** Widest result of {@code op(A) = Aᵀ} for which pieces were faster than the whole. */
  private static final int MAX_TRANSPOSED_WIDTH = 256;

  /**
   * Netlib warns of each part that it does not find, naming classes; what is missing and what to
   * add is said here, once. Held so that the setting is not collected with the logger.
   */
  private static final java.util.logging.Logger NETLIB =
      java.util.logging.Logger.getLogger("dev.ludovic.netlib.blas");

  private final BLAS blas;
  private final String name;
  private final boolean inPieces;

  private Blas(BLAS blas, String name, boolean inPieces) {
    this.blas = blas;
    this.name = name;
    this.inPieces = inPieces;
  }

  /**
   * The same library, its products cut to what it multiplies best.
   *
   * @param vectorLength floats in a vector of this processor; 16 stands for AVX-512
   */
  Blas tunedFor(int vectorLength) {
    return new Blas(blas, name, name.equals("openblas") && vectorLength >= 16);
  }

  /** OpenBLAS, or Java with one warning per process if it cannot be loaded. */
  static Blas best() {
    return Native.INSTANCE;
  }

  /** The pure Java products of netlib: correct everywhere, several times slower. */
  static Blas java() {
    // Netlib tries its native class first, whichever instance it is asked for, and never again.
    Native.INSTANCE.name();
    return new Blas(JavaBLAS.getInstance(), "java", false);
  }

  /** {@code openblas} or {@code java}. */
  String name() {
    return name;
  }

  /**
   * {@code C = alpha · op(A) op(B) + beta · C} with row-major matrices: op(A) is [m, k], op(B) is
   * [k, n], C is [m, n]; op transposes if its flag is set. A leading dimension ({@code ld}) is the
   * distance between two rows as they are stored. With {@code beta} 0 the old C is not read.
   */
  void gemm(
      boolean transposeA,
      boolean transposeB,
      int m,
      int n,
      int k,
      float alpha,
      float[] a,
      int aOffset,
      int lda,
      float[] b,
      int bOffset,
      int ldb,
      float beta,
      float[] c,
      int cOffset,
      int ldc) {
    if (m == 0 || n == 0) {
      return;
    }
    boolean fits = (double) m * n * k <= UNPACKED_PRODUCT;
    if (!inPieces || transposeB || fits || transposeA && n > MAX_TRANSPOSED_WIDTH) {
      multiply(
          transposeA,
          transposeB,
          m,
          n,
          k,
          alpha,
          a,
          aOffset,
          lda,
          b,
          bOffset,
          ldb,
          beta,
          c,
          cOffset,
          ldc);
      return;
    }
    // Sizes by measurement. A piece's part of B should stay in the first-level cache, its part of C
    // should be worth the call.
    int columns = part(n, n <= 128 || k <= 64 ? 128 : 256);
    int inner = part(k, columns > 128 ? 122 : Math.min(256, UNPACKED_PRODUCT / (128 * columns)));
    int rows = part(m, UNPACKED_PRODUCT / (columns * inner));
    for (int j = 0; j < n; j += columns) {
      int width = Math.min(columns, n - j);
      // Aᵀ is long and C with it: C stays and the sums run inside. Otherwise B's part stays.
      int outerStep = transposeA ? rows : inner;
      int innerStep = transposeA ? inner : rows;
      for (int outer = 0; outer < (transposeA ? m : k); outer += outerStep) {
        for (int in = 0; in < (transposeA ? k : m); in += innerStep) {
          int i = transposeA ? outer : in;
          int p = transposeA ? in : outer;
          multiply(
              transposeA,
              false,
              Math.min(rows, m - i),
              width,
              Math.min(inner, k - p),
              alpha,
              a,
              aOffset + (transposeA ? p * lda + i : i * lda + p),
              lda,
              b,
              bOffset + p * ldb + j,
              ldb,
              p == 0 ? beta : 1,
              c,
              cOffset + i * ldc + j,
              ldc);
        }
      }
    }
  }

  /**
   * Length of the parts that {@code total} is cut into: about equal ones of at most {@code most}.
   */
  private static int part(int total, int most) {
    int parts = (total + most - 1) / most;
    return (total + parts - 1) / parts;
  }

  private void multiply(
      boolean transposeA,
      boolean transposeB,
      int m,
      int n,
      int k,
      float alpha,
      float[] a,
      int aOffset,
      int lda,
      float[] b,
      int bOffset,
      int ldb,
      float beta,
      float[] c,
      int cOffset,
      int ldc) {
    // A row-major matrix is its own transpose to a column-major BLAS, and Cᵀ = op(B)ᵀ op(A)ᵀ.
    blas.sgemm(
        transposeB ? "T" : "N",
        transposeA ? "T" : "N",
        n,
        m,
        k,
        alpha,
        b,
        bOffset,
        ldb,
        a,
        aOffset,
        lda,
        beta,
        c,
        cOffset,
        ldc);
  }

  /** Loads the native library once per process, when it is first asked for. */
  private static final class Native {
    static final Blas INSTANCE = load();

    private static Blas load() {
      NETLIB.setLevel(Level.OFF);
      try {
        String jni = Loader.load(openblas_nolapack.class);
        if (System.getProperty(LIBRARY_PATH) == null) {
          String library = System.mapLibraryName("openblas_nolapack");
          boolean versioned = library.endsWith(".so");
          Path path = Path.of(jni).resolveSibling(versioned ? library + ".0" : library);
          System.setProperty(LIBRARY_PATH, path.toString());
        }
        Blas blas = new Blas(NativeBLAS.getInstance(), "openblas", false);
        org.bytedeco.openblas.presets.openblas_nolapack.blas_set_num_threads(1);
        return blas;
      } catch (RuntimeException | LinkageError e) {
        LOG.warn(
            "native BLAS not found ({}): matrix products run in Java, several times slower; on"
                + " Linux add org.bytedeco:openblas and org.bytedeco:javacpp with the platform's"
                + " classifier (such as linux-x86_64) to the class path",
            e.toString());
        return new Blas(JavaBLAS.getInstance(), "java", false);
      }
    }
  }
}
