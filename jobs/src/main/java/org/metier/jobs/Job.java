package org.metier.jobs;

import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import org.metier.jobs.config.Settings;

/** One command: a stage of the path from raw text to tables, or the whole path. */
interface Job {

  /** The command's name. */
  String name();

  /** One line for {@code --help}. */
  String purpose();

  /** Preset for a command line without {@code --conf}, relative to Metier's home. */
  default Optional<String> preset() {
    return Optional.empty();
  }

  /**
   * An option that says the same as a key.
   *
   * @param option as typed: {@code --profile}
   * @param override what it stands for: {@code bench.profile=true}
   * @param description for {@code --help}
   */
  record Shorthand(String option, String override, String description) {}

  /** Options of this command alone. */
  default List<Shorthand> shorthands() {
    return List.of();
  }

  /**
   * A word of the command line that is no option.
   *
   * @param label for {@code --help}
   * @param overrides what a value stands for, {@code key=value} each
   */
  record Argument(String label, String description, Function<String, List<String>> overrides) {}

  /** The word that this command takes, if any. */
  default Optional<Argument> argument() {
    return Optional.empty();
  }

  /** Whether this job only looks at a run, so that not even a log may appear in its directory. */
  default boolean onlyLooks() {
    return false;
  }

  /** What this job writes to, and no other launch may write to meanwhile. */
  default List<Claim> claims(Settings settings) {
    return List.of();
  }

  /** What this job makes of what, so that it need not be done twice; empty if it always is done. */
  default Optional<Work> work(JobContext context) {
    return Optional.empty();
  }

  /**
   * Does the work. Data and state that cannot be used are reported by the exceptions that {@link
   * ExitCode} knows. A launch after one that was killed finds what that one has left, and goes on
   * from there.
   */
  void run(JobContext context) throws Exception;
}
