package org.metier.prep.read;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Collectors;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.LocatedFileStatus;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RemoteIterator;
import org.metier.prep.BadDataException;
import org.metier.prep.FirstAccess;
import org.metier.prep.PrepareConfig;

/**
 * The files that {@code prepare.input} names, in a fixed order. A directory stands for its files of
 * JSON ({@code .jsonl}, {@code .ndjson}, {@code .json}) and of text, plain, {@code .gz}, {@code
 * .zst} or {@code .bz2}, and of Parquet, at any depth; names that begin with a dot or an underscore
 * are left out, as Spark does. A file that is named itself is read whatever its name: as JSONL if
 * the name says nothing else.
 */
public final class InputFiles {
  /**
   * One file.
   *
   * @param name the configured entry, and below it the path inside the directory
   * @param bytes its size
   * @param modified milliseconds since 1970
   */
  public record InputFile(String name, long bytes, long modified) {}

  private final ReadingConfig config;
  private final PathTag pathTag;
  private final List<InputFile> files = new ArrayList<>();
  private final List<FileSlice> whole = new ArrayList<>(); // one slice for each file

  private InputFiles(ReadingConfig config) {
    this.config = config;
    this.pathTag = new PathTag(config);
  }

  /**
   * Lists the files.
   *
   * @throws BadDataException if an entry does not exist or holds no file to read
   */
  public static InputFiles list(PrepareConfig prepare, Configuration hadoop) {
    InputFiles input = new InputFiles(prepare.reading());
    for (String entry : prepare.input()) {
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
      add(entry, path.getName(), status);
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
          "prepare.input: "
              + entry
              + " holds no .jsonl, .ndjson, .json"
              + config.textFiles().stream()
                  .map(ending -> ", " + ending)
                  .collect(Collectors.joining())
              + " or .parquet file");
    }
    found.sort(Comparator.comparing(file -> file.getPath().toUri().getPath()));
    for (FileStatus file : found) {
      String relative = relative(status.getPath(), file.getPath());
      add(entry + "/" + relative, relative, file);
    }
  }

  private void add(String name, String relative, FileStatus status) {
    FileFormat format = FileFormat.of(relative, config);
    whole.add(
        new FileSlice(
            files.size(),
            status.getPath().toString(),
            format == null ? FileFormat.JSON : format,
            pathTag.of(relative),
            0,
            status.getLen()));
    files.add(new InputFile(name, status.getLen(), status.getModificationTime()));
  }

  private static String relative(Path directory, Path file) {
    return directory.toUri().relativize(file.toUri()).getPath();
  }

  private boolean isWanted(String relative) {
    for (String part : relative.split("/")) {
      if (part.startsWith(".") || part.startsWith("_")) {
        return false;
      }
    }
    return FileFormat.of(relative, config) != null;
  }

  /** The files in order. */
  public List<InputFile> files() {
    return List.copyOf(files);
  }

  /** Bytes of all files as they are stored. */
  public long bytes() {
    return files.stream().mapToLong(InputFile::bytes).sum();
  }

  /** Name of a file, and where in it a record begins: its line, row or byte. */
  public String place(int file, long offset, Configuration hadoop) {
    FileSlice slice = whole.get(file);
    String name = files.get(file).name();
    try {
      return switch (slice.format()) {
        case TEXT -> name;
        case PARQUET -> name + " row " + (offset + 1);
        case JSON_LINES -> name + " line " + lineAt(slice, offset, hadoop);
        case JSON ->
            JsonArrayReader.isArray(slice, config, hadoop)
                ? name + " byte " + (offset + 1)
                : name + " line " + lineAt(slice, offset, hadoop);
      };
    } catch (IOException e) {
      throw new BadDataException(slice.path() + " cannot be read: " + e.getMessage(), e);
    }
  }

  /** Number, from 1, of the line that begins at an offset of the uncompressed file. */
  private long lineAt(FileSlice slice, long offset, Configuration hadoop) throws IOException {
    try (LineReader lines = new LineReader(slice, config, hadoop)) {
      long line = 1;
      while (lines.next() != LineReader.Outcome.END && lines.lineOffset() < offset) {
        line++;
      }
      return line;
    }
  }

  /**
   * Cuts the files into slices of at most {@code sliceBytes}; files that can be read from their
   * beginning only stay whole.
   */
  public List<FileSlice> slices(long sliceBytes) {
    List<FileSlice> slices = new ArrayList<>();
    for (FileSlice file : whole) {
      boolean stays = file.format() == FileFormat.TEXT || FileFormat.isCompressed(file.path());
      long bytes = file.end();
      long step = stays ? Math.max(1, bytes) : sliceBytes;
      for (long start = 0; start < bytes; start += step) {
        slices.add(
            new FileSlice(
                file.file(),
                file.path(),
                file.format(),
                file.pathTag(),
                start,
                Math.min(bytes, start + step)));
      }
    }
    return slices;
  }
}
