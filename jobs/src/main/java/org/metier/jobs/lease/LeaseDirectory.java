package org.metier.jobs.lease;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.StandardOpenOption;
import java.util.Optional;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileAlreadyExistsException;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.ipc.RemoteException;

/**
 * The files of a lease, on any Hadoop file system. Leases are numbered; the highest number is the
 * one that counts, so a number is also a fencing token: who finds a higher one than his own has
 * lost.
 *
 * <pre>
 * 000003.json    who holds number 3; created once, never changed
 * 000003.beat    its last heartbeat; written again and again
 * 000003.ended   number 3 is given back, and how that launch ended
 * </pre>
 *
 * <p>What is assumed of the file system: of several processes that create the same file without
 * overwriting, one succeeds (HDFS; local and NFS disks by O_EXCL; the connectors of ABFS and GCS by
 * conditional requests); a listing shows what was created before it; modification times come from
 * one clock. The S3A connector of Hadoop 3.3 asks whether a file is there before it writes, so two
 * launches within the same fraction of a second may both believe that they have a number. The last
 * writer has it: each reads its file back, and the other finds a stranger's token there at its next
 * heartbeat, and at the latest before it commits anything.
 */
final class LeaseDirectory {
  private static final Pattern NAME = Pattern.compile("(\\d{6,})\\.(json|beat|ended)");
  private static final ObjectMapper JSON =
      JsonMapper.builder().disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES).build();

  private final FileSystem files;
  private final Path directory;

  /**
   * The lease that counts.
   *
   * @param number counts leases from 1
   * @param ended whether it was given back
   * @param beatMillis modification time of the last sign of life, by the file system's clock
   */
  record Newest(long number, boolean ended, long beatMillis) {}

  /**
   * @param directory of this lease alone; need not exist
   */
  LeaseDirectory(Path directory, Configuration hadoop) throws IOException {
    this.files = directory.getFileSystem(hadoop);
    this.files.setWriteChecksum(false); // checksum files beside such small ones would be most
    this.directory = files.makeQualified(directory);
  }

  Path path() {
    return directory;
  }

  Optional<Newest> newest() throws IOException {
    long number = 0;
    boolean ended = false;
    long beat = 0;
    for (FileStatus file : list()) {
      Matcher name = NAME.matcher(file.getPath().getName());
      if (!name.matches() || Long.parseLong(name.group(1)) < number) {
        continue;
      }
      if (Long.parseLong(name.group(1)) > number) {
        number = Long.parseLong(name.group(1));
        ended = false;
        beat = 0;
      }
      ended |= name.group(2).equals("ended");
      beat = Math.max(beat, file.getModificationTime());
    }
    return number == 0 ? Optional.empty() : Optional.of(new Newest(number, ended, beat));
  }

  private FileStatus[] list() throws IOException {
    try {
      return files.listStatus(directory);
    } catch (FileNotFoundException e) {
      return new FileStatus[0];
    }
  }

  /** The holder's own words; empty while they are being written, or if they are gone. */
  Optional<Holder> holder(long number) throws IOException {
    return read(file(number, "json"), Holder.class);
  }

  /** What the holder last said of itself; empty while it is being written. */
  Optional<Heartbeat> heartbeat(long number) throws IOException {
    return read(file(number, "beat"), Heartbeat.class);
  }

  Optional<Ending> ending(long number) throws IOException {
    return read(file(number, "ended"), Ending.class);
  }

  /** Whether no higher number is there, and this one still has this token. */
  boolean isNewest(long number, String token) throws IOException {
    Optional<Newest> newest = newest();
    return newest.isPresent()
        && newest.get().number() == number
        && !newest.get().ended()
        && holder(number).map(Holder::token).equals(Optional.of(token));
  }

  /** Takes a number, if nobody else has; the number's holder is then the one who did. */
  boolean take(long number, Holder holder) throws IOException {
    files.mkdirs(directory);
    Path file = file(number, "json");
    byte[] content = JSON.writeValueAsBytes(holder);
    try {
      if (files.getScheme().equals("file")) {
        // Hadoop's local file system asks whether a file is there and then creates it
        Files.write(
            java.nio.file.Path.of(file.toUri().getPath()),
            content,
            StandardOpenOption.CREATE_NEW,
            StandardOpenOption.WRITE);
      } else {
        write(file, content, false);
      }
    } catch (FileAlreadyExistsException | java.nio.file.FileAlreadyExistsException e) {
      return false;
    } catch (RemoteException e) {
      if (e.getClassName().endsWith("AlreadyBeingCreatedException")) {
        return false; // HDFS: another is writing it just now
      }
      throw e;
    }
    return holder(number).map(Holder::token).equals(Optional.of(holder.token()));
  }

  void beat(long number, Heartbeat heartbeat) throws IOException {
    write(file(number, "beat"), JSON.writeValueAsBytes(heartbeat), true);
  }

  void end(long number, Ending ending) throws IOException {
    write(file(number, "ended"), JSON.writeValueAsBytes(ending), true);
    files.delete(file(number, "beat"), false);
    files.delete(file(number, "json"), false);
  }

  /** Removes what earlier numbers have left. */
  void removeBefore(long number) throws IOException {
    for (FileStatus file : list()) {
      Matcher name = NAME.matcher(file.getPath().getName());
      if (name.matches() && Long.parseLong(name.group(1)) < number) {
        files.delete(file.getPath(), false);
      }
    }
  }

  /** Now, by the clock that modification times come from. */
  long clockMillis() throws IOException {
    Path probe = new Path(directory, ".clock-" + UUID.randomUUID());
    try {
      write(probe, new byte[0], true);
      return files.getFileStatus(probe).getModificationTime();
    } finally {
      files.delete(probe, false);
    }
  }

  private Path file(long number, String kind) {
    return new Path(directory, "%06d.%s".formatted(number, kind));
  }

  private void write(Path file, byte[] content, boolean overwrite) throws IOException {
    try (var out = files.create(file, overwrite)) {
      out.write(content);
    }
  }

  private <T> Optional<T> read(Path file, Class<T> type) throws IOException {
    try (InputStream in = files.open(file)) {
      return Optional.of(JSON.readValue(in.readAllBytes(), type));
    } catch (FileNotFoundException | JacksonException e) {
      return Optional.empty();
    }
  }
}
