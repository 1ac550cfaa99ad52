package org.metier.prep;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.metier.prep.document.Split;
import org.metier.prep.read.InputFiles;
import org.metier.prep.read.InputFiles.InputFile;
import org.metier.prep.shard.ShardManifest;
import org.metier.prep.tokenize.Tokenizer;

/**
 * The output directory. Everything is written beside it, in {@code <output>.partial}, and moved
 * there at the end; {@code report.json} comes last and says that the result is complete and what it
 * was made from. So a directory without it is what an interrupted run has left.
 */
final class PreparedDirectory {
  static final String TOKENIZER = "tokenizer.json";
  static final String REPORT = "report.json";
  static final String TABLES = "tables";
  private static final String RECORDS = "records";
  private static final String PLAN = "plan.json";

  /** Another build may read the same input in another way. */
  private static final String VERSION =
      String.valueOf(Preparation.class.getPackage().getImplementationVersion());

  /** Notes on complete shards, as long as the result is not. */
  private static final String NOTES = "_finished-shards";

  private static final Set<String> OURS =
      Set.of(
          TOKENIZER,
          REPORT,
          "_" + REPORT,
          TABLES,
          NOTES,
          RECORDS,
          Split.TRAIN.directory(),
          Split.VALIDATION.directory(),
          Split.HELD_OUT.directory());

  private static final FileStatus[] NOTHING = {};

  private static final ObjectMapper JSON =
      JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

  /** What report.json holds: from what the result was made, and the report. */
  record Completed(
      int formatVersion, PrepareConfig config, List<InputFile> inputs, PrepareReport report) {}

  /** What the records of an unfinished run were read from, and how. */
  private record Plan(
      int formatVersion,
      String version,
      PrepareConfig config,
      List<InputFile> inputs,
      int partitions) {}

  private final PrepareConfig config;
  private final List<InputFile> inputs;
  private final Configuration hadoop;
  private final FileSystem fileSystem;
  private final Path output;
  private final Path aside;

  PreparedDirectory(PrepareConfig config, InputFiles input, Configuration hadoop) {
    this.config = config;
    this.inputs = input.files();
    this.hadoop = hadoop;
    Path path = new Path(config.output());
    try {
      FirstAccess.check(path, hadoop);
      fileSystem = path.getFileSystem(hadoop);
    } catch (IOException e) {
      throw new BadDataException("prepare.output: " + path + " cannot be used: " + e.getMessage());
    }
    output = fileSystem.makeQualified(path);
    aside = output.suffix(".partial");
  }

  /**
   * The report of an earlier run with the same settings and input.
   *
   * @param existing the tokenizer, unless the run is to learn one
   * @throws BadDataException if the directory holds anything else that must not be lost
   */
  Optional<PrepareReport> completed(Optional<Tokenizer> existing) {
    Path report = new Path(output, REPORT);
    Completed completed;
    try (InputStream in = fileSystem.open(report)) {
      completed = JSON.readValue(in.readAllBytes(), Completed.class);
    } catch (FileNotFoundException e) {
      requireReplaceable(output);
      return Optional.empty();
    } catch (IOException e) {
      throw new BadDataException(report + " cannot be read: " + firstLine(e), e);
    }
    difference(completed)
        .or(() -> otherTokenizer(completed, existing))
        .ifPresent(
            difference -> {
              throw new BadDataException(
                  "prepare.output: "
                      + output
                      + " holds another complete result ("
                      + difference
                      + "); choose another output or remove that directory");
            });
    requireIntact();
    return Optional.of(completed.report.asReused());
  }

  private void requireIntact() {
    Path tokenizerFile = new Path(output, TOKENIZER);
    for (Split split : config.splits().splits()) {
      ShardManifest.read(new Path(output, split.directory()), hadoop)
          .tokenizer(tokenizerFile, hadoop);
    }
  }

  /** What in an earlier result differs from what is asked for now. */
  private Optional<String> difference(Completed earlier) {
    if (earlier.formatVersion != ShardManifest.FORMAT_VERSION) {
      return Optional.of("format version " + earlier.formatVersion);
    }
    JsonNode before = JSON.valueToTree(earlier.config);
    JsonNode now = JSON.valueToTree(config);
    for (Iterator<Map.Entry<String, JsonNode>> it = now.fields(); it.hasNext(); ) {
      Map.Entry<String, JsonNode> entry = it.next();
      JsonNode old = before.get(entry.getKey());
      if (!entry.getKey().equals("output") && !entry.getValue().equals(old)) {
        return Optional.of(
            "prepare." + entry.getKey() + " was " + old + ", is " + entry.getValue());
      }
    }
    for (InputFile file : inputs) {
      if (!earlier.inputs.contains(file)) {
        return Optional.of(file.name() + " is new or has changed since");
      }
    }
    if (earlier.inputs.size() != inputs.size()) {
      return Optional.of("it was made from " + earlier.inputs.size() + " files");
    }
    return Optional.empty();
  }

  private static Optional<String> otherTokenizer(Completed earlier, Optional<Tokenizer> now) {
    return now.filter(tokenizer -> !tokenizer.sha256().equals(earlier.report.tokenizer().sha256()))
        .map(tokenizer -> "its tokenizer is another than prepare.tokenizer gives now");
  }

