package org.metier.prep.read;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.LocatedFileStatus;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RemoteIterator;
import org.metier.prep.BadDataException;
import org.metier.prep.FirstAccess;

/**
 * The files that {@code prepare.input} names, in a fixed order. A directory stands for its JSONL
 * files ({@code .jsonl}, {@code .ndjson}, {@code .json}, plain or {@code .gz}) at any depth; names
 * that begin with a dot or an underscore are left out, as Spark does. A file that is named itself
 * is read whatever its name.
 */
public final class InputFiles {
  private static final List<String> ENDINGS = List.of(".jsonl", ".ndjson", ".json");

  /**
   * One file.
   *
   * @param name the configured entry, and below it the path inside the directory
   * @param bytes its size
   * @param modified milliseconds since 1970
   */
  public record InputFile(String name, long bytes, long modified) {}

  private final List<InputFile> files = new ArrayList<>();
  private final List<String> paths = new ArrayList<>();

  private InputFiles() {}

  /**
   * Lists the files.
   *
   * @throws BadDataException if an entry does not exist or holds no file to read
   */
  public static InputFiles list(List<String> entries, Configuration hadoop) {
    InputFiles input = new InputFiles();
    for (String entry : entries) {
      try {
        input.add(entry, hadoop);
      } catch (FileNotFoundException e) {
        throw new BadDataException("prepare.input: " + entry + " does not exist", e);
      } catch (IOException | IllegalArgumentException e) {
        throw new BadDataException(
            "prepare.input: " + entry + " cannot be read: " + e.getMessage(), e);
      }
    }
    return input;
  }

  private void add(String entry, Configuration hadoop) throws IOException {
    Path path = new Path(entry);
    FirstAccess.check(path, hadoop);
    FileSystem fileSystem = path.getFileSystem(hadoop);
    FileStatus status = fileSystem.getFileStatus(path);
    if (status.isFile()) {
      add(entry, status);
      return;
    }
    List<FileStatus> found = new ArrayList<>();
    RemoteIterator<LocatedFileStatus> all = fileSystem.listFiles(path, true);
    while (all.hasNext()) {
      FileStatus file = all.next();
      if (isWanted(relative(status.getPath(), file.getPath()))) {
        found.add(file);
      }
    }
    if (found.isEmpty()) {
      throw new BadDataException(
          "prepare.input: " + entry + " holds no .jsonl, .ndjson or .json file, plain or .gz");
    }
    found.sort(Comparator.comparing(file -> file.getPath().toUri().getPath()));
    for (FileStatus file : found) {
      add(entry + "/" + relative(status.getPath(), file.getPath()), file);
    }
  }

  private void add(String name, FileStatus status) {
    files.add(new InputFile(name, status.getLen(), status.getModificationTime()));
    paths.add(status.getPath().toString());
  }

  private static String relative(Path directory, Path file) {
    return directory.toUri().relativize(file.toUri()).getPath();
  }

  private static boolean isWanted(String relative) {
    for (String part : relative.split("/")) {
      if (part.startsWith(".") || part.startsWith("_")) {
        return false;
      }
    }
    String name = relative.toLowerCase(Locale.ROOT);
    String plain = isCompressed(name) ? name.substring(0, name.length() - ".gz".length()) : name;
    return ENDINGS.stream().anyMatch(plain::endsWith);
  }

  static boolean isCompressed(String path) {
    return path.toLowerCase(Locale.ROOT).endsWith(".gz");
  }

  /** The files in order. */
  public List<InputFile> files() {
    return List.copyOf(files);
  }

  /** Bytes of all files as they are stored. */
  public long bytes() {
    return files.stream().mapToLong(InputFile::bytes).sum();
  }

  /** Full path of a file. */
  public Path path(int file) {
    return new Path(paths.get(file));
  }

  /** Number, from 1, of the line that begins at an offset of the uncompressed file. */
  public long lineAt(int file, long offset, Configuration hadoop) {
    FileSlice whole = new FileSlice(0, file, paths.get(file), 0, files.get(file).bytes());
    try (LineReader lines = new LineReader(whole, hadoop, DocumentReader.MAX_LINE_BYTES)) {
      long line = 1;
      while (lines.next() != LineReader.Outcome.END && lines.lineOffset() < offset) {
        line++;
      }
      return line;
    } catch (IOException e) {
      throw new BadDataException(paths.get(file) + " cannot be read: " + e.getMessage(), e);
    }
  }

  /** Cuts the files into slices of at most {@code sliceBytes}; compressed files stay whole. */
  public List<FileSlice> slices(long sliceBytes) {
    List<FileSlice> slices = new ArrayList<>();
    for (int file = 0; file < files.size(); file++) {
      long bytes = files.get(file).bytes();
      String path = paths.get(file);
      long step = isCompressed(path) ? Math.max(1, bytes) : sliceBytes;
      for (long start = 0; start < bytes; start += step) {
        long end = Math.min(bytes, start + step);
        slices.add(new FileSlice(slices.size(), file, path, start, end));
      }
    }
    return slices;
  }
}
