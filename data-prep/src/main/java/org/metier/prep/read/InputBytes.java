package org.metier.prep.read;

import com.github.luben.zstd.ZstdInputStreamNoFinalizer;
import java.io.EOFException;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.Locale;
import org.apache.commons.compress.compressors.bzip2.BZip2CompressorInputStream;
import org.apache.commons.compress.compressors.gzip.GzipCompressorInputStream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.metier.prep.document.RejectReason;

/**
 * The bytes of a file, uncompressed by the ending of its name. What is wrong with the content comes
 * as a {@link DamagedFileException}; any other IOException is the file system's. The decoders are
 * those that Spark ships: no native codec of Hadoop is needed.
 */
final class InputBytes extends InputStream {
  /** So much may come out of any compressed file: small files of one line repeat themselves. */
  private static final long FREE_BYTES = 64L << 20;

  /** What a decoder has made is lost if it throws in the same call: so it is asked for little. */
  private static final int PIECE_BYTES = 1 << 12;

  private final String path;
  private final FSDataInputStream file;
  private final StoredBytes stored;
  private final int maxExpansion;
  private final boolean compressed;
  private InputStream in; // null until the first byte is asked for
  private long produced;

  InputBytes(String path, Configuration hadoop, int maxExpansion) throws IOException {
    this.path = path;
    this.maxExpansion = maxExpansion;
    this.compressed = FileFormat.isCompressed(path);
    Path hadoopPath = new Path(path);
    FileSystem fileSystem = hadoopPath.getFileSystem(hadoop);
    long length = fileSystem.getFileStatus(hadoopPath).getLen();
    this.file = fileSystem.open(hadoopPath);
    this.stored = new StoredBytes(file, length);
  }

  /** Begins at a byte of a file that is not compressed. */
  void seek(long offset) throws IOException {
    file.seek(offset);
  }

  @Override
  public int read(byte[] buffer, int offset, int length) throws IOException {
    if (!compressed) {
      return file.read(buffer, offset, length);
    }
    int read;
    try {
      if (in == null) {
        in = uncompress();
      }
      read = in.read(buffer, offset, Math.min(length, PIECE_BYTES));
    } catch (IOException | RuntimeException e) { // decoders throw both at damaged input
      if (stored.failure != null) {
        throw stored.failure;
      }
      throw new DamagedFileException(reason(e), e);
    }
    produced += Math.max(0, read);
    if (produced > FREE_BYTES && produced / maxExpansion > stored.taken) {
      throw new DamagedFileException(RejectReason.DECOMPRESSION_BOMB, null);
    }
    return read;
  }

  @Override
  public int read() throws IOException {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xFF;
  }

  /** All decoders go on with the next member or frame behind the end of one. */
  private InputStream uncompress() throws IOException {
    String name = path.toLowerCase(Locale.ROOT);
    if (name.endsWith(".gz")) {
      return new GzipCompressorInputStream(stored, true);
    }
    return name.endsWith(".bz2")
        ? new BZip2CompressorInputStream(stored, true)
        : new ZstdInputStreamNoFinalizer(stored);
  }

  private static RejectReason reason(Exception e) {
    String message = String.valueOf(e.getMessage()).toLowerCase(Locale.ROOT);
    if (message.contains("too much memory")) {
      return RejectReason.ZSTD_WINDOW_TOO_LARGE; // beyond 128 MiB, zstd's own default limit
    }
    boolean cutOff =
        e instanceof EOFException
            || message.contains("truncated")
            || message.contains("unexpected end");
    return cutOff ? RejectReason.TRUNCATED_FILE : RejectReason.CORRUPT_FILE;
  }

  @Override
  public void close() throws IOException {
    try {
      if (in != null) {
        in.close();
      }
    } finally {
      file.close();
    }
  }

  /** The bytes as they are stored, counted; remembers a failure of the file system. */
  private static final class StoredBytes extends FilterInputStream {
    private final long length;
    private long taken;
    private IOException failure; // null while there is none

    StoredBytes(InputStream in, long length) {
      super(in);
      this.length = length;
    }

    @Override
    public int read() throws IOException {
      byte[] one = new byte[1];
      return read(one, 0, 1) < 0 ? -1 : one[0] & 0xFF;
    }

    @Override
    public int read(byte[] buffer, int offset, int count) throws IOException {
      try {
        // Whole pieces, however the file system hands them out: damage then shows at one place.
        int read = in.readNBytes(buffer, offset, count);
        taken += read;
        return read == 0 && count > 0 ? -1 : read;
      } catch (IOException e) {
        failure = e;
        throw e;
      }
    }

    /** Object stores say 0 in the middle of a file, which decoders may take for its end. */
    @Override
    public int available() {
      return (int) Math.min(Integer.MAX_VALUE, length - taken);
    }

    @Override
    public boolean markSupported() {
      return false;
    }
  }
}