  /** Only what prepare itself has left may be replaced. */
  private void requireReplaceable(Path directory) {
    try {
      for (FileStatus entry : fileSystem.listStatus(directory)) {
        if (entry.getPath().equals(directory) || !OURS.contains(entry.getPath().getName())) {
          throw new BadDataException(
              "prepare.output: "
                  + directory
                  + " is there and is not a result of prepare; choose another output");
        }
      }
    } catch (FileNotFoundException e) {
      return; // nothing there
    } catch (IOException e) {
      throw new BadDataException(
          "prepare.output: " + directory + " cannot be read: " + firstLine(e), e);
    }
  }

  /**
   * Makes room for a new result beside the output. Records that an earlier run has read in the same
   * way stay, and what an interrupted one has left of the shards, until it is known whether it is
   * of use.
   *
   * @param partitions pieces into which the input is cut
   */
  void begin(int partitions) {
    requireReplaceable(aside);
    try {
      byte[] plan =
          JSON.writeValueAsBytes(
              new Plan(ShardManifest.FORMAT_VERSION, VERSION, config, inputs, partitions));
      Path planFile = new Path(records(), PLAN);
      boolean sameRecords = Arrays.equals(plan, read(planFile));
      Set<String> kept = new HashSet<>(Set.of(NOTES));
      config.splits().splits().forEach(split -> kept.add(split.directory()));
      if (sameRecords) {
        kept.add(RECORDS);
      }
      for (FileStatus entry : fileSystem.exists(aside) ? fileSystem.listStatus(aside) : NOTHING) {
        if (!kept.contains(entry.getPath().getName())) {
          fileSystem.delete(entry.getPath(), true);
        }
      }
      if (!fileSystem.mkdirs(records())) {
        throw new IOException("no directory was made");
      }
      if (!sameRecords) {
        write(plan, planFile);
      }
      for (Split split : config.splits().splits()) {
        fileSystem.mkdirs(splitDirectory(split));
      }
    } catch (IOException e) {
      throw new BadDataException(
          "prepare.output: " + aside + " cannot be written: " + firstLine(e), e);
    }
  }

  /** Removes everything from the splits but these files. */
  void keepOnly(Set<Path> files) throws IOException {
    for (Split split : config.splits().splits()) {
      for (FileStatus entry : fileSystem.listStatus(splitDirectory(split))) {
        if (!files.contains(entry.getPath())) {
          fileSystem.delete(entry.getPath(), true);
        }
      }
    }
  }

  /** What the result is made from, as text: settings and input files. */
  String identity() {
    ObjectNode identity = JSON.createObjectNode();
    identity.put("formatVersion", ShardManifest.FORMAT_VERSION);
    ObjectNode settings = JSON.valueToTree(config);
    identity.set("config", settings.without("output"));
    identity.set("inputs", JSON.valueToTree(inputs));
    return identity.toString();
  }

  /** The bytes of a file; none if it does not exist. */
  private byte[] read(Path file) throws IOException {
    try (InputStream in = fileSystem.open(file)) {
      return in.readAllBytes();
    } catch (FileNotFoundException e) {
      return new byte[0];
    }
  }

  /** Writes a file that is there whole or not at all. */
  private void write(byte[] bytes, Path file) throws IOException {
    Path temporary = new Path(file.getParent(), "_" + file.getName());
    try (OutputStream out = fileSystem.create(temporary, true)) {
      out.write(bytes);
    }
    rename(temporary, file);
  }

  /** Where the running job notes which shards are complete. */
  Path notesOfShards() {
    return new Path(aside, NOTES);
  }

  /** Where the running job keeps the records that it has read, until all is done. */
  Path records() {
    return new Path(aside, RECORDS);
  }

  /** Where the running job writes a split. */
  Path splitDirectory(Split split) {
    return new Path(aside, split.directory());
  }

  /** Where the running job writes the tokenizer. */
  Path tokenizerFile() {
    return new Path(aside, TOKENIZER);
  }

  /** Where the running job writes its tables. */
  Path tables() {
    return new Path(aside, TABLES);
  }

  /** Moves the result to its place and marks it complete. */
  void commit(PrepareReport report) {
    try {
      fileSystem.delete(notesOfShards(), true);
      fileSystem.delete(output, true); // what an interrupted run has left
      fileSystem.delete(records(), true);
      rename(aside, output);
      Completed completed = new Completed(ShardManifest.FORMAT_VERSION, config, inputs, report);
      write(JSON.writeValueAsBytes(completed), new Path(output, REPORT));
    } catch (IOException e) {
      throw new UncheckedIOException(output + " cannot be written: " + firstLine(e), e);
    }
  }

  private void rename(Path from, Path to) throws IOException {
    if (!fileSystem.rename(from, to)) {
      throw new IOException(from + " could not be renamed to " + to);
    }
  }

  private static String firstLine(Exception e) {
    return String.valueOf(e.getMessage()).lines().findFirst().orElse(e.getClass().getSimpleName());
  }
}
