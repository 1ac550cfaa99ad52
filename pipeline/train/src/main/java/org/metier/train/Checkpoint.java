package org.metier.train;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedOutputStream;
import java.io.ByteArrayInputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.Serializable;
import java.nio.charset.StandardCharsets;
import java.security.DigestInputStream;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.EnumMap;
import java.util.HexFormat;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Function;
import org.apache.hadoop.fs.FSError;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.metier.engine.tensor.ParameterLayout;
import org.metier.model.ModelConfig;
import org.metier.model.Parameters;
import org.metier.model.checkpoint.CorruptCheckpointException;
import org.metier.model.checkpoint.HuggingFaceConfig;
import org.metier.model.checkpoint.Safetensors;

/**
 * A committed round on disk: {@code model.safetensors} and {@code config.json} as Hugging Face
 * reads them, moments and the outer optimiser's state beside them in the same format, what workers
 * keep for themselves in {@code worker-00000/} and so on, {@code state.json} (position, counters,
 * frequencies, validations so far, identity of model and data), {@code metrics.json} (all rounds so
 * far) and {@code manifest.json} with size and SHA-256 of each. Written into a hidden directory and
 * renamed, so that a checkpoint that can be seen is whole.
 */
public final class Checkpoint {
  static final int FORMAT_VERSION = 2;
  private static final String STATE = "state.json";
  private static final String METRICS = "metrics.json";
  private static final String MANIFEST = "manifest.json";

  private Checkpoint() {}

  /** Identity and counters; what must fit before a run may go on. */
  public record Header(
      int formatVersion,
      long round,
      long step,
      long position,
      long momentSteps,
      ModelConfig model,
      TrainConfig train,
      String tokenizerSha256,
      GlobalFrequencies frequencies,
      List<Validation.Result> validations) {}

  /** A checkpoint read back. */
  public record Loaded(Header header, TrainState state, List<RoundMetrics> history) {}

  /** A file as the manifest describes it. */
  record FileEntry(long bytes, String sha256) implements Serializable {}

  /** Writes and commits; replaces a checkpoint of the same round. */
  static Path write(RunDirectory run, Header header, TrainState state, List<RoundMetrics> history)
      throws IOException {
    return write(run, header, state, directory -> Map.of(), history);
  }

  /**
   * Writes and commits; replaces a checkpoint of the same round.
   *
   * @param workerFiles writes what workers keep into the directory and returns the files by name
   */
  static Path write(
      RunDirectory run,
      Header header,
      TrainState state,
      Function<Path, Map<String, FileEntry>> workerFiles,
      List<RoundMetrics> history)
      throws IOException {
    Path target = run.checkpoint(state.round());
    Path aside = run.aside(target);
    run.removeAsides(target.getParent());
    try {
      fill(run, aside, header, state, workerFiles, history);
    } catch (Exception | FSError e) { // Spark's are checked, and not declared
      discard(run, aside, e); // a full disk needs the room
      throw e;
    }
    run.replace(aside, target);
    return target;
  }

  private static void discard(RunDirectory run, Path aside, Throwable reason) {
    try {
      run.files().delete(aside, true);
    } catch (IOException e) {
      reason.addSuppressed(e);
    }
  }

  private static void fill(
      RunDirectory run,
      Path aside,
      Header header,
      TrainState state,
      Function<Path, Map<String, FileEntry>> workerFiles,
      List<RoundMetrics> history)
      throws IOException {
    ParameterLayout layout = Parameters.layout(header.model());
    Map<String, FileEntry> written = new TreeMap<>(workerFiles.apply(aside));
    for (Map.Entry<Block, float[]> block : state.blocks().entrySet()) {
      String name = block.getKey().file();
      written.put(name, tensors(run.files(), new Path(aside, name), layout, block.getValue()));
    }
    written.put(
        "config.json", json(run, aside, "config.json", HuggingFaceConfig.of(header.model())));
    written.put(STATE, json(run, aside, STATE, header));
    written.put(METRICS, json(run, aside, METRICS, history));
    json(run, aside, MANIFEST, written);
  }

  /**
   * Reads a checkpoint after checking every file against the manifest.
   *
   * @throws CorruptCheckpointException if a file is missing, truncated or altered, or of another
   *     version
   */
  public static Loaded read(RunDirectory run, Path checkpoint) throws IOException {
    Map<String, byte[]> files = verified(run, checkpoint);
    try {
      requireVersion(checkpoint, RunDirectory.JSON.readTree(files.get(STATE)));
      Header header = RunDirectory.JSON.readValue(files.get(STATE), Header.class);
      TrainState state =
          new TrainState(
              header.round(),
              header.step(),
              header.position(),
              header.momentSteps(),
              blocks(run, files, header, checkpoint),
              header.frequencies());
      RoundMetrics[] history =
          RunDirectory.JSON.readValue(files.get(METRICS), RoundMetrics[].class);
      return new Loaded(header, state, List.of(history));
    } catch (com.fasterxml.jackson.core.JacksonException e) {
      throw new CorruptCheckpointException(
          checkpoint + ": " + STATE + " or " + METRICS + " cannot be read", e);
    }
  }

  /** Keys and blocks of other versions mean other things; nothing is guessed. */
  private static void requireVersion(Path checkpoint, JsonNode state) {
    int version = state.path("formatVersion").asInt(-1);
    if (version != FORMAT_VERSION) {
      throw new CorruptCheckpointException(
          "%s: %s has format version %d, this build reads %d"
                  .formatted(checkpoint, STATE, version, FORMAT_VERSION)
              + "; go on with the build that wrote it, or choose another run.id",
          null);
    }
  }

