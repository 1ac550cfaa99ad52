package org.metier.jobs;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.apache.hadoop.fs.Path;
import org.metier.jobs.config.Redaction;
import org.metier.jobs.config.Settings;
import org.metier.jobs.lease.Holder;
import org.metier.jobs.lease.RunLease;
import org.metier.prep.FirstAccess;

/**
 * One launch of a job: it does nothing where an earlier one has succeeded, is refused while another
 * lives, and goes on where one has failed.
 */
final class Launch {
  private final Job job;
  private final JobContext context;
  private final List<RunLease> leases = new ArrayList<>();

  Launch(Job job, JobContext context) {
    this.job = job;
    this.context = context;
  }

  void run() throws Exception {
    if (isFinished()) {
      return;
    }
    acquire();
    try {
      // the one who held the lease until now may have done it
      if (isFinished()) {
        end(ExitCode.OK.code(), "");
        return;
      }
      job.run(context);
      markFinished();
      end(ExitCode.OK.code(), "");
    } catch (Throwable thrown) {
      Optional<RuntimeException> lost = lost();
      Failure failure = Failure.of(lost.isPresent() ? lost.get() : thrown);
      end(failure.code().code(), Redaction.of(failure.line()));
      if (lost.isPresent()) {
        throw lost.get();
      }
      throw thrown;
    }
  }

  private boolean isFinished() {
    Optional<Work> work = context.fresh() ? Optional.empty() : job.work(context);
    Optional<FinishedWork> before = work.flatMap(w -> FinishedWork.find(job.name(), context, w));
    before.ifPresent(
        success ->
            context
                .out()
                .printf(
                    "%s: %s is finished since %s; nothing to do%n",
                    job.name(), context.settings().run().directory(), success.finished()));
    return before.isPresent();
  }

  private void markFinished() {
    Optional<Work> work = job.work(context);
    try {
      if (work.isPresent()) {
        FinishedWork.now(work.get(), context).write(job.name(), context);
      }
    } catch (IOException e) {
      throw Claim.onRun(context.settings()).unusable(e);
    }
  }

  private void acquire() {
    Settings settings = context.settings();
    Holder holder =
        Holder.ofThisProcess(job.name(), settings.run().id(), settings.run().leaseSeconds());
    for (Claim claim : job.claims(settings)) {
      Path path = new Path(claim.lease());
      try {
        FirstAccess.check(path, context.hadoop());
        RunLease lease =
            RunLease.acquire(
                claim.key() + ": " + claim.directory(),
                path,
                context.hadoop(),
                holder,
                context::cancel);
        leases.add(lease);
        context.hold(lease, claim.isOnRun());
      } catch (IOException e) {
        end(ExitCode.of(claim.unusable(e)).code(), e.getMessage());
        throw claim.unusable(e);
      } catch (RuntimeException e) {
        end(ExitCode.of(e).code(), e.getMessage());
        throw e;
      }
    }
  }

  /** Whatever failed after a lease was lost, failed because of that. */
  private Optional<RuntimeException> lost() {
    return leases.stream().flatMap(lease -> lease.loss().stream()).findFirst();
  }

  /** Leases go back when nothing of this launch can write any more. */
  private void end(int exitCode, String line) {
    context.close();
    for (int i = leases.size() - 1; i >= 0; i--) {
      leases.get(i).end(exitCode, line);
    }
  }
}
