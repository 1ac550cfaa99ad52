package org.metier.jobs.watch;

import com.codahale.metrics.Gauge;
import com.codahale.metrics.MetricRegistry;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.spark.SparkEnv;
import org.apache.spark.metrics.MetricsSystem;
import org.apache.spark.metrics.source.Source;
import org.metier.train.RoundMetrics;
import org.metier.train.Validation;

/**
 * A training run's numbers in Spark's metrics system, on the driver, so that every sink that Spark
 * has (Prometheus, Graphite, StatsD, JMX, CSV) gets them: {@code APPLICATION.driver.metier.loss}
 * and so on, each the last round's. What is not known yet is NaN.
 */
public final class TrainingSource implements Source, AutoCloseable {
  private static final String NAME = "metier";

  private final MetricRegistry registry = new MetricRegistry();
  private final Map<String, Double> values = new ConcurrentHashMap<>();
  private final String name;

  private TrainingSource(String name) {
    this.name = name;
    for (String gauge :
        new String[] {
          "round",
          "rounds",
          "step",
          "tokens",
          "loss",
          "balanceLoss",
          "zLoss",
          "maxVio",
          "maxVioGlobal",
          "gradNorm",
          "learningRate",
          "tokensPerSecond",
          "secondsBroadcast",
          "secondsCompute",
          "secondsReduce",
          "secondsCheckpoint",
          "validationLoss"
        }) {
      gauge(gauge);
    }
  }

  /**
   * Registers with the running Spark; a second run on it at the same time gets its id as suffix.
   */
  public static TrainingSource register(String runId) {
    MetricsSystem metrics = SparkEnv.get().metricsSystem();
    synchronized (metrics) {
      boolean alone = metrics.getSourcesByName(NAME).isEmpty();
      TrainingSource source = new TrainingSource(alone ? NAME : NAME + "." + runId);
      metrics.registerSource(source);
      return source;
    }
  }

  @Override
  public String sourceName() {
    return name;
  }

  @Override
  public MetricRegistry metricRegistry() {
    return registry;
  }

  /**
   * Training begins or goes on.
   *
   * @param round finished so far
   * @param rounds of the whole run
   */
  public void started(long round, int rounds) {
    set("round", round);
    set("rounds", rounds);
  }

  public void roundFinished(RoundMetrics m) {
    set("round", m.round());
    set("step", m.step());
    values.merge("tokens", (double) m.tokens(), Double::sum);
    set("loss", m.loss());
    set("balanceLoss", m.balanceLoss());
    set("zLoss", m.zLoss());
    set("maxVio", m.maxViolation());
    set("maxVioGlobal", m.globalMaxViolation());
    set("gradNorm", m.gradientNorm());
    set("learningRate", m.learningRate());
    set("tokensPerSecond", m.tokensPerSecond());
    set("secondsBroadcast", m.secondsBroadcast());
    set("secondsCompute", m.secondsCompute());
    set("secondsReduce", m.secondsReduce());
    set("secondsCheckpoint", m.secondsCheckpoint());
  }

  /** The loss of all domains, and of each under its name. */
  public void validated(Validation.Result validation) {
    set("validationLoss", validation.loss());
    for (Validation.DomainLoss domain : validation.domains()) {
      String name = "validationLoss." + domain.domain().replaceAll("[^A-Za-z0-9_]", "_");
      if (values.put(name, domain.loss()) == null) {
        gauge(name); // Spark's registry listens to this one
      }
    }
  }

  private void set(String name, double value) {
    values.put(name, value);
  }

  private void gauge(String name) {
    registry.register(name, (Gauge<Double>) () -> values.getOrDefault(name, Double.NaN));
  }

  @Override
  public void close() {
    SparkEnv env = SparkEnv.get();
    if (env != null) {
      env.metricsSystem().removeSource(this);
    }
  }
}
