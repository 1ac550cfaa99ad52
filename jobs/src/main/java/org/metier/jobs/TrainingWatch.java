package org.metier.jobs;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.LinkedHashMap;
import java.util.Map;
import org.metier.jobs.console.TrainingProgress;
import org.metier.jobs.watch.TrainingSource;
import org.metier.model.ModelConfig;
import org.metier.model.Parameters;
import org.metier.train.RoundMetrics;
import org.metier.train.TrainConfig;
import org.metier.train.Training;
import org.metier.train.Validation;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;

/**
 * Tells of rounds as they finish: the console, Spark's metrics, the lease's heartbeat (from which
 * {@code status} reads) and the log.
 */
final class TrainingWatch implements Training.TrainingListener, AutoCloseable {
  /** Spark hands local properties of this prefix on to the MDC of its tasks, prefix included. */
  private static final String ROUND = "mdc.round";

  private static final Logger EVENTS = LoggerFactory.getLogger("org.metier.jobs.events");
  private static final ObjectMapper JSON = new ObjectMapper();

  private final JobContext context;
  private final TrainingProgress progress;
  private final TrainingSource source;
  private final Map<String, Object> told = new LinkedHashMap<>();
  private int rounds;
  private long firstRound;
  private long began;

  TrainingWatch(JobContext context) {
    this.context = context;
    this.progress = context.trainingProgress();
    this.source = TrainingSource.register(context.settings().run().id());
  }

  @Override
  public void started(long round, TrainConfig config) {
    ModelConfig model = context.settings().model();
    try {
      // not before: a run that is refused keeps what it was made with
      context.runDirectory().writeText("config.conf", context.resolvedConfig());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    context
        .out()
        .printf(
            "training %.1f M parameters (%.1f M active per token) on %d workers, %s%n",
            Parameters.total(model) / 1e6,
            Parameters.active(model) / 1e6,
            config.workers(),
            round == 0 ? "from the start" : "going on after round " + round);
    rounds = config.rounds();
    firstRound = round;
    began = System.nanoTime();
    progress.begin(rounds);
    source.started(round, rounds);
    told.put("round", round);
    told.put("rounds", rounds);
    context.tell(told);
    inRound(round + 1);
    event("started", Map.of("round", round, "rounds", rounds, "workers", config.workers()));
  }

  @Override
  public void validated(Validation.Result validation) {
    progress.validated(validation.loss());
    source.validated(validation);
    told.put("validation", validation.loss());
    Map<String, Object> losses = new LinkedHashMap<>();
    losses.put("loss", validation.loss());
    validation.domains().forEach(d -> losses.put("loss." + d.domain(), d.loss()));
    event("validated", losses);
  }

  @Override
  public void notice(String line) {
    progress.notice(line);
    event("notice", Map.of("line", line));
  }

  @Override
  public void roundFinished(RoundMetrics m) {
    progress.round((int) m.round(), m.loss(), m.balanceLoss(), m.maxViolation(), m.tokens());
    source.roundFinished(m);
    double secondsOfRound = (System.nanoTime() - began) * 1e-9 / (m.round() - firstRound);
    told.put("round", m.round());
    told.put("loss", m.loss());
    told.put("maxVio", m.maxViolation());
    told.put("tokensPerSecond", m.tokensPerSecond());
    told.put("secondsLeft", secondsOfRound * (rounds - m.round()));
    context.tell(told);
    Map<String, Object> numbers = new LinkedHashMap<>();
    numbers.put("rounds", rounds);
    numbers.put("step", m.step());
    numbers.put("tokens", m.tokens());
    numbers.put("loss", m.loss());
    numbers.put("balanceLoss", m.balanceLoss());
    numbers.put("maxVio", m.maxViolation());
    numbers.put("gradNorm", m.gradientNorm());
    numbers.put("learningRate", m.learningRate());
    numbers.put("tokensPerSecond", m.tokensPerSecond());
    event("round", numbers);
    inRound(m.round() + 1);
    context.roundFinished();
  }

  /** Lines that are logged from now on, here and by Spark's tasks, carry this round. */
  private void inRound(long round) {
    MDC.put(ROUND, String.valueOf(round));
    context.spark().sparkContext().setLocalProperty(ROUND, String.valueOf(round));
  }

  private static void event(String name, Map<String, Object> numbers) {
    Map<String, Object> event = new LinkedHashMap<>();
    event.put("name", name);
    event.putAll(numbers);
    try {
      EVENTS.info(JSON.writeValueAsString(event));
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(e); // maps of words and numbers
    }
  }

  @Override
  public void close() {
    source.close();
    MDC.remove(ROUND);
    context.spark().sparkContext().setLocalProperty(ROUND, null);
  }
}
