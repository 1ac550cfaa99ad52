package org.metier.prep.report;

import org.apache.spark.sql.types.StructType;
import org.metier.prep.dedup.Clusters.Member;
import org.metier.prep.document.RejectReason;

/**
 * A row of {@code duplicates}: a document that says the same as another one. Clusters lie together,
 * what stays of one comes first.
 *
 * @param cluster name of the cluster: 16 hexadecimal digits of the identity of the document that
 *     stands for it
 * @param domain of the document
 * @param file as {@code prepare.input} names it, and below it the path inside the directory
 * @param offset where its record begins: the byte of the uncompressed file, or the row of a Parquet
 *     file, from 0
 * @param bytes of its text
 * @param reason why it was dropped, exact-duplicate or near-duplicate; empty if it stays
 */
public record DuplicateRow(
    String cluster, String domain, String file, long offset, int bytes, String reason) {
  /** The table's name. */
  public static final String TABLE = "duplicates";

  /** The table's columns. */
  public static final StructType SCHEMA =
      new StructType()
          .add("cluster", "string", false)
          .add("domain", "string", false)
          .add("file", "string", false)
          .add("offset", "long", false)
          .add("bytes", "int", false)
          .add("reason", "string", false);

  static DuplicateRow of(Member member, String file) {
    return new DuplicateRow(
        member.cluster(),
        member.domain(),
        file,
        member.offset(),
        member.bytes(),
        member.dropped().map(RejectReason::label).orElse(""));
  }

  Object[] values() {
    return new Object[] {cluster, domain, file, offset, bytes, reason};
  }
}
