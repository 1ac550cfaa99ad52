package org.metier.jobs;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Optional;

/**
 * The file {@code finished/JOB.json} in the run's directory: with what the job last succeeded.
 *
 * @param config SHA-256 of the configuration that its result depends on
 * @param inputs of what it read
 * @param outputs of what it left
 * @param finished ISO-8601, by the driver's clock
 * @param version of Metier
 */
record FinishedWork(String config, String inputs, String outputs, String finished, String version) {
  private static final ObjectMapper JSON =
      JsonMapper.builder().disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES).build();

  /** What the job would leave now, were it to end here. */
  static FinishedWork now(Work work, JobContext context) throws IOException {
    return new FinishedWork(
        Fingerprint.of(context.configOf(work.sections())),
        Fingerprint.of(work.inputs(), context.hadoop()),
        Fingerprint.of(work.outputs(), context.hadoop()),
        Instant.now().truncatedTo(ChronoUnit.SECONDS).toString(),
        Main.version());
  }

  /**
   * The earlier success that makes a launch needless. A marker that cannot be read, or an input,
   * makes it needed: then the job itself says what is wrong.
   */
  static Optional<FinishedWork> find(String job, JobContext context, Work work) {
    try {
      Optional<String> text = context.runDirectory().readText(file(job));
      if (text.isEmpty()) {
        return Optional.empty();
      }
      FinishedWork before = JSON.readValue(text.get(), FinishedWork.class);
      return before.isLike(now(work, context)) ? Optional.of(before) : Optional.empty();
    } catch (IOException | UncheckedIOException e) {
      return Optional.empty();
    }
  }

  private boolean isLike(FinishedWork other) {
    return config.equals(other.config)
        && inputs.equals(other.inputs)
        && outputs.equals(other.outputs)
        && !inputs.equals(Fingerprint.NOTHING)
        && !outputs.equals(Fingerprint.NOTHING);
  }

  void write(String job, JobContext context) throws IOException {
    context.runDirectory().writeText(file(job), json());
  }

  private String json() throws JacksonException {
    return JSON.writerWithDefaultPrettyPrinter().writeValueAsString(this) + "\n";
  }

  private static String file(String job) {
    return "finished/" + job + ".json";
  }
}
