package org.metier.prep.shard;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import org.apache.parquet.column.ColumnReader;
import org.apache.parquet.column.impl.ColumnReadStoreImpl;
import org.apache.parquet.column.page.PageReadStore;
import org.apache.parquet.hadoop.ParquetFileReader;
import org.apache.parquet.io.DelegatingSeekableInputStream;
import org.apache.parquet.io.InputFile;
import org.apache.parquet.io.SeekableInputStream;
import org.apache.parquet.io.api.Converter;
import org.apache.parquet.io.api.GroupConverter;
import org.apache.parquet.io.api.PrimitiveConverter;
import org.apache.parquet.schema.MessageType;

/**
 * Decodes a shard straight from its columns into int arrays, past Parquet's record assembly. Checks
 * everything that a model relies on: lengths, ids within the vocabulary, starts within the row.
 */
final class ShardDecoder {
  private final ShardManifest manifest;
  private final long firstPosition;
  private final long[] idBuffer;

  ShardDecoder(ShardManifest manifest, long firstPosition) {
    this.manifest = manifest;
    this.firstPosition = firstPosition;
    this.idBuffer = new long[manifest.sequenceLength()];
  }

  TokenSequence[] decode(byte[] file, long sequences) throws IOException {
    TokenSequence[] rows = new TokenSequence[Math.toIntExact(sequences)];
    try (ParquetFileReader reader = ParquetFileReader.open(new BytesFile(file))) {
      MessageType schema = reader.getFileMetaData().getSchema();
      if (!schema.equals(ShardSchema.MESSAGE)) {
        throw new IOException("its columns are not those of a shard");
      }
      if (reader.getRecordCount() != sequences) {
        throw new IOException(
            "it has " + reader.getRecordCount() + " sequences instead of " + sequences);
      }
      String createdBy = reader.getFileMetaData().getCreatedBy();
      int first = 0;
      for (PageReadStore group = reader.readNextRowGroup();
          group != null;
          group = reader.readNextRowGroup()) {
        ColumnReadStoreImpl columns =
            new ColumnReadStoreImpl(group, new Sink(schema), schema, createdBy);
        int count = Math.toIntExact(group.getRowCount());
        decodeGroup(columns, rows, first, count);
        first += count;
      }
    }
    return rows;
  }

  private void decodeGroup(ColumnReadStoreImpl columns, TokenSequence[] rows, int first, int count)
      throws IOException {
    int length = manifest.sequenceLength();
    ColumnReader positions =
        columns.getColumnReader(
            ShardSchema.MESSAGE.getColumnDescription(new String[] {ShardSchema.SEQUENCE}));
    ColumnReader tokens = columns.getColumnReader(ShardSchema.elements(ShardSchema.TOKENS));
    ColumnReader starts = columns.getColumnReader(ShardSchema.elements(ShardSchema.DOCUMENT_START));
    ColumnReader domains = columns.getColumnReader(ShardSchema.elements(ShardSchema.DOMAINS));
    ColumnReader documents = columns.getColumnReader(ShardSchema.elements(ShardSchema.DOCUMENTS));
    ColumnReader lossMask = columns.getColumnReader(ShardSchema.elements(ShardSchema.LOSS_MASK));
    ColumnReader ids = columns.getColumnReader(ShardSchema.elements(ShardSchema.DOCUMENT_IDS));
    for (int row = first; row < first + count; row++) {
      if (positions.getLong() != firstPosition + row) {
        throw new IOException(
            "row "
                + row
                + " has position "
                + positions.getLong()
                + " instead of "
                + (firstPosition + row));
      }
      positions.consume();
      long[] documentIds = ids(ids, length, row);
      rows[row] =
          new TokenSequence(
              list(tokens, length + 1, 0, manifest.vocabSize(), "token", row),
              list(starts, length, 0, length, "document start", row),
              list(domains, length, 0, manifest.domains().size(), "domain", row),
              list(documents, length, TokenSequence.PADDING, documentIds.length, "document", row),
              list(lossMask, length, 0, 2, "loss mask", row),
              documentIds);
    }
  }

  /** One list of at least one and at most {@code longest} values. */
  private long[] ids(ColumnReader column, int longest, int row) throws IOException {
    int size = 0;
    do {
      if (size == longest || column.getCurrentDefinitionLevel() != 1) {
        throw new IOException("row " + row + " has not 1 to " + longest + " document ids");
      }
      idBuffer[size++] = column.getLong();
      column.consume();
    } while (column.getCurrentRepetitionLevel() == 1);
    return Arrays.copyOf(idBuffer, size);
  }

  /** One list of a known length whose values lie in [least, limit). */
  private static int[] list(
      ColumnReader column, int length, int least, int limit, String what, int row)
      throws IOException {
    int[] values = new int[length];
    for (int i = 0; i < length; i++) {
      boolean continues = column.getCurrentRepetitionLevel() == 1;
      if (continues != (i > 0) || column.getCurrentDefinitionLevel() != 1) {
        throw new IOException("row " + row + " has not " + length + " " + what + "s");
      }
      int value = column.getInteger();
      if (value < least || value >= limit) {
        throw new IOException(
            "row %d has %s %d, which is not in [%d, %d)".formatted(row, what, value, least, limit));
      }
      values[i] = value;
      column.consume();
    }
    return values;
  }

  /** Parquet wants a converter per column; the values are taken from the columns instead. */
  private static final class Sink extends GroupConverter {
    private final Converter[] fields;

    Sink(org.apache.parquet.schema.GroupType group) {
      fields = new Converter[group.getFieldCount()];
      for (int i = 0; i < fields.length; i++) {
        fields[i] =
            group.getType(i).isPrimitive()
                ? new PrimitiveConverter() {}
                : new Sink(group.getType(i).asGroupType());
      }
    }

    @Override
    public Converter getConverter(int field) {
      return fields[field];
    }

    @Override
    public void start() {}

    @Override
    public void end() {}
  }

  /** A file that is in memory already. */
  private record BytesFile(byte[] bytes) implements InputFile {
    @Override
    public long getLength() {
      return bytes.length;
    }

    @Override
    public SeekableInputStream newStream() {
      ByteBufferStream stream = new ByteBufferStream(ByteBuffer.wrap(bytes));
      return new DelegatingSeekableInputStream(stream) {
        @Override
        public long getPos() {
          return stream.buffer.position();
        }

        @Override
        public void seek(long position) {
          stream.buffer.position(Math.toIntExact(position));
        }
      };
    }
  }

  private static final class ByteBufferStream extends java.io.InputStream {
    private final ByteBuffer buffer;

    ByteBufferStream(ByteBuffer buffer) {
      this.buffer = buffer;
    }

    @Override
    public int read() {
      return buffer.hasRemaining() ? buffer.get() & 0xFF : -1;
    }

    @Override
    public int read(byte[] target, int offset, int length) {
      if (length == 0) {
        return 0;
      }
      int read = Math.min(length, buffer.remaining());
      if (read == 0) {
        return -1;
      }
      buffer.get(target, offset, read);
      return read;
    }
  }
}
