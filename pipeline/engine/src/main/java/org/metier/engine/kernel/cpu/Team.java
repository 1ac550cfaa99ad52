package org.metier.engine.kernel.cpu;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;

/**
 * The threads of one worker: the caller and {@code threads - 1} daemons that live until {@link
 * #close}. Work comes as numbered tasks that are independent of each other; whoever is free takes
 * the next one. Since the tasks are cut by the shapes alone, never by the thread count, results do
 * not depend on who ran what: one thread and many give the same bits.
 */
final class Team implements AutoCloseable {

  /** One piece of work. {@code worker} in [0, threads) names the scratch memory it may use. */
  interface Task {
    void run(int index, int worker);
  }

  /** Work on the rows {@code [from, to)}. */
  interface RowTask {
    void run(int from, int to, int worker);
  }

  /** Polls of an idle daemon before it sleeps: some 50 µs, longer than the gap between two ops. */
  private static final int SPINS = 2000;

  private final Thread[] daemons;
  private final AtomicInteger next = new AtomicInteger();
  private final AtomicInteger running = new AtomicInteger();
  private volatile int generation;
  private volatile boolean closed;
  private volatile Throwable failure;
  private int count;
  private Task task;

  Team(int threads) {
    if (threads < 1) {
      throw new IllegalArgumentException("threads must be at least 1, is " + threads);
    }
    daemons = new Thread[threads - 1];
    for (int i = 0; i < daemons.length; i++) {
      int worker = i + 1;
      daemons[i] = new Thread(() -> serve(worker), "metier-kernel-" + worker);
      daemons[i].setDaemon(true);
      daemons[i].start();
    }
  }

  /** Workers, the caller included. */
  int size() {
    return daemons.length + 1;
  }

  /** Runs {@code task} for every index in [0, count) and returns when all are done. */
  void forEach(int count, Task task) {
    if (daemons.length == 0 || count < 2) {
      for (int i = 0; i < count; i++) {
        task.run(i, 0);
      }
      return;
    }
    if (closed) { // nobody would come to help, and waiting for them would never end
      throw new IllegalStateException("these kernels are closed");
    }
    this.count = count;
    this.task = task;
    next.set(0);
    running.set(daemons.length);
    generation++; // publishes the fields above
    for (Thread daemon : daemons) {
      LockSupport.unpark(daemon);
    }
    drain(0);
    for (int spins = 0; running.get() > 0; spins++) {
      if (spins < SPINS) {
        Thread.onSpinWait();
      } else {
        Thread.yield(); // more threads than cores: let the daemon have this one
      }
    }
    this.task = null;
    Throwable thrown = failure;
    if (thrown != null) {
      failure = null;
      throw new IllegalStateException("a kernel thread failed: " + thrown.getMessage(), thrown);
    }
  }

  /** Cuts {@code rows} into blocks of {@code grain} and runs {@code task} for every block. */
  void forRows(int rows, int grain, RowTask task) {
    if (rows <= grain) {
      if (rows > 0) {
        task.run(0, rows, 0);
      }
      return;
    }
    forEach(
        blocks(rows, grain),
        (block, worker) -> task.run(block * grain, Math.min(rows, (block + 1) * grain), worker));
  }

  /** Blocks that {@link #forRows} makes; block i starts at row {@code i * grain}. */
  static int blocks(int rows, int grain) {
    return (rows + grain - 1) / grain;
  }

  @Override
  public void close() {
    closed = true;
    for (Thread daemon : daemons) {
      LockSupport.unpark(daemon);
    }
  }

  private void drain(int worker) {
    try {
      for (int i = next.getAndIncrement(); i < count; i = next.getAndIncrement()) {
        task.run(i, worker);
      }
    } catch (Throwable t) { // the caller rethrows it, whatever it is
      failure = t;
    }
  }

  private void serve(int worker) {
    int seen = 0;
    while (true) {
      for (int spins = 0; generation == seen && !closed; spins++) {
        if (spins < SPINS) {
          Thread.onSpinWait();
        } else {
          LockSupport.park(this);
        }
      }
      if (closed) {
        return;
      }
      seen = generation;
      drain(worker);
      running.decrementAndGet();
    }
  }
}
