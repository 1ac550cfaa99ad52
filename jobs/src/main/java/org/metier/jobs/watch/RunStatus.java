package org.metier.jobs.watch;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.metier.jobs.config.RunConfig;
import org.metier.jobs.console.ProgressBar;
import org.metier.jobs.console.Quantity;
import org.metier.jobs.lease.Ending;
import org.metier.jobs.lease.Holder;
import org.metier.jobs.lease.LeaseStatus;
import org.metier.prep.BadDataException;
import org.metier.train.RunDirectory;

/**
 * Where a run stands, as its files say: the lease and its heartbeat, the newest checkpoint, the
 * table of metrics. Ages are by this machine's clock.
 */
public final class RunStatus {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int BAR_WIDTH = 20;

  private final RunConfig config;
  private final Configuration hadoop;
  private final RunDirectory run;

  /** What the last launch is doing, or how it ended. */
  public enum State {
    RUNNING,
    STALLED,
    FINISHED,
    FAILED,
    STOPPED,
    UNKNOWN
  }

  /**
   * What was seen at one time.
   *
   * @param lines for people
   * @param brief the same in one line, for logs
   */
  public record Look(State state, String lines, String brief) {}

  /** A checkpoint's round and when it was written. */
  private record Saved(String name, JsonNode header, long millis) {}

  public RunStatus(RunConfig config, Configuration hadoop) {
    this.config = config;
    this.hadoop = hadoop;
    this.run = new RunDirectory(config.directory(), hadoop);
  }

  /**
   * @param nowMillis by this machine's clock
   * @throws BadDataException if there is no such run
   */
  public Look look(long nowMillis) throws IOException {
    FileSystem files = run.root().getFileSystem(hadoop);
    if (!files.exists(run.root())) {
      throw new BadDataException(config.directory() + ": there is no such run");
    }
    Optional<LeaseStatus> lease = LeaseStatus.of(new Path(config.lease()), hadoop);
    State state = lease.map(l -> state(l, nowMillis)).orElse(State.UNKNOWN);
    Map<String, Object> progress =
        state == State.RUNNING ? lease.orElseThrow().heartbeat().progress() : Map.of();
    Optional<Saved> saved = saved(files);
    // a directory need not be called as its run
    String id = lease.flatMap(LeaseStatus::holder).map(Holder::runId).orElse(config.id());
    Optional<LastRound> last = LastRound.of(new Path(run.tables()), id, hadoop);

    String said = words(state, lease, nowMillis);
    String rounds = rounds(progress, saved);
    StringBuilder lines = new StringBuilder();
    line(lines, "run", "%s in %s".formatted(id, config.directory()));
    line(lines, "state", said);
    line(lines, "progress", rounds);
    String loss = loss(progress, last, saved);
    line(lines, "loss", loss);
    line(lines, "saved", saved.map(s -> savedWords(s, nowMillis)).orElse("no checkpoint yet"));
    String brief = state == State.RUNNING ? rounds + "  loss " + loss : said;
    return new Look(state, lines.toString(), brief);
  }

  private static void line(StringBuilder lines, String name, String value) {
    lines.append("%-9s %s%n".formatted(name, value));
  }

  private static State state(LeaseStatus lease, long nowMillis) {
    if (lease.ending().isPresent()) {
      int code = lease.ending().get().exitCode();
      return code == 0 ? State.FINISHED : code < 0 ? State.STOPPED : State.FAILED;
    }
    int seconds = lease.holder().map(Holder::leaseSeconds).orElse(60);
    return nowMillis - lease.beatMillis() < 1000L * seconds ? State.RUNNING : State.STALLED;
  }

  private static String words(State state, Optional<LeaseStatus> lease, long nowMillis) {
    if (lease.isEmpty()) {
      return "unknown: nobody has held this run";
    }
    String holder = lease.get().holder().map(Holder::words).orElse("somebody");
    String started = lease.get().holder().map(Holder::started).orElse("now");
    String age = age(nowMillis - lease.get().beatMillis());
    Optional<Ending> ending = lease.get().ending();
    String ended = ending.map(Ending::ended).orElse("");
    return switch (state) {
      case RUNNING ->
          "running: %s%s since %s, last heartbeat %s ago"
              .formatted(holder, application(lease.get()), started, age);
      case STALLED ->
          "stalled: %s started %s and has given no sign of life for %s; start it again to go on"
              .formatted(holder, started, age);
      case FINISHED -> "finished: %s ended well at %s".formatted(holder, ended);
      case STOPPED ->
          "stopped: a signal ended %s at %s; start it again to go on".formatted(holder, ended);
      case FAILED ->
          "failed: %s ended with exit code %d at %s: %s"
              .formatted(holder, ending.orElseThrow().exitCode(), ended, ending.get().line());
      case UNKNOWN -> "unknown";
    };
  }

