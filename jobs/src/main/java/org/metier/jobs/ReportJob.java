package org.metier.jobs;

/** {@code metier report}: tables to one HTML page. */
public final class ReportJob implements Job {

  public static void main(String[] args) {
    Main.main(new ReportJob(), args);
  }

  @Override
  public String name() {
    return "report";
  }

  @Override
  public String purpose() {
    return "Draws a run's tables as one HTML page.";
  }

  @Override
  public void run(JobContext context) {
    throw new UnsupportedOperationException("report is wired when its stage is merged");
  }
}