  /** Deletes all but the newest {@code keep} and {@code best}. */
  static void prune(RunDirectory run, int keep, Optional<Path> best) throws IOException {
    run.requireHeld();
    List<Path> all = run.checkpoints();
    for (Path old : all.subList(0, Math.max(0, all.size() - keep))) {
      if (!best.map(Path::getName).equals(Optional.of(old.getName()))) {
        run.files().delete(old, true);
      }
    }
  }

  private static Map<String, byte[]> verified(RunDirectory run, Path checkpoint)
      throws IOException {
    Path manifestFile = new Path(checkpoint, MANIFEST);
    JsonNode manifest;
    try {
      manifest = RunDirectory.JSON.readTree(run.readBytes(manifestFile));
    } catch (FileNotFoundException | com.fasterxml.jackson.core.JacksonException e) {
      throw refuse(run, checkpoint, MANIFEST, "is missing or cannot be read", e);
    }
    Map<String, byte[]> files = new TreeMap<>();
    for (Iterator<String> names = manifest.fieldNames(); names.hasNext(); ) {
      String name = names.next();
      boolean ofWorker = name.startsWith(WorkerFiles.DIRECTORY);
      verify(run, checkpoint, name, manifest.get(name), ofWorker)
          .ifPresent(bytes -> files.put(name, bytes));
    }
    for (String name : List.of(STATE, METRICS)) {
      require(run, checkpoint, name, files);
    }
    return files;
  }

  /** The file's bytes, if it need not be left to the workers. */
  private static Optional<byte[]> verify(
      RunDirectory run, Path checkpoint, String name, JsonNode entry, boolean ofWorker)
      throws IOException {
    Path file = new Path(checkpoint, name);
    MessageDigest digest = sha256();
    Optional<byte[]> kept = Optional.empty();
    long bytes;
    try {
      if (ofWorker) {
        bytes = digest(run, file, digest);
      } else {
        kept = Optional.of(run.readBytes(file));
        bytes = kept.get().length;
        digest.update(kept.get());
      }
    } catch (FileNotFoundException e) {
      throw refuse(run, checkpoint, name, "is missing", e);
    }
    if (bytes != entry.path("bytes").asLong(-1)) {
      String problem = "has %d bytes, its manifest says %s".formatted(bytes, entry.path("bytes"));
      throw refuse(run, checkpoint, name, problem, null);
    }
    if (!hex(digest.digest()).equals(entry.path("sha256").asText())) {
      throw refuse(run, checkpoint, name, "does not have the SHA-256 of its manifest", null);
    }
    return kept;
  }

  private static long digest(RunDirectory run, Path file, MessageDigest digest) throws IOException {
    try (InputStream in = new DigestInputStream(run.files().open(file), digest)) {
      byte[] buffer = new byte[1 << 20];
      long bytes = 0;
      for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
        bytes += read;
      }
      return bytes;
    }
  }

  private static void require(
      RunDirectory run, Path checkpoint, String name, Map<String, byte[]> files) {
    if (!files.containsKey(name)) {
      throw refuse(run, checkpoint, MANIFEST, "does not list " + name, null);
    }
  }

  private static CorruptCheckpointException refuse(
      RunDirectory run, Path checkpoint, String file, String problem, Throwable cause) {
    List<Path> all = run.checkpoints();
    int before = all.indexOf(checkpoint) - 1;
    String advice =
        before >= 0
            ? "remove the directory to go on from " + all.get(before).getName()
            : "there is no checkpoint before it";
    return new CorruptCheckpointException(
        "%s: %s %s; %s".formatted(checkpoint, file, problem, advice), cause);
  }

  /** Writes one block. */
  static FileEntry tensors(FileSystem files, Path file, ParameterLayout layout, float[] values)
      throws IOException {
    MessageDigest digest = sha256();
    try (OutputStream raw = files.create(file, true);
        OutputStream out = new DigestOutputStream(new BufferedOutputStream(raw, 1 << 20), digest)) {
      Safetensors.write(out, layout, values);
    }
    return new FileEntry(files.getFileStatus(file).getLen(), hex(digest.digest()));
  }

  private static Map<Block, float[]> blocks(
      RunDirectory run, Map<String, byte[]> files, Header header, Path checkpoint)
      throws IOException {
    ParameterLayout layout = Parameters.layout(header.model());
    Map<Block, float[]> blocks = new EnumMap<>(Block.class);
    for (Block block : Block.Plan.of(header.train()).ofState()) {
      String name = block.file();
      require(run, checkpoint, name, files);
      try (InputStream in = new ByteArrayInputStream(files.remove(name))) {
        blocks.put(block, Safetensors.read(in, layout, new Path(checkpoint, name).toString()));
      }
    }
    return blocks;
  }

  private static FileEntry json(RunDirectory run, Path directory, String name, Object content)
      throws IOException {
    byte[] bytes =
        content instanceof ObjectNode node
            ? node.toPrettyString().getBytes(StandardCharsets.UTF_8)
            : RunDirectory.JSON.writeValueAsBytes(content);
    try (OutputStream out = run.files().create(new Path(directory, name), true)) {
      out.write(bytes);
    }
    return new FileEntry(bytes.length, hex(sha256().digest(bytes)));
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e); // every JDK has it
    }
  }

  private static String hex(byte[] digest) {
    return HexFormat.of().formatHex(digest);
  }
}
