package org.metier.jobs;

/** {@code metier train}: token shards to checkpoints and metrics. */
public final class TrainJob implements Job {

  public static void main(String[] args) {
    Main.main(new TrainJob(), args);
  }

  @Override
  public String name() {
    return "train";
  }

  @Override
  public String purpose() {
    return "Trains a mixture-of-experts language model on token shards.";
  }

  @Override
  public void run(JobContext context) {
    throw new UnsupportedOperationException("train is wired when its stage is merged");
  }
}
