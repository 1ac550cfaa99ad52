package org.metier.jobs.lease;

import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSError;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.util.ShutdownHookManager;
import org.metier.train.RunDirectory;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The right to write to a run, or to another directory that takes one writer at a time. It is
 * renewed by a heartbeat in a thread of its own, and whoever finds no heartbeat for {@code
 * leaseSeconds} may take it over: of several who do so at once, one gets it ({@link
 * LeaseDirectory}).
 *
 * <p>How old a heartbeat is, is asked of one clock: a heartbeat's age is the difference of two
 * modification times, that of its file and that of a file made for the purpose. So neither hosts
 * whose clocks differ nor a changed time zone end a lease.
 *
 * <p>A process that stood still (a suspended machine, a long collection of garbage) may wake up
 * after another has taken over. It notices at its next heartbeat, and {@link #requireHeld} before
 * every commit asks the file system itself. What remains is the time between this question and the
 * rename that follows it, some milliseconds, in which no file system can be told to refuse: to
 * commit in it a process would have to be suspended exactly there for longer than the lease.
 */
public final class RunLease implements RunDirectory.Fence, AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(RunLease.class);

  /** Heartbeats in the time that a lease lasts: some may fail before it ends. */
  private static final int BEATS = 6;

  /** After Spark has been stopped (40 and above), before file systems are closed (10). */
  private static final int SHUTDOWN_PRIORITY = 20;

  /** Exit code of an {@link Ending}. */
  private static final int SIGNAL = -1;

  private static final String BY_SIGNAL = "stopped by a signal";

  private final String what;
  private final LeaseDirectory directory;
  private final Holder holder;
  private final long number;
  private final Runnable whenLost;
  private final ScheduledExecutorService heart;
  private final Runnable atShutdown = this::endBySignal;
  private final AtomicBoolean ended = new AtomicBoolean();
  private volatile boolean lost;
  private volatile boolean silent;
  private volatile Heartbeat heartbeat = Heartbeat.NONE;

  private RunLease(
      String what, LeaseDirectory directory, Holder holder, long number, Runnable whenLost) {
    this.what = what;
    this.directory = directory;
    this.holder = holder;
    this.number = number;
    this.whenLost = whenLost;
    this.heart =
        Executors.newSingleThreadScheduledExecutor(
            work -> {
              Thread thread = new Thread(work, "metier lease " + number);
              thread.setDaemon(true);
              return thread;
            });
  }

  /**
   * Takes the lease and keeps it until {@link #close}.
   *
   * @param what is held, as messages name it
   * @param whenLost called once, in the heartbeat's thread, if another has taken over
   * @throws LeaseHeldException if another process holds it and lives
   * @throws IOException if the directory cannot be read or written
   */
  public static RunLease acquire(
      String what, Path path, Configuration hadoop, Holder holder, Runnable whenLost)
      throws IOException {
    LeaseDirectory directory = new LeaseDirectory(path, hadoop);
    while (true) {
      Optional<LeaseDirectory.Newest> newest = directory.newest();
      if (newest.isPresent()) {
        requireFree(what, directory, newest.get(), holder.leaseSeconds());
      }
      long number = newest.map(LeaseDirectory.Newest::number).orElse(0L) + 1;
      if (directory.take(number, holder)) {
        directory.removeBefore(number);
        RunLease lease = new RunLease(what, directory, holder, number, whenLost);
        lease.start();
        return lease;
      }
      // somebody was faster, and is asked about next
    }
  }

  private static void requireFree(
      String what, LeaseDirectory directory, LeaseDirectory.Newest newest, int ownSeconds)
      throws IOException {
    if (newest.ended()) {
      return;
    }
    Optional<Holder> holder = directory.holder(newest.number());
    int seconds = holder.map(Holder::leaseSeconds).orElse(ownSeconds);
    Duration age = Duration.ofMillis(directory.clockMillis() - newest.beatMillis());
    if (age.toMillis() < 1000L * seconds) {
      String application =
          directory
              .heartbeat(newest.number())
              .map(Heartbeat::applicationId)
              .filter(id -> !id.isEmpty())
              .map(id -> ", application " + id)
              .orElse("");
      throw new LeaseHeldException(
          "%s: held by %s%s since %s, last heartbeat %d s ago; without one it is free after %d s"
              .formatted(
                  what,
                  holder.map(Holder::words).orElse("a process that is just starting"),
                  application,
                  holder.map(Holder::started).orElse("now"),
                  Math.max(0, age.toSeconds()),
                  seconds));
    }
  }

  private void start() {
    long millis = 1000L * holder.leaseSeconds() / BEATS;
    heart.scheduleAtFixedRate(this::beat, 0, millis, TimeUnit.MILLISECONDS);
    ShutdownHookManager.get().addShutdownHook(atShutdown, SHUTDOWN_PRIORITY);
  }

  /** Told to those who are refused, and to {@code status}. */
  public void application(String id) {
    heartbeat = new Heartbeat(id, heartbeat.progress());
  }

  /** Told to {@code status} with the next heartbeat. */
  public void progress(Map<String, Object> progress) {
    heartbeat = new Heartbeat(heartbeat.applicationId(), progress);
  }

  /** What {@link #requireHeld} throws since another has taken over; empty if none has. */
  public Optional<RuntimeException> loss() {
    return lost
        ? Optional.of(
            new LeaseLostException(
                "%s: another process has taken the lease over, because this one stood still for %d s or more; it has written nothing since"
                    .formatted(what, holder.leaseSeconds())))
        : Optional.empty();
  }

  @Override
  public String writer() {
    return String.valueOf(number);
  }

  /**
   * Asks the file system.
   *
   * @throws LeaseLostException if this process may no longer write
   */
  @Override
  public void requireHeld() throws IOException {
    if (!ended.get() && !lost && !directory.isNewest(number, holder.token())) {
      lose();
    }
    if (loss().isPresent()) {
      throw loss().get();
    }
    if (ended.get()) {
      throw new LeaseLostException(what + ": this process is being stopped; it writes no more");
    }
  }

  private void beat() {
    try {
      if (!directory.isNewest(number, holder.token())) {
        lose();
        return;
      }
      directory.beat(number, heartbeat);
      silent = false;
    } catch (IOException | RuntimeException | FSError e) {
      if (!silent && !ended.get()) {
        LOG.warn("the lease {} could not be renewed: {}", directory.path(), e.toString());
      }
      silent = true; // said once; a commit asks again
    }
  }

  private void lose() {
    synchronized (heart) {
      if (lost || ended.get()) {
        return;
      }
      lost = true;
    }
    heart.shutdown();
    whenLost.run();
  }

  private void endBySignal() {
    end(SIGNAL, BY_SIGNAL);
  }

  /**
   * Gives the lease back; from then on {@link #requireHeld} refuses. A lost one stays as it is.
   *
   * @param exitCode of the process
   * @param line what the user is told, empty after success
   */
  public void end(int exitCode, String line) {
    if (!ended.compareAndSet(false, true)) {
      return;
    }
    heart.shutdown();
    // a signal stops Spark first, and then whatever the job was doing fails
    boolean signal = ShutdownHookManager.get().isShutdownInProgress() && exitCode != 0;
    try {
      heart.awaitTermination(holder.leaseSeconds(), TimeUnit.SECONDS);
      if (!lost && directory.isNewest(number, holder.token())) {
        String now = Instant.now().truncatedTo(ChronoUnit.SECONDS).toString();
        Ending ending =
            new Ending(
                holder,
                heartbeat.applicationId(),
                now,
                signal ? SIGNAL : exitCode,
                signal ? BY_SIGNAL : line);
        directory.end(number, ending);
      }
    } catch (IOException | RuntimeException | FSError e) {
      LOG.warn("the lease {} could not be given back: {}", directory.path(), e.toString());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    if (!ShutdownHookManager.get().isShutdownInProgress()) {
      ShutdownHookManager.get().removeShutdownHook(atShutdown);
    }
  }

  /** Gives the lease back without a word about how the launch ended. */
  @Override
  public void close() {
    end(0, "");
  }
}
