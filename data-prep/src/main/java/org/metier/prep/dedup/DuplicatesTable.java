package org.metier.prep.dedup;

import java.util.ArrayList;
import java.util.List;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.metier.prep.dedup.Clusters.Member;
import org.metier.prep.document.RejectReason;
import org.metier.prep.read.InputFiles;

/**
 * The table {@code duplicates}: one row for each document that has a duplicate.
 *
 * <ul>
 *   <li>{@code cluster}: name of the cluster, 16 hexadecimal digits
 *   <li>{@code domain}: domain tag of the document
 *   <li>{@code file}: its file, as {@code prepare.input} names it
 *   <li>{@code offset}: where its record begins in the file
 *   <li>{@code bytes}: its text, in bytes of UTF-8
 *   <li>{@code kept}: true if it stays
 *   <li>{@code reason}: exact-duplicate or near-duplicate if it goes; empty if it stays
 * </ul>
 */
public final class DuplicatesTable {
  private static final StructType SCHEMA =
      new StructType()
          .add("cluster", DataTypes.StringType, false)
          .add("domain", DataTypes.StringType, false)
          .add("file", DataTypes.StringType, false)
          .add("offset", DataTypes.LongType, false)
          .add("bytes", DataTypes.IntegerType, false)
          .add("kept", DataTypes.BooleanType, false)
          .add("reason", DataTypes.StringType, false);

  private final SparkSession session;

  public DuplicatesTable(SparkSession session) {
    this.session = session;
  }

  /** Writes the table; its rows keep their order. */
  public void write(List<Member> members, InputFiles input, Path directory) {
    List<Row> rows = new ArrayList<>(members.size());
    for (Member member : members) {
      rows.add(
          RowFactory.create(
              member.cluster(),
              member.domain(),
              input.files().get(member.file()).name(),
              member.offset(),
              member.bytes(),
              member.dropped().isEmpty(),
              member.dropped().map(RejectReason::label).orElse("")));
    }
    session.createDataFrame(rows, SCHEMA).coalesce(1).write().parquet(directory.toString());
  }
}
