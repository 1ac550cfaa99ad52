package org.metier.prep.report;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import org.metier.prep.BadDataException;
import org.metier.prep.document.RejectReason;
import org.metier.prep.document.Step;

/**
 * How many records each step took in and gave on, by domain. What a step must have given on follows
 * from what was read and what left since; {@link #require} holds it against what was counted there.
 */
public final class StepCounts {
  private final Map<String, Long> read = new TreeMap<>();
  private final EnumMap<RejectReason, Map<String, Long>> rejected =
      new EnumMap<>(RejectReason.class);
  private final EnumMap<Step, Map<String, Long>> repeated = new EnumMap<>(Step.class);

  public StepCounts() {
    for (Step step : Step.values()) {
      repeated.put(step, new TreeMap<>());
    }
  }

  /** Records of a domain were read. */
  public void read(String domain, long records) {
    read.merge(domain, records, Long::sum);
  }

  /** Records of a domain left. */
  public void reject(RejectReason reason, String domain, long records) {
    rejected.computeIfAbsent(reason, r -> new TreeMap<>()).merge(domain, records, Long::sum);
  }

  /** A step added copies. */
  public void repeat(Step step, String domain, long records) {
    repeated.get(step).merge(domain, records, Long::sum);
  }

  /** Records that were read. */
  public long records() {
    return read.values().stream().mapToLong(Long::longValue).sum();
  }

  /** Records that left, by reason; reasons that did not occur are absent. */
  public Map<RejectReason, Long> rejected() {
    EnumMap<RejectReason, Long> totals = new EnumMap<>(RejectReason.class);
    rejected.forEach(
        (reason, domains) ->
            totals.put(reason, domains.values().stream().mapToLong(Long::longValue).sum()));
    return totals;
  }

  /** Records that left at a step, by domain. */
  public Map<String, Long> rejected(Step step) {
    Map<String, Long> totals = new TreeMap<>();
    rejected.forEach(
        (reason, domains) -> {
          if (reason.step() == step) {
            domains.forEach((domain, count) -> totals.merge(domain, count, Long::sum));
          }
        });
    return totals;
  }

  /** A row for each step and each domain that it was given records of. */
  public List<StepRow> rows() {
    List<StepRow> rows = new ArrayList<>();
    Map<String, Long> in = new TreeMap<>(read);
    for (Step step : Step.values()) {
      TreeSet<String> domains = new TreeSet<>(in.keySet());
      Map<String, Long> left = rejected(step);
      domains.addAll(left.keySet());
      domains.addAll(repeated.get(step).keySet());
      Map<String, Long> out = new TreeMap<>();
      for (String domain : domains) {
        StepRow row =
            StepRow.of(
                step,
                domain,
                in.getOrDefault(domain, 0L),
                left.getOrDefault(domain, 0L),
                repeated.get(step).getOrDefault(domain, 0L));
        rows.add(row);
        if (row.recordsOut() != 0) {
          out.put(domain, row.recordsOut());
        }
      }
      in = out;
    }
    return rows;
  }

  /**
   * Holds the documents that were counted behind a step against those that must be there.
   *
   * @param documents by domain
   * @throws BadDataException if a record was lost or made up: input that changed while it was read
   */
  public void require(Step step, Map<String, Long> documents) {
    Map<String, Long> expected = new TreeMap<>();
    for (StepRow row : rows()) {
      if (row.position() == step.ordinal() && row.recordsOut() != 0) {
        expected.put(row.domain(), row.recordsOut());
      }
    }
    Map<String, Long> found = new TreeMap<>(documents);
    found.values().removeIf(count -> count == 0);
    if (!found.equals(expected)) {
      TreeSet<String> domains = new TreeSet<>(expected.keySet());
      domains.addAll(found.keySet());
      for (String domain : domains) {
        long must = expected.getOrDefault(domain, 0L);
        long are = found.getOrDefault(domain, 0L);
        if (must != are) {
          throw new BadDataException(
              String.format(
                  "prepare.input: %,d documents of domain '%s' must come out of step %s, but there"
                      + " are %,d: did the input change while it was read?",
                  must, domain, step.label(), are));
        }
      }
    }
  }
}
