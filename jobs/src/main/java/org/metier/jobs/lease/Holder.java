package org.metier.jobs.lease;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.UUID;

/**
 * Who holds a lease, as the lease's file says.
 *
 * @param token of this launch alone: no other has it
 * @param job the command
 * @param runId of the run that it was started for
 * @param host on which the driver runs
 * @param pid of the driver
 * @param user who started it
 * @param started ISO-8601, by the driver's clock: for people, expiry does not depend on it
 * @param leaseSeconds how long the lease lasts without a heartbeat
 */
public record Holder(
    String token,
    String job,
    String runId,
    String host,
    long pid,
    String user,
    String started,
    int leaseSeconds) {

  /** This process. */
  public static Holder ofThisProcess(String job, String runId, int leaseSeconds) {
    return new Holder(
        UUID.randomUUID().toString(),
        job,
        runId,
        hostName(),
        ProcessHandle.current().pid(),
        System.getProperty("user.name", "unknown"),
        Instant.now().truncatedTo(ChronoUnit.SECONDS).toString(),
        leaseSeconds);
  }

  /** As a message names it: {@code train on host7 (process 4711 of anna)}. */
  public String words() {
    return "%s on %s (process %d of %s)".formatted(job, host, pid, user);
  }

  private static String hostName() {
    try {
      return InetAddress.getLocalHost().getHostName();
    } catch (UnknownHostException e) {
      return "localhost"; // a name that does not resolve, as on many laptops
    }
  }
}
