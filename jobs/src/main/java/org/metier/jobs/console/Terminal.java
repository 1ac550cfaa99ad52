package org.metier.jobs.console;

import java.io.PrintStream;

/**
 * Where a command writes to.
 *
 * @param out standard output
 * @param interactive whether a person watches, so that a line may be drawn again
 * @param columns width of one line
 */
public record Terminal(PrintStream out, boolean interactive, int columns) {
  private static final int USUAL_COLUMNS = 80;

  /**
   * The launcher says whether standard output is a terminal, and how wide; without it the JVM can
   * only tell whether input and output both are.
   */
  public static Terminal detect(PrintStream out) {
    String told = System.getProperty("metier.terminal");
    boolean interactive = told == null ? System.console() != null : told.equals("true");
    return new Terminal(out, interactive, Integer.getInteger("metier.columns", USUAL_COLUMNS));
  }
}
