package org.metier.prep.read;

import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Iterator;
import java.util.NoSuchElementException;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.TaskContext;
import org.apache.spark.util.TaskCompletionListener;
import org.metier.prep.document.OutcomeBlocks;

/**
 * What one task of reading has left: blocks of records, then their counts, then where the counts
 * begin. A file under its own name is complete, so that a run that is started again goes on where
 * the last one was killed.
 */
public final class RecordFile {
  private static final int BUFFER_BYTES = 1 << 18;
  private static final int NO_MORE_BLOCKS = -1;

  private RecordFile() {}

  /** Name of a task's file. */
  public static String fileName(int task) {
    return String.format("part-%05d", task);
  }

  /** Writes the records under a temporary name and gives the file its own at the end. */
  public static void write(Path file, ReadOutcomes outcomes, Configuration hadoop)
      throws IOException {
    FileSystem fileSystem = file.getFileSystem(hadoop);
    long attempt = TaskContext.get().taskAttemptId();
    Path temporary = new Path(file.getParent(), "_" + file.getName() + "." + attempt);
    try (FSDataOutputStream out = fileSystem.create(temporary, true)) {
      for (Iterator<byte[]> blocks = OutcomeBlocks.encode(outcomes); blocks.hasNext(); ) {
        byte[] block = blocks.next();
        out.writeInt(block.length);
        out.write(block);
      }
      out.writeInt(NO_MORE_BLOCKS);
      long start = out.getPos();
      outcomes.counts().writeTo(out);
      out.writeLong(start);
    }
    if (fileSystem.exists(file)) {
      fileSystem.delete(temporary, false); // another attempt of the same task was first
    } else if (!fileSystem.rename(temporary, file)) {
      throw new IOException(temporary + " could not be renamed to " + file.getName());
    }
  }

  /** The counts of the records. */
  public static ReadCounts counts(Path file, Configuration hadoop) throws IOException {
    FileSystem fileSystem = file.getFileSystem(hadoop);
    long end = fileSystem.getFileStatus(file).getLen() - Long.BYTES;
    try (FSDataInputStream in = fileSystem.open(file)) {
      in.seek(end);
      in.seek(in.readLong());
      return ReadCounts.readFrom(new DataInputStream(new BufferedInputStream(in)));
    }
  }

  /** The blocks; the file is closed behind the last, or else with the task. */
  public static Iterator<byte[]> blocks(Path file, Configuration hadoop) throws IOException {
    FSDataInputStream stored = file.getFileSystem(hadoop).open(file);
    DataInputStream in = new DataInputStream(new BufferedInputStream(stored, BUFFER_BYTES));
    TaskCompletionListener close = context -> close(in);
    TaskContext.get().addTaskCompletionListener(close);
    return new Iterator<>() {
      private int length = in.readInt();

      @Override
      public boolean hasNext() {
        return length != NO_MORE_BLOCKS;
      }

      @Override
      public byte[] next() {
        if (!hasNext()) {
          throw new NoSuchElementException();
        }
        byte[] block = new byte[length];
        try {
          in.readFully(block);
          length = in.readInt();
        } catch (IOException e) {
          throw new UncheckedIOException(file + " cannot be read", e);
        }
        if (!hasNext()) {
          close(in);
        }
        return block;
      }
    };
  }

  private static void close(DataInputStream in) {
    try {
      in.close();
    } catch (IOException e) {
      throw new UncheckedIOException("a file of records cannot be closed", e);
    }
  }
}
