package org.metier.train;

import java.io.IOException;
import java.net.URI;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RawLocalFileSystem;

/** The local disk under {@code flaky:}, where files of one name fail to open for some times. */
public final class FlakyFileSystem extends RawLocalFileSystem {
  private static final AtomicInteger FAILURES = new AtomicInteger();
  private static volatile String failing = "";

  /** The next {@code times} openings of a file whose name is {@code name} fail. */
  static void fail(String name, int times) {
    failing = name;
    FAILURES.set(times);
  }

  static int failuresLeft() {
    return Math.max(0, FAILURES.get());
  }

  @Override
  public URI getUri() {
    return URI.create("flaky:///");
  }

  @Override
  public String getScheme() {
    return "flaky";
  }

  @Override
  public FSDataInputStream open(Path path, int bufferSize) throws IOException {
    if (path.getName().equals(failing) && FAILURES.getAndDecrement() > 0) {
      throw new IOException("the disk has hiccups");
    }
    return super.open(path, bufferSize);
  }
}
