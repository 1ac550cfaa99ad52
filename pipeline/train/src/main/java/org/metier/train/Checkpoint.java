package org.metier.train;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedOutputStream;
import java.io.ByteArrayInputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.hadoop.fs.Path;
import org.metier.engine.tensor.ParameterLayout;
import org.metier.model.ModelConfig;
import org.metier.model.Parameters;
import org.metier.model.checkpoint.CorruptCheckpointException;
import org.metier.model.checkpoint.HuggingFaceConfig;
import org.metier.model.checkpoint.Safetensors;

/**
 * A committed round on disk: {@code model.safetensors} and {@code config.json} as Hugging Face
 * reads them, both moments beside them in the same format, {@code state.json} (position, counters,
 * frequencies, identity of model and data), {@code metrics.json} (all rounds so far) and {@code
 * manifest.json} with size and SHA-256 of each. Written into a hidden directory and renamed, so
 * that a checkpoint that can be seen is whole.
 */
public final class Checkpoint {
  static final int FORMAT_VERSION = 1;
  private static final String MODEL = "model.safetensors";
  private static final String FIRST = "first_moment.safetensors";
  private static final String SECOND = "second_moment.safetensors";
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
      GlobalFrequencies frequencies) {}

  /** A checkpoint read back. */
  public record Loaded(Header header, TrainState state, List<RoundMetrics> history) {}

  private record FileEntry(long bytes, String sha256) {}

  /** Writes and commits; replaces a checkpoint of the same round. */
  static Path write(RunDirectory run, Header header, TrainState state, List<RoundMetrics> history)
      throws IOException {
    Path target = run.checkpoint(state.round());
    Path aside = new Path(target.getParent(), "." + target.getName() + ".tmp");
    run.files().delete(aside, true);
    ParameterLayout layout = Parameters.layout(header.model());
    Map<String, FileEntry> written = new TreeMap<>();
    written.put(MODEL, tensors(run, new Path(aside, MODEL), layout, state.values()));
    written.put(FIRST, tensors(run, new Path(aside, FIRST), layout, state.firstMoment()));
    written.put(SECOND, tensors(run, new Path(aside, SECOND), layout, state.secondMoment()));
    written.put(
        "config.json", json(run, aside, "config.json", HuggingFaceConfig.of(header.model())));
    written.put(STATE, json(run, aside, STATE, header));
    written.put(METRICS, json(run, aside, METRICS, history));
    json(run, aside, MANIFEST, written);
    run.replace(aside, target);
    return target;
  }

  /**
   * Reads a checkpoint after checking every file against the manifest.
   *
   * @throws CorruptCheckpointException if a file is missing, truncated or altered
   */
  public static Loaded read(RunDirectory run, Path checkpoint) throws IOException {
    Map<String, byte[]> files = verified(run, checkpoint);
    try {
      Header header = RunDirectory.JSON.readValue(files.get(STATE), Header.class);
      ParameterLayout layout = Parameters.layout(header.model());
      TrainState state =
          new TrainState(
              header.round(),
              header.step(),
              header.position(),
              header.momentSteps(),
              tensors(files, MODEL, layout, checkpoint),
              tensors(files, FIRST, layout, checkpoint),
              tensors(files, SECOND, layout, checkpoint),
              header.frequencies());
      RoundMetrics[] history =
          RunDirectory.JSON.readValue(files.get(METRICS), RoundMetrics[].class);
      return new Loaded(header, state, List.of(history));
    } catch (com.fasterxml.jackson.core.JacksonException e) {
      throw new CorruptCheckpointException(
          checkpoint + ": " + STATE + " or " + METRICS + " cannot be read", e);
    }
  }

  /** Deletes all but the newest {@code keep}. */
  static void prune(RunDirectory run, int keep) throws IOException {
    List<Path> all = run.checkpoints();
    for (Path old : all.subList(0, Math.max(0, all.size() - keep))) {
      run.files().delete(old, true);
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
    for (String name : List.of(MODEL, FIRST, SECOND, STATE, METRICS)) {
      JsonNode entry = manifest.path(name);
      byte[] bytes;
      try {
        bytes = run.readBytes(new Path(checkpoint, name));
      } catch (FileNotFoundException e) {
        throw refuse(run, checkpoint, name, "is missing", e);
      }
      if (bytes.length != entry.path("bytes").asLong(-1)) {
        String problem =
            "has %d bytes, its manifest says %s".formatted(bytes.length, entry.path("bytes"));
        throw refuse(run, checkpoint, name, problem, null);
      }
      if (!hex(sha256().digest(bytes)).equals(entry.path("sha256").asText())) {
        throw refuse(run, checkpoint, name, "does not have the SHA-256 of its manifest", null);
      }
      files.put(name, bytes);
    }
    return files;
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

  private static FileEntry tensors(
      RunDirectory run, Path file, ParameterLayout layout, float[] values) throws IOException {
    MessageDigest digest = sha256();
    try (OutputStream raw = run.files().create(file, true);
        OutputStream out = new DigestOutputStream(new BufferedOutputStream(raw, 1 << 20), digest)) {
      Safetensors.write(out, layout, values);
    }
    return new FileEntry(run.files().getFileStatus(file).getLen(), hex(digest.digest()));
  }

  private static float[] tensors(
      Map<String, byte[]> files, String name, ParameterLayout layout, Path checkpoint)
      throws IOException {
    try (InputStream in = new ByteArrayInputStream(files.get(name))) {
      return Safetensors.read(in, layout, new Path(checkpoint, name).toString());
    }
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
