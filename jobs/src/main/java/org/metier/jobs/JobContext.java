package org.metier.jobs;

import java.io.PrintStream;
import org.apache.spark.SparkConf;
import org.apache.spark.sql.SparkSession;
import org.metier.jobs.config.ConfigLayers;
import org.metier.jobs.config.Settings;
import org.metier.jobs.console.ProgressBar;
import org.metier.jobs.console.StatusLine;
import org.metier.jobs.console.Terminal;
import org.metier.jobs.console.TrainingProgress;
import org.metier.train.RunDirectory;

/** What a job is given: its settings, a console, and Spark as soon as it asks for it. */
final class JobContext implements AutoCloseable {
  private final String command;
  private final ConfigLayers layers;
  private final boolean resume;
  private final Terminal terminal;
  private final StatusLine status;
  private SparkSession spark;
  private boolean ownsSpark;

  JobContext(String command, ConfigLayers layers, boolean resume, Terminal terminal) {
    this.command = command;
    this.layers = layers;
    this.resume = resume;
    this.terminal = terminal;
    this.status = new StatusLine(terminal, System::nanoTime);
  }

  Settings settings() {
    return layers.settings();
  }

  /** The resolved configuration in HOCON, to be kept beside what it made. */
  String resolvedConfig() {
    return layers.toHocon();
  }

  /** Whether an unfinished run may be continued. */
  boolean resume() {
    return resume;
  }

  PrintStream out() {
    return terminal.out();
  }

  ProgressBar progress() {
    return new ProgressBar(status);
  }

  TrainingProgress trainingProgress() {
    return new TrainingProgress(status);
  }

  /**
   * Spark, started at the first call. What spark-submit has set wins over the configuration, so
   * that the same preset runs on one machine and on a cluster.
   */
  SparkSession spark() {
    if (spark == null) {
      ownsSpark = SparkSession.getDefaultSession().isEmpty();
      spark = SparkSession.builder().config(sparkConf()).getOrCreate();
    }
    return spark;
  }

  /** The run's directory, on whatever file system it lies. */
  RunDirectory runDirectory() {
    return new RunDirectory(
        settings().run().directory(), spark().sparkContext().hadoopConfiguration());
  }

  private SparkConf sparkConf() {
    SparkConf conf = new SparkConf();
    settings().spark().conf().forEach(conf::setIfMissing);
    if ("preset".equals(System.getProperty("metier.master"))) {
      // jobs/run has found no master for spark-submit, whose own default is local[*]
      conf.remove("spark.master");
    }
    conf.setIfMissing("spark.master", settings().spark().master());
    conf.setIfMissing("spark.app.name", "metier " + command + " " + settings().run().id());
    if (conf.get("spark.master").startsWith("local")) {
      // a laptop's host name often does not resolve; one process needs no other address
      conf.setIfMissing("spark.driver.bindAddress", "127.0.0.1");
      conf.setIfMissing("spark.driver.host", "127.0.0.1");
    } else {
      // a worker is one task, and its kernels' threads want a core each
      conf.setIfMissing("spark.task.cpus", String.valueOf(settings().train().threadsPerWorker()));
    }
    return conf;
  }

  @Override
  public void close() {
    status.close();
    if (spark != null && ownsSpark) {
      spark.stop();
    }
  }
}
