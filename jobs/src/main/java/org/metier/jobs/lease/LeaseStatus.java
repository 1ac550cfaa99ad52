package org.metier.jobs.lease;

import java.io.IOException;
import java.util.Optional;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;

/**
 * A lease as somebody sees it who only looks.
 *
 * @param holder who holds it, or held it last
 * @param heartbeat the last one
 * @param beatMillis when that was, by the file system's clock
 * @param ending how the last launch ended; empty if it did not give the lease back
 */
public record LeaseStatus(
    Optional<Holder> holder, Heartbeat heartbeat, long beatMillis, Optional<Ending> ending) {

  /** Empty if there never was a launch. */
  public static Optional<LeaseStatus> of(Path directory, Configuration hadoop) throws IOException {
    LeaseDirectory files = new LeaseDirectory(directory, hadoop);
    Optional<LeaseDirectory.Newest> newest = files.newest();
    if (newest.isEmpty()) {
      return Optional.empty();
    }
    long number = newest.get().number();
    Optional<Ending> ending = newest.get().ended() ? files.ending(number) : Optional.empty();
    Optional<Holder> holder = ending.map(Ending::holder);
    return Optional.of(
        new LeaseStatus(
            holder.isPresent() ? holder : files.holder(number),
            files.heartbeat(number).orElse(Heartbeat.NONE),
            newest.get().beatMillis(),
            ending));
  }
}
