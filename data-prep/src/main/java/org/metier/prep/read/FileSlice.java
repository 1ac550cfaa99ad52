package org.metier.prep.read;

import java.io.Serializable;

/**
 * The records of a file that begin in a range of its bytes; the unit of parallel reading.
 *
 * @param index number of the slice in the order of files and offsets
 * @param file number of the file in {@link InputFiles#files()}
 * @param path the file
 * @param start first byte
 * @param end byte after the last; for a compressed file, which has one slice only, its length
 */
public record FileSlice(int index, int file, String path, long start, long end)
    implements Serializable {

  /** Bytes of the file in this slice. */
  public long length() {
    return end - start;
  }

  /** True if the file can be read from its beginning only. */
  public boolean compressed() {
    return InputFiles.isCompressed(path);
  }
}
