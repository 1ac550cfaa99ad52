package org.metier.jobs.console;

import java.io.PrintStream;
import java.util.function.LongSupplier;
import java.util.function.Supplier;

/**
 * One line that tells how far the work is. A terminal sees it drawn again in its place; a file or a
 * pipe gets a plain line every few seconds.
 */
public final class StatusLine implements AutoCloseable {
  private static final long REDRAW_NANOS = 100_000_000L;
  private static final long REPEAT_NANOS = 5_000_000_000L;
  private static final String CLEAR_TO_END = "\033[K";

  private final Terminal terminal;
  private final LongSupplier nanoClock;
  private long lastShown;
  private boolean drawn;

  /**
   * @param nanoClock as {@link System#nanoTime}
   */
  public StatusLine(Terminal terminal, LongSupplier nanoClock) {
    this.terminal = terminal;
    this.nanoClock = nanoClock;
    this.lastShown = nanoClock.getAsLong();
  }

  boolean interactive() {
    return terminal.interactive();
  }

  int columns() {
    return terminal.columns();
  }

  long nanos() {
    return nanoClock.getAsLong();
  }

  /** Shows the line, unless another was shown just before: callers need not count calls. */
  synchronized void update(Supplier<String> line) {
    long now = nanos();
    if (now - lastShown < (interactive() ? REDRAW_NANOS : REPEAT_NANOS)) {
      return;
    }
    lastShown = now;
    if (interactive()) {
      draw(line.get());
    } else {
      println(line.get());
    }
  }

  /** Leaves a line for good, in the place of the one that was drawn. */
  synchronized void finish(String line) {
    PrintStream out = terminal.out();
    if (drawn) {
      out.print('\r' + CLEAR_TO_END);
      drawn = false;
    }
    println(line);
    lastShown = nanos();
  }

  /** Ends a line that was only drawn, so that what follows starts on its own. */
  @Override
  public synchronized void close() {
    if (drawn) {
      terminal.out().println();
      terminal.out().flush();
      drawn = false;
    }
  }

  private void draw(String line) {
    // a line that wraps could not be drawn over
    String fitting = line.length() < columns() ? line : line.substring(0, columns() - 1);
    terminal.out().print('\r' + fitting + CLEAR_TO_END);
    terminal.out().flush();
    drawn = true;
  }

  private void println(String line) {
    terminal.out().println(line);
    terminal.out().flush();
  }
}
