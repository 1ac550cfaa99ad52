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
   * Netlib warns of each part that it does not find, naming classes; what is missing and what to
   * add is said here, once. Held so that the setting is not collected with the logger.
   */
  private static final java.util.logging.Logger NETLIB =
      java.util.logging.Logger.getLogger("dev.ludovic.netlib.blas");

  private final BLAS blas;
  private final String name;

  private Blas(BLAS blas, String name) {
    this.blas = blas;
    this.name = name;
  }

  /** OpenBLAS, or Java with one warning per process if it cannot be loaded. */
  static Blas best() {
    return Native.INSTANCE;
  }

  /** The pure Java products of netlib: correct everywhere, several times slower. */
  static Blas java() {
    // Netlib tries its native class first, whichever instance it is asked for, and never again.
    Native.INSTANCE.name();
    return new Blas(JavaBLAS.getInstance(), "java");
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
        Blas blas = new Blas(NativeBLAS.getInstance(), "openblas");
        org.bytedeco.openblas.presets.openblas_nolapack.blas_set_num_threads(1);
        return blas;
      } catch (RuntimeException | LinkageError e) {
        LOG.warn(
            "native BLAS not found ({}): matrix products run in Java, several times slower; on"
                + " Linux add org.bytedeco:openblas and org.bytedeco:javacpp with the platform's"
                + " classifier (such as linux-x86_64) to the class path",
            e.toString());
        return new Blas(JavaBLAS.getInstance(), "java");
      }
    }
  }
}
