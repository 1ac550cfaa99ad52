package org.metier.prep.shard;

import java.io.IOException;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.parquet.column.ParquetProperties;
import org.apache.parquet.hadoop.ParquetWriter;
import org.apache.parquet.hadoop.api.WriteSupport;
import org.apache.parquet.hadoop.metadata.CompressionCodecName;
import org.apache.parquet.io.OutputFile;
import org.apache.parquet.io.api.RecordConsumer;
import org.metier.prep.document.Sha256;
import org.metier.prep.parquet.StableParquetFile;

/**
 * Writes one shard under a temporary name and gives it its own at the end. The bytes are a function
 * of the rows alone: no time, no host, no task is written.
 */
public final class ShardWriter implements AutoCloseable {
  private static final long ROW_GROUP_BYTES = 64L << 20;

  private final String name;
  private final StableParquetFile file;
  private final ParquetWriter<Row> writer;
  private long sequences;
  private boolean complete;

  private record Row(long sequence, TokenSequence columns) {}

  /**
   * @param attempt tells this attempt's temporary file from another attempt's
   */
  public ShardWriter(Path directory, String name, long attempt, Configuration hadoop)
      throws IOException {
    this.name = name;
    this.file = new StableParquetFile(new Path(directory, name), attempt, hadoop);
    this.writer =
        new Builder(file)
            .withConf(hadoop)
            .withCompressionCodec(CompressionCodecName.ZSTD) // Parquet brings it along
            .withWriterVersion(ParquetProperties.WriterVersion.PARQUET_1_0)
            .withRowGroupSize(ROW_GROUP_BYTES)
            .withDictionaryEncoding(true)
            .withPageWriteChecksumEnabled(true)
            .build();
  }

  /** Name of a split's shard. */
  public static String fileName(int shard) {
    return String.format("shard-%05d.parquet", shard);
  }

  /** Appends a sequence at a position of the split. */
  public void write(long position, TokenSequence sequence) throws IOException {
    writer.write(new Row(position, sequence));
    sequences++;
  }

  /** Completes the file and gives it its name. */
  public ShardManifest.Shard commit() throws IOException {
    byte[] bytes = file.commit(writer);
    complete = true;
    return new ShardManifest.Shard(name, sequences, bytes.length, Sha256.of(bytes));
  }

  /** Drops the temporary file if the shard was not committed. */
  @Override
  public void close() throws IOException {
    if (!complete) {
      writer.close();
    }
    file.discard();
  }

  private static final class Builder extends ParquetWriter.Builder<Row, Builder> {
    Builder(OutputFile file) {
      super(file);
    }

    @Override
    protected Builder self() {
      return this;
    }

    @Override
    protected WriteSupport<Row> getWriteSupport(Configuration configuration) {
      return new RowWriteSupport();
    }
  }

  private static final class RowWriteSupport extends WriteSupport<Row> {
    private RecordConsumer consumer;

    @Override
    public WriteContext init(Configuration configuration) {
      return new WriteContext(
          ShardSchema.MESSAGE,
          Map.of("metier.format-version", String.valueOf(ShardSchema.FORMAT_VERSION)));
    }

    @Override
    public void prepareForWrite(RecordConsumer recordConsumer) {
      consumer = recordConsumer;
    }

    @Override
    public void write(Row row) {
      consumer.startMessage();
      consumer.startField(ShardSchema.SEQUENCE, 0);
      consumer.addLong(row.sequence);
      consumer.endField(ShardSchema.SEQUENCE, 0);
      list(ShardSchema.TOKENS, 1, row.columns.tokens());
      list(ShardSchema.DOCUMENT_START, 2, row.columns.documentStart());
      list(ShardSchema.DOMAINS, 3, row.columns.domains());
      list(ShardSchema.DOCUMENTS, 4, row.columns.documents());
      list(ShardSchema.LOSS_MASK, 5, row.columns.lossMask());
      list(ShardSchema.DOCUMENT_IDS, 6, row.columns.documentIds());
      consumer.endMessage();
    }

    private void list(String name, int field, int[] values) {
      begin(name, field, values.length);
      for (int value : values) {
        consumer.startGroup();
        consumer.startField(ShardSchema.ELEMENT, 0);
        consumer.addInteger(value);
        consumer.endField(ShardSchema.ELEMENT, 0);
        consumer.endGroup();
      }
      end(name, field, values.length);
    }

    private void list(String name, int field, long[] values) {
      begin(name, field, values.length);
      for (long value : values) {
        consumer.startGroup();
        consumer.startField(ShardSchema.ELEMENT, 0);
        consumer.addLong(value);
        consumer.endField(ShardSchema.ELEMENT, 0);
        consumer.endGroup();
      }
      end(name, field, values.length);
    }

    /** A field of Parquet has at least one value: an empty list has a group, but no field in it. */
    private void begin(String name, int field, int length) {
      consumer.startField(name, field);
      consumer.startGroup();
      if (length > 0) {
        consumer.startField(ShardSchema.REPEATED, 0);
      }
    }

    private void end(String name, int field, int length) {
      if (length > 0) {
        consumer.endField(ShardSchema.REPEATED, 0);
      }
      consumer.endGroup();
      consumer.endField(name, field);
    }
  }
}
