package org.metier.train;

import java.io.Serializable;
import java.util.List;
import java.util.Optional;

/**
 * Ends a run whose validation loss no longer falls.
 *
 * @param patience validations in a row without a better loss after which the run ends; 0 is never
 * @param minDelta nats by which a loss must be below the best so far to count as better
 */
public record EarlyStop(int patience, double minDelta) implements Serializable {

  public EarlyStop {
    if (patience < 0) {
      throw new IllegalArgumentException("patience must not be negative, is " + patience);
    }
    if (minDelta < 0) {
      throw new IllegalArgumentException("minDelta must not be negative, is " + minDelta);
    }
  }

  /** Why the run ends after these validations, in one line; empty if it goes on. */
  Optional<String> reason(List<Validation.Result> validations) {
    if (patience == 0 || validations.isEmpty()) {
      return Optional.empty();
    }
    Validation.Result best = validations.get(0);
    int without = 0;
    for (Validation.Result next : validations.subList(1, validations.size())) {
      if (Double.compare(next.loss(), best.loss() - minDelta) < 0) { // NaN is above all
        best = next;
        without = 0;
      } else {
        without++;
      }
    }
    if (without < patience) {
      return Optional.empty();
    }
    Validation.Result last = validations.get(validations.size() - 1);
    return Optional.of(
        "stopped early after round %d: no validation since round %d was below its loss of %.4f"
                .formatted(last.round(), best.round(), best.loss())
            + " (%d in a row, train.earlyStop.patience is %d)".formatted(without, patience));
  }
}
