package org.metier.prep.dedup;

import org.metier.prep.dedup.DeduplicationConfig.Decontamination;
import org.metier.prep.dedup.DeduplicationConfig.Keep;
import org.metier.prep.dedup.DeduplicationConfig.Method;
import org.metier.prep.dedup.DeduplicationConfig.Shingle;
import org.metier.prep.dedup.DeduplicationConfig.Within;

/** Deduplication with the default bands. */
public final class DeduplicationFixture {
  private DeduplicationFixture() {}

  public static DeduplicationConfig of(Method method, Keep keep, Within within, int ngram) {
    return new DeduplicationConfig(
        method, keep, within, Shingle.WORD, 5, 20, 6, 0.7, new Decontamination(ngram, 10));
  }
}
