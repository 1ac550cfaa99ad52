package org.metier.prep.pack;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.Serializable;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.ChecksumException;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.metier.prep.shard.ShardManifest.Shard;

/**
 * Which shards are complete: a note beside the shards for each, written when the shard has its
 * name. A run that was killed leaves notes, and the next run of the same plan writes only what they
 * do not name.
 */
public final class FinishedShards implements Serializable {
  private static final long serialVersionUID = 1L;
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String PLAN = "plan.txt";

  private final String directory;
  private final TreeMap<Integer, Shard> shards = new TreeMap<>();

  /** What a note holds. */
  private record Note(int number, Shard shard) {}

  private FinishedShards(Path directory) {
    this.directory = directory.toString();
  }

  /**
   * The notes of an earlier run if it had the same plan; otherwise the directory starts anew.
   *
   * @param directory of the notes
   * @param plan everything that decides the bytes of a shard
   */
  public static FinishedShards open(Path directory, String plan, Configuration hadoop)
      throws IOException {
    FileSystem fileSystem = directory.getFileSystem(hadoop);
    FinishedShards finished = new FinishedShards(directory);
    if (plan.equals(read(fileSystem, new Path(directory, PLAN)))) {
      for (FileStatus file : fileSystem.listStatus(directory)) {
        if (file.getPath().getName().endsWith(".json")) {
          finished.readNote(fileSystem, file.getPath());
        }
      }
      return finished;
    }
    fileSystem.delete(directory, true);
    fileSystem.mkdirs(directory);
    try (OutputStream out = fileSystem.create(new Path(directory, PLAN), true)) {
      out.write(plan.getBytes(StandardCharsets.UTF_8));
    }
    return finished;
  }

  private static String read(FileSystem fileSystem, Path file) throws IOException {
    try (InputStream in = fileSystem.open(file)) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (FileNotFoundException e) {
      return "";
    }
  }

  private void readNote(FileSystem fileSystem, Path file) throws IOException {
    try {
      Note note = JSON.readValue(read(fileSystem, file), Note.class);
      shards.put(note.number, note.shard);
    } catch (JsonProcessingException | ChecksumException e) {
      fileSystem.delete(file, false); // the run ended while it was written
    }
  }

  /** The shard of this number, if it is complete. */
  public Optional<Shard> get(int number) {
    return Optional.ofNullable(shards.get(number));
  }

  /** All, by number. */
  public Map<Integer, Shard> all() {
    return shards;
  }

  /** A note without its shard is none. */
  public void forget(int number) {
    shards.remove(number);
  }

  void note(int number, Shard shard, long attempt, Configuration hadoop) throws IOException {
    Path file = new Path(directory, "shard-%05d.json".formatted(number));
    Path temporary = new Path(directory, "_" + file.getName() + "." + attempt);
    FileSystem fileSystem = file.getFileSystem(hadoop);
    try (OutputStream out = fileSystem.create(temporary, true)) {
      out.write(JSON.writeValueAsBytes(new Note(number, shard)));
    }
    fileSystem.delete(file, false);
    if (!fileSystem.rename(temporary, file)) {
      throw new IOException(temporary + " could not be renamed to " + file.getName());
    }
  }
}
