package org.metier.jobs;

import java.util.Optional;

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

  /** Whether an unfinished run is continued without being asked ({@code --resume}). */
  default boolean alwaysResumes() {
    return false;
  }

  /**
   * Does the work. Data and state that cannot be used are reported by the exceptions that {@link
   * ExitCode} knows.
   */
  void run(JobContext context) throws Exception;
}
