package org.metier.train;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.metier.prep.FirstAccess;

/**
 * One run = one directory, on any Hadoop file system:
 *
 * <pre>
 * config.json                 resolved configuration
 * checkpoints/round-000010/   see {@link Checkpoint}
 * checkpoints/best.json       which of them has the lowest validation loss
 * tables/train_metrics/…      Parquet
 * report.html
 * </pre>
 *
 * <p>Everything is written aside first and then renamed into place. Before that a {@link Fence} is
 * asked whether this process may still write to the run.
 */
public final class RunDirectory {
  static final ObjectMapper JSON = new ObjectMapper();
  private static final String PREFIX = "round-";
  private static final String BEST = "checkpoints/best.json";

  private final Path root;
  private final Configuration hadoop;
  private final FileSystem files;
  private final Fence fence;

  /** Keeps a process that has lost the run to another from writing to it. */
  public interface Fence {
    /** For a run that has one writer anyway. */
    Fence NONE =
        new Fence() {
          @Override
          public void requireHeld() {}

          @Override
          public String writer() {
            return "0";
          }
        };

    /** Returns if this process may write now; throws what ends it otherwise. */
    void requireHeld() throws IOException;

    /** Part of a file name, different for every process that has ever written to the run. */
    String writer();
  }

  /**
   * @throws RunStorageException if its file system cannot be reached
   */
  public RunDirectory(String directory, Configuration hadoop) {
    this(directory, hadoop, Fence.NONE);
  }

  /**
   * @param fence asked before every commit
   * @throws RunStorageException if its file system cannot be reached
   */
  public RunDirectory(String directory, Configuration hadoop, Fence fence) {
    this.fence = fence;
    try {
      Path path = new Path(directory);
      FirstAccess.check(path, hadoop);
      this.files = path.getFileSystem(hadoop);
      this.files.setWriteChecksum(false); // our manifests carry SHA-256
      this.root = files.makeQualified(path);
      this.hadoop = hadoop;
    } catch (IOException e) {
      throw new RunStorageException("run.directory: " + directory + ": " + e.getMessage(), e);
    }
  }

  public Path root() {
    return root;
  }

  /** Directory of the Parquet tables. */
  public String tables() {
    return new Path(root, "tables").toString();
  }

  Configuration hadoop() {
    return hadoop;
  }

  FileSystem files() {
    return files;
  }

  /** Writes a small text file aside and renames it into place. */
  public void writeText(String name, String text) throws IOException {
    Path target = new Path(root, name);
    Path aside = aside(target);
    try (var out = files.create(aside, true)) {
      out.write(text.getBytes(StandardCharsets.UTF_8));
    }
    replace(aside, target);
  }

  /** A small text file; empty if there is none. */
  public Optional<String> readText(String name) throws IOException {
    Path file = new Path(root, name);
    return files.exists(file)
        ? Optional.of(new String(readBytes(file), StandardCharsets.UTF_8))
        : Optional.empty();
  }

  /** Where this process writes what {@link #replace} then moves to the target. */
  Path aside(Path target) {
    return new Path(target.getParent(), ".%s.%s.tmp".formatted(target.getName(), fence.writer()));
  }

  /** Removes what is left beside a directory's entries by writers that were killed. */
  void removeAsides(Path directory) throws IOException {
    requireHeld();
    if (files.exists(directory)) {
      for (FileStatus left : files.listStatus(directory)) {
        if (left.getPath().getName().matches("\\..*\\.tmp")) {
          files.delete(left.getPath(), true);
        }
      }
    }
  }

  /** Returns if this process may write to the run. */
  void requireHeld() throws IOException {
    fence.requireHeld();
  }

  /** Moves a file or directory into place, replacing what is there. */
  void replace(Path aside, Path target) throws IOException {
    requireHeld();
    files.delete(target, true);
    if (!files.rename(aside, target)) {
      throw new IOException("could not rename " + aside + " to " + target);
    }
  }

  /** Committed checkpoints, oldest first. */
  public List<Path> checkpoints() {
    try {
      Path directory = new Path(root, "checkpoints");
      List<Path> found = new ArrayList<>();
      if (files.exists(directory)) {
        for (FileStatus status : files.listStatus(directory)) {
          if (status.isDirectory() && status.getPath().getName().startsWith(PREFIX)) {
            found.add(status.getPath());
          }
        }
      }
      found.sort(Comparator.comparing(Path::getName));
      return found;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The newest committed checkpoint. */
  public Optional<Path> newestCheckpoint() {
    List<Path> all = checkpoints();
    return all.isEmpty() ? Optional.empty() : Optional.of(all.get(all.size() - 1));
  }

  /**
   * Where the checkpoint lies that a validation found best, if that is known and it is there.
   *
   * @param validations of the run so far
   */
  Optional<Path> bestCheckpoint(List<Validation.Result> validations) throws IOException {
    Optional<Path> best = Validation.Result.best(validations).map(v -> checkpoint(v.round()));
    return best.isPresent() && files.exists(best.get()) ? best : Optional.empty();
  }

  /** Says in a small file which checkpoint {@link #bestCheckpoint} is. */
  void markBest(List<Validation.Result> validations) throws IOException {
    Optional<Path> checkpoint = bestCheckpoint(validations);
    if (checkpoint.isPresent()) {
      Validation.Result best = Validation.Result.best(validations).orElseThrow();
      ObjectNode marker =
          JSON.createObjectNode()
              .put("checkpoint", checkpoint.get().getName())
              .put("round", best.round())
              .put("loss", best.loss());
      writeText(BEST, marker.toPrettyString());
    }
  }

  /** Where the checkpoint of a round lies; names sort by round. */
  Path checkpoint(long round) {
    return new Path(root, "checkpoints/" + PREFIX + "%06d".formatted(round));
  }

  /** Round of a checkpoint directory. */
  static long roundOf(Path checkpoint) {
    return Long.parseLong(checkpoint.getName().substring(PREFIX.length()));
  }

  byte[] readBytes(Path file) throws IOException {
    try (InputStream in = files.open(file)) {
      return in.readAllBytes();
    }
  }
}
