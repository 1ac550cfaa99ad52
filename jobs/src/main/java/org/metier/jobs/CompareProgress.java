package org.metier.jobs;

import java.util.Locale;
import java.util.Map;
import org.metier.analysis.ComparedRun;
import org.metier.jobs.console.ProgressBar;

/** How far a matrix is: a bar over the rounds of all its cells, and a lasting line for each. */
final class CompareProgress {
  private final ProgressBar bar;
  private final JobContext context;
  private final int cells;
  private final long allRounds;
  private long rounds;
  private int finished;

  CompareProgress(JobContext context, long rounds, int cells) {
    this.context = context;
    this.bar = context.progress();
    this.cells = cells;
    this.allRounds = rounds;
    bar.stage("compare", rounds, "rounds");
  }

  /** A round of any cell is over. */
  synchronized void round() {
    bar.advance(++rounds);
    context.tell(Map.of("round", rounds, "rounds", allRounds));
  }

  /**
   * A cell is over.
   *
   * @param skipped rounds that it did not train, since an earlier attempt had
   */
  synchronized void finished(String id, long skipped, ComparedRun run, double seconds) {
    finished++;
    rounds += skipped;
    context
        .trainingProgress()
        .notice(
            String.format(
                Locale.ROOT,
                "%d/%d %s: held-out loss %.4f, %.3f bits of mutual information (%.0f s)",
                finished,
                cells,
                id,
                run.loss(),
                run.mutualInformation(),
                seconds));
  }

  /** A cell could not be finished; the reason follows as the command's own last line. */
  synchronized void failed(String id, String console) {
    context.trainingProgress().notice("%s failed; its console is in %s".formatted(id, console));
  }

  synchronized void done() {
    bar.done(cells + " runs");
  }
}
