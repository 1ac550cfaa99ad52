package org.metier.jobs;

import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.SparkConf;
import org.apache.spark.deploy.SparkHadoopUtil;
import org.apache.spark.sql.SparkSession;
import org.metier.jobs.config.ConfigLayers;
import org.metier.jobs.config.Settings;
import org.metier.jobs.console.ProgressBar;
import org.metier.jobs.console.StatusLine;
import org.metier.jobs.console.Terminal;
import org.metier.jobs.console.TrainingProgress;
import org.metier.jobs.lease.RunLease;
import org.metier.train.EngineConfig;
import org.metier.train.KernelPlugin;
import org.metier.train.RunDirectory;

/** What a job is given: its settings, a console, and Spark as soon as it asks for it. */
final class JobContext implements AutoCloseable {
  private final String job;
  private final ConfigLayers layers;
  private final boolean fresh;
  private final Terminal terminal;
  private final StatusLine status;
  private final List<RunLease> leases = new CopyOnWriteArrayList<>();
  private final Runnable onRound;
  private RunDirectory.Fence fence = RunDirectory.Fence.NONE;
  private volatile SparkSession spark;
  private boolean ownsSpark;

  JobContext(String job, ConfigLayers layers, boolean fresh, Terminal terminal) {
    this(job, layers, fresh, terminal, () -> {});
  }

  private JobContext(
      String job, ConfigLayers layers, boolean fresh, Terminal terminal, Runnable onRound) {
    this.job = job;
    this.layers = layers;
    this.fresh = fresh;
    this.terminal = terminal;
    this.status = new StatusLine(terminal, System::nanoTime);
    this.onRound = onRound;
  }

  /**
   * Another run within this command, on the same Spark.
   *
   * @param console takes what it prints
   * @param onRound told of each of its training rounds
   */
  JobContext cell(ConfigLayers layers, PrintStream console, Runnable onRound) {
    Terminal plain = new Terminal(console, false, terminal.columns());
    JobContext cell = new JobContext(job, layers, fresh, plain, onRound);
    cell.spark = spark();
    cell.fence = fence; // the lease on the whole covers its cells
    return cell;
  }

  ConfigLayers layers() {
    return layers;
  }

  Settings settings() {
    return layers.settings();
  }

  /** The resolved configuration in HOCON, to be kept beside what it made. */
  String resolvedConfig() {
    return layers.toHocon();
  }

  /** These sections of the resolved configuration, in an order that does not change. */
  String configOf(List<String> sections) {
    return layers.toJson(sections);
  }

  /** Whether nothing that is there already may be reused: no checkpoint, no finished work. */
  boolean fresh() {
    return fresh;
  }

  /**
   * From now on this process holds a lease.
   *
   * @param onRun whether it is the run's, which fences what is written to the run's directory
   */
  void hold(RunLease lease, boolean onRun) {
    leases.add(lease);
    if (onRun) {
      fence = lease;
    }
  }

  /**
   * Gives back every lease but the run's: what was prepared is complete, is never written again,
   * and another launch may want to read it at the same time.
   */
  void keepOnlyTheRun() {
    leases.stream().filter(lease -> lease != fence).forEach(RunLease::close);
    leases.removeIf(lease -> lease != fence);
  }

  /** Returns if this process may write; throws what ends it if another has taken over. */
  void requireHeld() {
    try {
      for (RunLease lease : leases) {
        lease.requireHeld();
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Tells those who look how far the work is, with the next heartbeat. */
  void tell(Map<String, Object> progress) {
    leases.forEach(lease -> lease.progress(progress));
  }

  /** Ends what Spark is doing: another process has taken over. */
  void cancel() {
    SparkSession running = spark;
    if (running != null) {
      running.sparkContext().cancelAllJobs();
    }
  }

  PrintStream out() {
    return terminal.out();
  }

  /** Whether a person watches. */
  boolean interactive() {
    return terminal.interactive();
  }

  ProgressBar progress() {
    return new ProgressBar(status);
  }

  /** A training round is over. */
  void roundFinished() {
    onRound.run();
  }

  TrainingProgress trainingProgress() {
    return new TrainingProgress(status);
  }

  /**
   * Spark, started at the first call. What spark-submit has set wins over the configuration, so
   * that the same preset runs on one machine and on a cluster.
   */
  synchronized SparkSession spark() {
    if (spark == null) {
      ownsSpark = SparkSession.getDefaultSession().isEmpty();
      spark = SparkSession.builder().config(sparkConf()).getOrCreate();
      String application = spark.sparkContext().applicationId();
      String group = "metier " + job + " " + settings().run().id();
      spark.sparkContext().setJobGroup(group, group, false);
      leases.forEach(lease -> lease.application(application));
    }
    return spark;
  }

  /** The run's directory, on whatever file system it lies. */
  RunDirectory runDirectory() {
    return new RunDirectory(settings().run().directory(), hadoop(), fence);
  }

  /** Hadoop's configuration, as Spark has it or would have it: needs no Spark to be started. */
  Configuration hadoop() {
    return spark != null
        ? spark.sparkContext().hadoopConfiguration()
        : SparkHadoopUtil.get().newConfiguration(sparkConf());
  }

  private SparkConf sparkConf() {
    SparkConf conf = new SparkConf();
    settings().spark().conf().forEach(conf::setIfMissing);
    if ("preset".equals(System.getProperty("metier.master"))) {
      // jobs/run has found no master for spark-submit, whose own default is local[*]
      conf.remove("spark.master");
    }
    conf.setIfMissing("spark.master", settings().spark().master());
    conf.setIfMissing("spark.app.name", "metier " + job + " " + settings().run().id());
    if (conf.get("spark.master").startsWith("local")) {
      // a laptop's host name often does not resolve; one process needs no other address
      conf.setIfMissing("spark.driver.bindAddress", "127.0.0.1");
      conf.setIfMissing("spark.driver.host", "127.0.0.1");
    } else {
      // a worker is one task, and its kernels' threads want a core each
      conf.setIfMissing("spark.task.cpus", String.valueOf(settings().train().threadsPerWorker()));
    }
    if (settings().engine().backend() == EngineConfig.Backend.CPU) {
      String plugins = conf.get("spark.plugins", "");
      String ours = KernelPlugin.class.getName();
      conf.set("spark.plugins", plugins.isEmpty() ? ours : plugins + "," + ours);
    }
    return conf;
  }

  @Override
  public void close() {
    status.close();
    if (spark != null && ownsSpark) {
      spark.stop();
      spark = null;
    }
  }
}
