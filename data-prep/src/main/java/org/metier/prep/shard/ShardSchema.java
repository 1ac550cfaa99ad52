package org.metier.prep.shard;

import org.apache.parquet.column.ColumnDescriptor;
import org.apache.parquet.schema.LogicalTypeAnnotation;
import org.apache.parquet.schema.MessageType;
import org.apache.parquet.schema.PrimitiveType.PrimitiveTypeName;
import org.apache.parquet.schema.Type;
import org.apache.parquet.schema.Types;

/** The columns of a shard, and the version of schema and manifest: the one place that says so. */
final class ShardSchema {
  static final int FORMAT_VERSION = 2;

  static final String SEQUENCE = "sequence"; // position in the split
  static final String TOKENS = "tokens"; // T + 1
  static final String DOCUMENT_START = "document_start"; // T
  static final String DOMAINS = "domains"; // T
  static final String DOCUMENTS = "documents"; // T
  static final String LOSS_MASK = "loss_mask"; // T
  static final String DOCUMENT_IDS = "document_ids"; // one for each document in the row

  /** Plain lists, which every SQL engine reads. */
  static final MessageType MESSAGE =
      Types.buildMessage()
          .required(PrimitiveTypeName.INT64)
          .named(SEQUENCE)
          .addField(list(TOKENS, PrimitiveTypeName.INT32))
          .addField(list(DOCUMENT_START, PrimitiveTypeName.INT32))
          .addField(list(DOMAINS, PrimitiveTypeName.INT32))
          .addField(list(DOCUMENTS, PrimitiveTypeName.INT32))
          .addField(list(LOSS_MASK, PrimitiveTypeName.INT32))
          .addField(list(DOCUMENT_IDS, PrimitiveTypeName.INT64))
          .named("token_sequence");

  static final String REPEATED = "list";
  static final String ELEMENT = "element";

  private ShardSchema() {}

  private static Type list(String name, PrimitiveTypeName element) {
    return Types.requiredGroup()
        .as(LogicalTypeAnnotation.listType())
        .repeatedGroup()
        .required(element)
        .named("element")
        .named("list")
        .named(name);
  }

  static ColumnDescriptor elements(String column) {
    return MESSAGE.getColumnDescription(new String[] {column, REPEATED, ELEMENT});
  }
}
