package org.metier.jobs;

import org.metier.jobs.config.Settings;
import org.metier.prep.BadDataException;
import org.metier.train.RunStorageException;

/**
 * A directory that one launch at a time may write to.
 *
 * @param key of the configuration that names it
 * @param directory as that key says
 * @param lease directory of the lease on it
 */
record Claim(String key, String directory, String lease) {

  /** The run's own directory. */
  static Claim onRun(Settings settings) {
    return new Claim("run.directory", settings.run().directory(), settings.run().lease());
  }

  /** Where {@code prepare} writes; that directory holds nothing but its result. */
  static Claim onPrepared(Settings settings) {
    String output = settings.prepare().output();
    return new Claim("prepare.output", output, output + ".lease");
  }

  boolean isOnRun() {
    return key.equals("run.directory");
  }

  /** What to throw if the directory cannot be used, so that the key and the reason are named. */
  RuntimeException unusable(Exception reason) {
    String why = String.valueOf(reason.getMessage()).lines().findFirst().orElse("").strip();
    String line = "%s: %s: %s".formatted(key, directory, why);
    return isOnRun() ? new RunStorageException(line, reason) : new BadDataException(line, reason);
  }
}
