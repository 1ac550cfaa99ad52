package org.metier.prep.report;

import org.apache.spark.sql.types.StructType;
import org.metier.prep.document.Step;

/**
 * A row of {@code prep_report}: what a step of prepare took in and gave on of one domain. Prepare
 * itself makes sure that it adds up: recordsOut = recordsIn − rejected + repeated.
 *
 * @param position of the step among all, from 0
 * @param step read, clean, deduplicate, decontaminate or mix
 * @param domain after the domain map; empty for records that could not be read so far
 * @param recordsIn records that the step was given
 * @param rejected records that left: the rows of {@code rejected} of this step and domain
 * @param repeated copies that the mixture added
 * @param recordsOut records that it gave on
 */
public record StepRow(
    int position,
    String step,
    String domain,
    long recordsIn,
    long rejected,
    long repeated,
    long recordsOut) {
  /** The table's name. */
  public static final String TABLE = "prep_report";

  /** The table's columns. */
  public static final StructType SCHEMA =
      new StructType()
          .add("position", "integer", false)
          .add("step", "string", false)
          .add("domain", "string", false)
          .add("records_in", "long", false)
          .add("rejected", "long", false)
          .add("repeated", "long", false)
          .add("records_out", "long", false);

  static StepRow of(Step step, String domain, long recordsIn, long rejected, long repeated) {
    return new StepRow(
        step.ordinal(),
        step.label(),
        domain,
        recordsIn,
        rejected,
        repeated,
        recordsIn - rejected + repeated);
  }

  Object[] values() {
    return new Object[] {position, step, domain, recordsIn, rejected, repeated, recordsOut};
  }
}
