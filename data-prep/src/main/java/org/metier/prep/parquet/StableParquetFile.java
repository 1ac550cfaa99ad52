package org.metier.prep.parquet;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Collections;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.parquet.format.ColumnChunk;
import org.apache.parquet.format.FileMetaData;
import org.apache.parquet.format.RowGroup;
import org.apache.parquet.format.Util;
import org.apache.parquet.hadoop.ParquetWriter;
import org.apache.parquet.io.DelegatingPositionOutputStream;
import org.apache.parquet.io.OutputFile;
import org.apache.parquet.io.PositionOutputStream;

/**
 * A Parquet file whose bytes are a function of its rows alone, in every Java process. It is held in
 * memory until {@link #commit}, which writes it under a temporary name and gives it its own.
 *
 * <p>Parquet lists the encodings of a column in the order of a hash set of enum constants, which
 * differs from one process to the next; here the footer is written again with the lists sorted.
 */
public final class StableParquetFile implements OutputFile {
  private static final byte[] MAGIC = {'P', 'A', 'R', '1'};

  private final FileSystem fileSystem;
  private final Path file;
  private final Path temporary;
  private final Buffer buffer = new Buffer();

  /**
   * @param attempt tells this attempt's temporary file from another attempt's
   */
  public StableParquetFile(Path file, long attempt, Configuration hadoop) throws IOException {
    this.fileSystem = file.getFileSystem(hadoop);
    this.file = file;
    this.temporary = new Path(file.getParent(), "_" + file.getName() + "." + attempt);
  }

  /**
   * Writes the file and gives it its name.
   *
   * @param writer wrote to this file; is closed, since the footer is its last act
   * @return the file's bytes
   */
  public byte[] commit(ParquetWriter<?> writer) throws IOException {
    writer.close();
    byte[] bytes = buffer.sorted();
    try (OutputStream out = fileSystem.create(temporary, true)) {
      out.write(bytes);
    }
    fileSystem.delete(file, false); // an earlier attempt's, with the same bytes
    if (!fileSystem.rename(temporary, file)) {
      throw new IOException(temporary + " could not be renamed to " + file.getName());
    }
    return bytes;
  }

  /** Removes what a commit that failed may have left. */
  public void discard() throws IOException {
    if (fileSystem.exists(temporary)) {
      fileSystem.delete(temporary, false);
    }
  }

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

  /** Lets the footer be read without a copy of the file. */
  private static final class Buffer extends ByteArrayOutputStream {
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