  private static String application(LeaseStatus lease) {
    String id = lease.heartbeat().applicationId();
    return id.isEmpty() ? "" : ", application " + id;
  }

  private static String rounds(Map<String, Object> progress, Optional<Saved> saved) {
    long round = number(progress, "round").map(Double::longValue).orElse(0L);
    long of = number(progress, "rounds").map(Double::longValue).orElse(0L);
    if (of == 0 && saved.isPresent()) {
      round = saved.get().header().path("round").asLong();
      of = saved.get().header().path("train").path("rounds").asLong();
    }
    if (of == 0) {
      return "no round yet";
    }
    String left =
        number(progress, "secondsLeft")
            .map(seconds -> "  " + Quantity.duration(seconds) + " left")
            .orElse("");
    String bar = ProgressBar.bar((double) round / of, BAR_WIDTH);
    return "round %d/%d  %s%s".formatted(round, of, bar, left);
  }

  private static String loss(
      Map<String, Object> progress, Optional<LastRound> last, Optional<Saved> saved) {
    Optional<Double> loss = number(progress, "loss").or(() -> last.map(LastRound::loss));
    Optional<Double> speed =
        number(progress, "tokensPerSecond").or(() -> last.map(LastRound::tokensPerSecond));
    Optional<Double> held =
        number(progress, "validation").or(() -> saved.flatMap(s -> validation(s.header())));
    if (loss.isEmpty()) {
      return "not known yet";
    }
    return String.format(Locale.ROOT, "%.3f", loss.get())
        + held.map(v -> String.format(Locale.ROOT, "  validation %.3f", v)).orElse("")
        + speed.map(s -> "  %s tok/s".formatted(Quantity.count(s))).orElse("");
  }

  /** Of the last validation before a checkpoint, over all domains' tokens. */
  private static Optional<Double> validation(JsonNode header) {
    JsonNode all = header.path("validations");
    double sum = 0;
    long tokens = 0;
    for (JsonNode domain : all.path(all.size() - 1).path("domains")) {
      sum += domain.path("loss").asDouble() * domain.path("tokens").asLong();
      tokens += domain.path("tokens").asLong();
    }
    return tokens == 0 ? Optional.empty() : Optional.of(sum / tokens);
  }

  private Optional<Saved> saved(FileSystem files) throws IOException {
    Optional<Path> newest = run.newestCheckpoint();
    if (newest.isEmpty()) {
      return Optional.empty();
    }
    String name = newest.get().getName();
    Optional<String> header = run.readText("checkpoints/" + name + "/state.json");
    try {
      long millis = files.getFileStatus(newest.get()).getModificationTime();
      return Optional.of(new Saved(name, JSON.readTree(header.orElse("{}")), millis));
    } catch (FileNotFoundException e) {
      return Optional.empty(); // removed just now for a newer one, which the next look finds
    }
  }

  private String savedWords(Saved saved, long nowMillis) {
    String best = "";
    try {
      String marker = run.readText("checkpoints/best.json").orElse("{}");
      best = JSON.readTree(marker).path("checkpoint").asText("");
    } catch (IOException e) {
      // replaced just now: the next look will find it
    }
    return "%s, %s ago%s"
        .formatted(
            saved.name(),
            age(nowMillis - saved.millis()),
            best.isEmpty() ? "" : "; best by validation " + best);
  }

  private static Optional<Double> number(Map<String, Object> progress, String name) {
    return progress.get(name) instanceof Number number
        ? Optional.of(number.doubleValue())
        : Optional.empty();
  }

  private static String age(long millis) {
    return Quantity.duration(Duration.ofMillis(Math.max(0, millis)).toSeconds());
  }
}
