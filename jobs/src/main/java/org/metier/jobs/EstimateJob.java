package org.metier.jobs;

import java.io.PrintStream;
import java.util.Locale;
import org.metier.jobs.config.Settings;
import org.metier.model.ModelConfig;
import org.metier.train.MemoryEstimate;

/** {@code metier estimate}: what a run would need, before anything is allocated. */
public final class EstimateJob implements Job {

  public static void main(String[] args) {
    Main.main(new EstimateJob(), args);
  }

  @Override
  public String name() {
    return "estimate";
  }

  @Override
  public String purpose() {
    return "Prints parameters, activations and heap that the configured run needs.";
  }

  @Override
  public void run(JobContext context) {
    Settings settings = context.settings();
    MemoryEstimate estimate =
        MemoryEstimate.of(settings.engine(), settings.model(), settings.train());
    int workers = settings.train().workers();
    PrintStream out = context.out();
    out.printf("parameters        %,15d%n", estimate.parameters());
    out.printf("active per token  %,15d%n", estimate.activeParameters());
    ModelConfig model = settings.model();
    if (model.nullExperts() > 0) {
      out.printf(
          Locale.ROOT,
          "experts per token %15.2f  of %d choices, by a balanced router; memory is for the most%n",
          model.expertsPerToken(),
          model.topK());
    }
    out.printf("activations       %,11d MiB  per worker%n", estimate.activationBytes() >> 20);
    out.printf("a worker          %,11d MiB  heap%n", estimate.replicaBytes() >> 20);
    out.printf("the driver        %,11d MiB  heap%n", estimate.driverBytes() >> 20);
    out.printf(
        "in one process    %,11d MiB  heap, driver and %d workers: METIER_HEAP=%dm%n",
        estimate.heapBytes(workers) >> 20, workers, estimate.heapBytes(workers) >> 20);
  }
}
