package org.metier.jobs;

import org.metier.analysis.MissingTableException;
import org.metier.engine.kernel.MissingBackendException;
import org.metier.jobs.config.InvalidConfigException;
import org.metier.jobs.lease.LeaseHeldException;
import org.metier.jobs.lease.LeaseLostException;
import org.metier.model.checkpoint.CorruptCheckpointException;
import org.metier.prep.BadDataException;
import org.metier.train.DivergedException;
import org.metier.train.LostStateException;
import org.metier.train.LostWorkerException;
import org.metier.train.RunStorageException;
import org.metier.train.TooFewSlotsException;

/** How a command ended, as a scheduler sees it. */
public enum ExitCode {
  OK(0, "done"),
  UNEXPECTED(1, "unexpected failure; the stack trace is in the run's log"),
  USAGE(2, "wrong command line or configuration"),
  BAD_DATA(3, "data that cannot be used"),
  CORRUPT_STATE(4, "checkpoint or run directory that cannot be used"),
  DIVERGED(5, "training diverged"),
  LEASE_HELD(6, "another process holds the run"),
  WORKER_LOST(7, "a worker was lost that the round cannot do without");

  private final int code;
  private final String meaning;

  ExitCode(int code, String meaning) {
    this.code = code;
    this.meaning = meaning;
  }

  public int code() {
    return code;
  }

  public String meaning() {
    return meaning;
  }

  /** The code of an exception that explains itself in one line; UNEXPECTED for any other. */
  static ExitCode of(Throwable thrown) {
    if (thrown instanceof InvalidConfigException
        || thrown instanceof MissingBackendException
        || thrown instanceof TooFewSlotsException) {
      return USAGE;
    } else if (thrown instanceof BadDataException || thrown instanceof MissingTableException) {
      return BAD_DATA;
    } else if (thrown instanceof CorruptCheckpointException
        || thrown instanceof RunStorageException) {
      return CORRUPT_STATE;
    } else if (thrown instanceof DivergedException) {
      return DIVERGED;
    } else if (thrown instanceof LostWorkerException || thrown instanceof LostStateException) {
      return WORKER_LOST;
    } else if (thrown instanceof LeaseHeldException || thrown instanceof LeaseLostException) {
      return LEASE_HELD;
    }
    return UNEXPECTED;
  }
}
