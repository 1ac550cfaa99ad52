package org.metier.model.optim;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import org.metier.engine.tensor.ParameterLayout;

/**
 * A stretch of the flat parameters that weight decay applies to, or not.
 *
 * @param from first element
 * @param count elements
 */
public record DecayRange(int from, int count, boolean decayed) {

  /** Covers the whole layout with as few stretches as can be, in order. */
  public static List<DecayRange> of(ParameterLayout layout, Predicate<String> decays) {
    List<DecayRange> ranges = new ArrayList<>();
    for (ParameterLayout.Slice slice : layout.slices()) {
      boolean decayed = decays.test(slice.name());
      int last = ranges.size() - 1;
      if (last >= 0 && ranges.get(last).decayed == decayed) {
        DecayRange before = ranges.get(last);
        ranges.set(last, new DecayRange(before.from, before.count + slice.size(), decayed));
      } else {
        ranges.add(new DecayRange(slice.offset(), slice.size(), decayed));
      }
    }
    return ranges;
  }
}
