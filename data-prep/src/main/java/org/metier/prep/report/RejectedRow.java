package org.metier.prep.report;

import org.apache.spark.sql.types.StructType;
import org.metier.prep.document.Rejected;

/**
 * A row of {@code rejected}: a record that did not become, or did not stay, a document. Partitioned
 * by the step at which it left: {@code step=read}, {@code step=clean} ...
 *
 * @param reason why, as {@code report.json} counts it
 * @param domain of the record; empty if it could not be read so far
 * @param file as {@code prepare.input} names it, and below it the path inside the directory
 * @param offset where the record begins: the byte of the uncompressed file, or the row of a Parquet
 *     file, from 0
 * @param excerpt its first 200 characters: raw where it could not be read, else of its text
 */
public record RejectedRow(String reason, String domain, String file, long offset, String excerpt) {
  /** The table's name. */
  public static final String TABLE = "rejected";

  /** The table's columns, but for the partition's. */
  public static final StructType SCHEMA =
      new StructType()
          .add("reason", "string", false)
          .add("domain", "string", false)
          .add("file", "string", false)
          .add("offset", "long", false)
          .add("excerpt", "string", false);

  static RejectedRow of(Rejected record, String file) {
    return new RejectedRow(
        record.reason().label(), record.domain(), file, record.offset(), record.excerpt());
  }

  Object[] values() {
    return new Object[] {reason, domain, file, offset, excerpt};
  }
}
