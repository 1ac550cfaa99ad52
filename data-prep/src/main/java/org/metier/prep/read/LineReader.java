package org.metier.prep.read;

import java.io.Closeable;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.Path;

/**
 * The lines that begin in a slice, as bytes without their newline. A line that begins in the slice
 * and ends beyond it belongs to this slice alone, so that slices together give every line once.
 */
final class LineReader implements Closeable {
  /** What became of the attempt to read one more line. */
  enum Outcome {
    LINE,
    TOO_LONG,
    TRUNCATED,
    END
  }

  private static final int FIRST_BUFFER_BYTES = 1 << 18;

  private final InputStream in;
  private final long end;
  private final int maxLineBytes;
  private byte[] buffer = new byte[FIRST_BUFFER_BYTES];
  private int position; // next unread byte of the buffer
  private int limit; // end of the bytes in the buffer
  private long bufferOffset; // offset of buffer[0] in the (uncompressed) file
  private int lineStart;
  private int lineEnd;
  private long lineOffset;
  private boolean truncated; // the file broke off here; told once, nothing comes after
  private boolean ended;

  LineReader(FileSlice slice, Configuration hadoop, int maxLineBytes) throws IOException {
    this.maxLineBytes = maxLineBytes;
    Path path = new Path(slice.path());
    FSDataInputStream file = path.getFileSystem(hadoop).open(path);
    if (slice.compressed()) {
      end = Long.MAX_VALUE;
      in = unzip(file);
      return;
    }
    end = slice.end();
    in = file;
    if (slice.start() > 0) {
      // The line that covers start - 1 belongs to the slice before.
      file.seek(slice.start() - 1);
      bufferOffset = slice.start() - 1;
      skipLine();
    }
  }

  private InputStream unzip(FSDataInputStream file) throws IOException {
    try {
      return new GZIPInputStream(file, 1 << 16);
    } catch (EOFException | ZipException e) {
      truncated = true;
      return file;
    }
  }

  /** Reads one more line; its bytes are valid until the next call. */
  Outcome next() throws IOException {
    lineOffset = bufferOffset + position;
    if (ended || lineOffset >= end) {
      return Outcome.END;
    }
    int scanned = position;
    while (true) {
      for (int i = scanned; i < limit; i++) {
        if (buffer[i] == '\n') {
          lineStart = position;
          lineEnd = i;
          position = i + 1;
          return Outcome.LINE;
        }
      }
      if (limit - position > maxLineBytes) {
        skipLine();
        lineStart = position;
        lineEnd = position;
        return Outcome.TOO_LONG;
      }
      int unread = limit - position;
      boolean more = fill();
      scanned = position + unread;
      if (!more) {
        return lastLine();
      }
    }
  }

  private Outcome lastLine() {
    lineStart = position;
    lineEnd = limit;
    position = limit;
    ended = true;
    if (truncated) {
      return Outcome.TRUNCATED;
    }
    return lineEnd > lineStart ? Outcome.LINE : Outcome.END;
  }

  private void skipLine() throws IOException {
    do {
      while (position < limit) {
        if (buffer[position++] == '\n') {
          return;
        }
      }
    } while (fill());
  }

  /** Moves the unread bytes to the front and reads behind them; false at the end of the file. */
  private boolean fill() throws IOException {
    System.arraycopy(buffer, position, buffer, 0, limit - position);
    bufferOffset += position;
    limit -= position;
    position = 0;
    if (limit == buffer.length) {
      buffer = Arrays.copyOf(buffer, 2 * buffer.length);
    }
    if (truncated) {
      return false;
    }
    try {
      int read = in.read(buffer, limit, buffer.length - limit);
      limit += Math.max(0, read);
      return read > 0;
    } catch (EOFException | ZipException e) {
      truncated = true;
      return false;
    }
  }

  byte[] buffer() {
    return buffer;
  }

  int lineStart() {
    return lineStart;
  }

  int lineLength() {
    return lineEnd - lineStart;
  }

  /** Offset of the line in the uncompressed file. */
  long lineOffset() {
    return lineOffset;
  }

  @Override
  public void close() throws IOException {
    in.close();
  }
}
