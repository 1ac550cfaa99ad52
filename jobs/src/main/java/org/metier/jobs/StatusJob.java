package org.metier.jobs;

import java.io.IOException;
import java.io.PrintStream;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.metier.jobs.config.StatusConfig;
import org.metier.jobs.watch.RunStatus;

/** {@code metier status RUN}: where a run stands, from its files alone; starts no Spark. */
public final class StatusJob implements Job {

  public static void main(String[] args) {
    Main.main(new StatusJob(), args);
  }

  @Override
  public String name() {
    return "status";
  }

  @Override
  public String purpose() {
    return "Prints where a run stands: who works on it, round, loss, last checkpoint.";
  }

  @Override
  public Optional<Argument> argument() {
    return Optional.of(
        new Argument(
            "RUN",
            "the run's id, or its directory if there is a slash in it",
            StatusJob::overrides));
  }

  private static List<String> overrides(String word) {
    int slash = word.replaceFirst("/+$", "").lastIndexOf('/');
    if (slash < 0) {
      return List.of("run.id=" + word);
    }
    String directory = word.replaceFirst("/+$", "");
    return List.of("run.id=" + directory.substring(slash + 1), "run.directory=" + directory);
  }

  @Override
  public List<Shorthand> shorthands() {
    return List.of(
        new Shorthand(
            "--follow", "status.follow=true", "look again for as long as the run is worked on"));
  }

  @Override
  public boolean onlyLooks() {
    return true;
  }

  @Override
  public void run(JobContext context) throws IOException, InterruptedException {
    StatusConfig config = context.settings().status();
    RunStatus status = new RunStatus(context.settings().run(), context.hadoop());
    PrintStream out = context.out();
    RunStatus.Look look = status.look(System.currentTimeMillis());
    out.print(look.lines());
    long rows = look.lines().lines().count();
    while (config.follow() && look.state() == RunStatus.State.RUNNING) {
      TimeUnit.MILLISECONDS.sleep((long) (1000 * config.everySeconds()));
      RunStatus.Look next = status.look(System.currentTimeMillis());
      if (context.interactive()) {
        out.printf("\033[%dA\033[J%s", rows, next.lines()); // up, and clear what is below
        rows = next.lines().lines().count();
      } else if (!next.brief().equals(look.brief())) {
        out.println(next.brief());
      }
      out.flush();
      look = next;
    }
  }
}
