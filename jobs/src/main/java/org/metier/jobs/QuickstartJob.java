package org.metier.jobs;

import java.util.Optional;

/** {@code metier quickstart}: every stage in turn; those that are finished are reused. */
public final class QuickstartJob implements Job {

  public static void main(String[] args) {
    Main.main(new QuickstartJob(), args);
  }

  @Override
  public String name() {
    return "quickstart";
  }

  @Override
  public String purpose() {
    return "Does everything, from fetching real text to the report.";
  }

  @Override
  public Optional<String> preset() {
    return Optional.of("conf/quickstart.conf");
  }

  @Override
  public boolean alwaysResumes() {
    return true;
  }

  @Override
  public void run(JobContext context) {
    throw new UnsupportedOperationException("quickstart is wired when its stage is merged");
  }
}
