package org.metier.prep.report;

import java.io.IOException;
import java.util.Iterator;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.parquet.column.ParquetProperties;
import org.apache.parquet.hadoop.ParquetWriter;
import org.apache.parquet.hadoop.api.WriteSupport;
import org.apache.parquet.hadoop.metadata.CompressionCodecName;
import org.apache.parquet.io.OutputFile;
import org.apache.parquet.io.api.Binary;
import org.apache.parquet.io.api.RecordConsumer;
import org.apache.parquet.schema.LogicalTypeAnnotation;
import org.apache.parquet.schema.MessageType;
import org.apache.parquet.schema.PrimitiveType.PrimitiveTypeName;
import org.apache.parquet.schema.Types;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.metier.prep.parquet.StableParquetFile;

/**
 * Writes a small flat table as one Parquet file whose bytes are a function of its rows alone, which
 * Spark's own writer, with its random names, does not promise. The file is held in memory until it
 * is complete.
 */
public final class ParquetTable {
  private final StructType schema;

  /**
   * @param schema columns of long, int, double and string; none may be null
   */
  public ParquetTable(StructType schema) {
    this.schema = schema;
  }

  /** Name of a table's file. */
  public static String fileName(int part) {
    return String.format("part-%05d.parquet", part);
  }

  /**
   * Writes the rows under a temporary name and gives the file its own at the end.
   *
   * @param attempt tells this attempt's temporary file from another attempt's
   * @param rows one value for each column
   */
  public void write(Path file, long attempt, Iterator<Object[]> rows, Configuration hadoop)
      throws IOException {
    StableParquetFile output = new StableParquetFile(file, attempt, hadoop);
    try (ParquetWriter<Object[]> writer =
        new Builder(output, schema)
            .withConf(hadoop)
            .withCompressionCodec(CompressionCodecName.ZSTD)
            .withWriterVersion(ParquetProperties.WriterVersion.PARQUET_1_0)
            .build()) {
      while (rows.hasNext()) {
        writer.write(rows.next());
      }
      output.commit(writer);
    } finally {
      output.discard();
    }
  }

  private static final class Builder extends ParquetWriter.Builder<Object[], Builder> {
    private final StructType schema;

    Builder(OutputFile file, StructType schema) {
      super(file);
      this.schema = schema;
    }

    @Override
    protected Builder self() {
      return this;
    }

    @Override
    protected WriteSupport<Object[]> getWriteSupport(Configuration configuration) {
      return new Rows(schema);
    }
  }

  private static final class Rows extends WriteSupport<Object[]> {
    private final StructType schema;
    private RecordConsumer consumer;

    Rows(StructType schema) {
      this.schema = schema;
    }

    @Override
    public WriteContext init(Configuration configuration) {
      Types.MessageTypeBuilder message = Types.buildMessage();
      for (StructField field : schema.fields()) {
        if (field.dataType().equals(DataTypes.StringType)) {
          message
              .required(PrimitiveTypeName.BINARY)
              .as(LogicalTypeAnnotation.stringType())
              .named(field.name());
        } else {
          message.required(number(field)).named(field.name());
        }
      }
      MessageType type = message.named("row");
      return new WriteContext(type, java.util.Map.of());
    }

    private static PrimitiveTypeName number(StructField field) {
      if (field.dataType().equals(DataTypes.LongType)) {
        return PrimitiveTypeName.INT64;
      } else if (field.dataType().equals(DataTypes.IntegerType)) {
        return PrimitiveTypeName.INT32;
      } else if (field.dataType().equals(DataTypes.DoubleType)) {
        return PrimitiveTypeName.DOUBLE;
      }
      throw new IllegalArgumentException("no column of " + field.dataType());
    }

    @Override
    public void prepareForWrite(RecordConsumer recordConsumer) {
      consumer = recordConsumer;
    }

    @Override
    public void write(Object[] row) {
      consumer.startMessage();
      for (int c = 0; c < row.length; c++) {
        String name = schema.fields()[c].name();
        consumer.startField(name, c);
        Object value = row[c];
        if (value instanceof Long number) {
          consumer.addLong(number);
        } else if (value instanceof Integer number) {
          consumer.addInteger(number);
        } else if (value instanceof Double number) {
          consumer.addDouble(number);
        } else {
          consumer.addBinary(Binary.fromString((String) value));
        }
        consumer.endField(name, c);
      }
      consumer.endMessage();
    }
  }
}
