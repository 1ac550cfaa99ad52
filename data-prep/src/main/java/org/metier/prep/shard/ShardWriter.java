package org.metier.prep.shard;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Collections;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.parquet.column.ParquetProperties;
import org.apache.parquet.format.ColumnChunk;
import org.apache.parquet.format.FileMetaData;
import org.apache.parquet.format.RowGroup;
import org.apache.parquet.format.Util;
import org.apache.parquet.hadoop.ParquetWriter;
import org.apache.parquet.hadoop.api.WriteSupport;
import org.apache.parquet.hadoop.metadata.CompressionCodecName;
import org.apache.parquet.io.DelegatingPositionOutputStream;
import org.apache.parquet.io.OutputFile;
import org.apache.parquet.io.PositionOutputStream;
import org.apache.parquet.io.api.RecordConsumer;
import org.metier.prep.document.Sha256;

/**
 * Writes one shard under a temporary name and gives it its own at the end. The bytes are a function
 * of the rows alone: no time, no host, no task is written.
 */
public final class ShardWriter implements AutoCloseable {
  private static final long ROW_GROUP_BYTES = 64L << 20;
  private static final byte[] MAGIC = {'P', 'A', 'R', '1'};

  private final FileSystem fileSystem;
  private final Path temporary;
  private final Path file;
  private final BufferedFile output;
  private final ParquetWriter<Row> writer;
  private long sequences;
  private boolean complete;

  private record Row(long sequence, TokenSequence columns) {}

  /**
   * @param attempt tells this attempt's temporary file from another attempt's
   */
  public ShardWriter(Path directory, String name, long attempt, Configuration hadoop)
      throws IOException {
    this.fileSystem = directory.getFileSystem(hadoop);
    this.file = new Path(directory, name);
    this.temporary = new Path(directory, "_" + name + "." + attempt);
    this.output = new BufferedFile();
    this.writer =
        new Builder(output)
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
    writer.close();
    complete = true;
    byte[] bytes = output.buffer.sorted();
    try (OutputStream out = fileSystem.create(temporary, true)) {
      out.write(bytes);
    }
    fileSystem.delete(file, false); // an earlier attempt's, with the same bytes
    if (!fileSystem.rename(temporary, file)) {
      throw new IOException(temporary + " could not be renamed to " + file.getName());
    }
    return new ShardManifest.Shard(file.getName(), sequences, bytes.length, Sha256.of(bytes));
  }

  /** Drops the temporary file if the shard was not committed. */
  @Override
  public void close() throws IOException {
    if (!complete) {
      writer.close();
    }
    if (fileSystem.exists(temporary)) {
      fileSystem.delete(temporary, false);
    }
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

  /** The file in memory: a reader holds it there as a whole, too. */
  private static final class BufferedFile implements OutputFile {
    private final Buffer buffer = new Buffer();

    @Override
    public PositionOutputStream create(long blockSizeHint) {
      return new DelegatingPositionOutputStream(buffer) {
        @Override
        public long getPos() {
          return buffer.size();
        }
      };
    }

    @Override
    public PositionOutputStream createOrOverwrite(long blockSizeHint) {
      return create(blockSizeHint);
    }

    @Override
    public boolean supportsBlockSize() {
      return false;
    }

    @Override
    public long defaultBlockSize() {
      return 0;
    }
  }

  /** Gives its bytes without a copy. */
  private static final class Buffer extends ByteArrayOutputStream {
    /**
     * The finished file. Parquet lists the encodings of a column in the order of a hash set of enum
     * constants, which differs from one Java process to the next: the footer is written again with
     * the lists sorted.
     */
    byte[] sorted() throws IOException {
      int lengthAt = count - Integer.BYTES - MAGIC.length;
      int footerLength =
          ByteBuffer.wrap(buf, lengthAt, Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN).getInt();
      int footerAt = lengthAt - footerLength;
      FileMetaData footer =
          Util.readFileMetaData(new ByteArrayInputStream(buf, footerAt, footerLength));
      for (RowGroup group : footer.getRow_groups()) {
        for (ColumnChunk column : group.getColumns()) {
          Collections.sort(column.getMeta_data().getEncodings());
          if (column.getMeta_data().isSetEncoding_stats()) {
            Collections.sort(column.getMeta_data().getEncoding_stats());
          }
        }
      }
      count = footerAt;
      Util.writeFileMetaData(footer, this);
      ByteBuffer length = ByteBuffer.allocate(Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN);
      writeBytes(length.putInt(count - footerAt).array());
      writeBytes(MAGIC);
      return toByteArray();
    }
  }
}
