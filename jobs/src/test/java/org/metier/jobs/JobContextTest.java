package org.metier.jobs;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.metier.jobs.config.ConfigLayers;
import org.metier.jobs.console.Terminal;
import org.metier.jobs.lease.Holder;
import org.metier.jobs.lease.LeaseHeldException;
import org.metier.jobs.lease.RunLease;

class JobContextTest {
  @TempDir java.nio.file.Path directory;

  /** Two comparisons, or quickstarts with other keys, train on the same shards at the same time. */
  @Test
  void onceTextIsPreparedOthersMayHaveItsLeaseButNotTheRuns() throws IOException {
    ConfigLayers layers = ConfigLayers.load(List.of(), List.of());
    Terminal terminal = new Terminal(System.out, false, 80);
    try (JobContext context = new JobContext("quickstart", layers, false, terminal);
        RunLease run = acquire("run");
        RunLease prepared = acquire("prepared")) {
      context.hold(run, true);
      context.hold(prepared, false);
      assertThatThrownBy(() -> acquire("prepared")).isInstanceOf(LeaseHeldException.class);

      context.keepOnlyTheRun();
      acquire("prepared").close();
      assertThatThrownBy(() -> acquire("run")).isInstanceOf(LeaseHeldException.class);
      context.requireHeld();
    }
  }

  private RunLease acquire(String name) throws IOException {
    Path path = new Path(directory.resolve(name).toUri());
    Holder holder = Holder.ofThisProcess("quickstart", "r", 60);
    return RunLease.acquire(name, path, new Configuration(), holder, () -> {});
  }
}
