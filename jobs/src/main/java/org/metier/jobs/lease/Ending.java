package org.metier.jobs.lease;

/**
 * How a launch ended, left in the place of its lease.
 *
 * @param holder whose launch it was
 * @param applicationId Spark's, if Spark was started
 * @param ended ISO-8601, by the driver's clock
 * @param exitCode of the process; -1 if a signal ended it
 * @param line what the user was told, empty after success
 */
public record Ending(
    Holder holder, String applicationId, String ended, int exitCode, String line) {}
