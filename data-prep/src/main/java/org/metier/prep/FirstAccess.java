package org.metier.prep;

import java.io.FileNotFoundException;
import java.io.IOException;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * The first look at a path on a file system that is not local. Hadoop's clients would go on for
 * minutes before they give up on a server that is not there; a job's first access says within
 * seconds that it cannot be reached. Later accesses keep Hadoop's patience, for a server may be
 * restarted while a job runs.
 */
public final class FirstAccess {
  private FirstAccess() {}

  /**
   * Returns if the path's file system answers, whether or not the path exists.
   *
   * @throws IOException saying in one line why not; which path it was is for the caller to say
   */
  public static void check(Path path, Configuration hadoop) throws IOException {
    try {
      if (path.getFileSystem(hadoop).getScheme().equals("file")) {
        return;
      }
      try (FileSystem files = FileSystem.newInstance(path.toUri(), impatient(hadoop))) {
        files.getFileStatus(files.makeQualified(path));
      }
    } catch (FileNotFoundException e) {
      return; // the file system knows so much
    } catch (IOException | RuntimeException e) { // a class that is missing is the latter
      throw new IOException("its file system cannot be reached: " + innermost(e), e);
    }
  }

  private static Configuration impatient(Configuration hadoop) {
    Configuration impatient = new Configuration(hadoop);
    impatient.setInt("ipc.client.connect.timeout", 5_000); // milliseconds
    impatient.setInt("ipc.client.connect.max.retries", 1);
    impatient.setInt("ipc.client.connect.max.retries.on.timeouts", 0);
    impatient.setInt("ipc.client.connect.retry.interval", 500); // milliseconds
    impatient.setInt("dfs.client.failover.max.attempts", 2);
    impatient.setInt("fs.s3a.attempts.maximum", 1);
    impatient.setInt("fs.s3a.retry.limit", 1);
    impatient.set("fs.s3a.connection.establish.timeout", "5000"); // milliseconds
    return impatient;
  }

  private static String innermost(Throwable thrown) {
    Throwable cause = thrown;
    while (cause.getCause() != null && cause.getCause() != cause) {
      cause = cause.getCause();
    }
    String message = String.valueOf(cause.getMessage()).lines().findFirst().orElse("").strip();
    return cause instanceof IOException
        ? message
        : cause.getClass().getSimpleName() + ": " + message;
  }
}
