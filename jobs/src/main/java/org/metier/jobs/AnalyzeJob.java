package org.metier.jobs;

/** {@code metier analyze}: a checkpoint and held-out text to specialisation tables. */
public final class AnalyzeJob implements Job {

  public static void main(String[] args) {
    Main.main(new AnalyzeJob(), args);
  }

  @Override
  public String name() {
    return "analyze";
  }

  @Override
  public String purpose() {
    return "Writes what each expert has become good at as tables.";
  }

  @Override
  public void run(JobContext context) {
    throw new UnsupportedOperationException("analyze is wired when its stage is merged");
  }
}
