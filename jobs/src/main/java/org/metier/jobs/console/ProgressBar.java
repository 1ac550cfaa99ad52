package org.metier.jobs.console;

import org.metier.prep.Progress;

/**
 * Shows one stage after another: a bar with rate and time left on a terminal, plain lines
 * elsewhere, and one lasting line for what came out of each.
 */
public final class ProgressBar implements Progress {
  private static final int WIDTH = 24;
  private static final double NANOS = 1e-9;

  private final StatusLine status;
  private String name = "";
  private String unit = "";
  private long total;
  private long began;

  public ProgressBar(StatusLine status) {
    this.status = status;
    this.began = status.nanos();
  }

  /**
   * Begins a stage.
   *
   * @param total units of work; 0 if nobody knows
   * @param unit what is counted, in the plural
   */
  @Override
  public void stage(String name, long total, String unit) {
    this.name = name;
    this.total = total;
    this.unit = unit;
    this.began = status.nanos();
    status.update(() -> line(0));
  }

  /** So many units are done, counted from the stage's beginning. */
  @Override
  public void advance(long done) {
    status.update(() -> line(done));
  }

  /** Ends the stage. */
  @Override
  public void done(String summary) {
    status.finish(name + ": " + summary + " (" + Quantity.duration(seconds()) + ")");
  }

  private String line(long done) {
    double rate = done / Math.max(seconds(), 1e-3);
    String speed = "%s %s  %s/s".formatted(amount(done), unit, Quantity.count(rate));
    if (total <= 0) {
      return name + "  " + speed;
    }
    double share = Math.min(1, (double) done / total);
    String left =
        done == 0 ? "" : "  " + Quantity.duration(Math.max(0, total - done) / rate) + " left";
    String bar = status.interactive() ? "  " + bar(share, WIDTH) : "";
    return "%s%s  %3d %%  %s%s".formatted(name, bar, (int) (100 * share), speed, left);
  }

  private String amount(long done) {
    return total <= 0 ? Quantity.count(done) : Quantity.count(done) + "/" + Quantity.count(total);
  }

  /** {@code [####----]}. */
  public static String bar(double share, int width) {
    int filled = (int) (share * width);
    return "[" + "#".repeat(filled) + "-".repeat(width - filled) + "]";
  }

  private double seconds() {
    return (status.nanos() - began) * NANOS;
  }
}
