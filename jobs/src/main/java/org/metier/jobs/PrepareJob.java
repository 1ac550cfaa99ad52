package org.metier.jobs;

/** {@code metier prepare}: domain-tagged text to token shards. */
public final class PrepareJob implements Job {

  public static void main(String[] args) {
    Main.main(new PrepareJob(), args);
  }

  @Override
  public String name() {
    return "prepare";
  }

  @Override
  public String purpose() {
    return "Turns domain-tagged text into token shards.";
  }

  @Override
  public void run(JobContext context) {
    throw new UnsupportedOperationException("prepare is wired when its stage is merged");
  }
}
