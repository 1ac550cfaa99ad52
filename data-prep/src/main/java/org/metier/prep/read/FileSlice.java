package org.metier.prep.read;

import java.io.Serializable;

/**
 * The records of a file that begin in a range of its bytes; the unit of parallel reading.
 *
 * @param file number of the file in {@link InputFiles#files()}
 * @param path the file
 * @param format what it is
 * @param pathTag the domain tag that its path gives; empty if none
 * @param start first byte
 * @param end byte after the last; the file's length where it has one slice only
 */
public record FileSlice(
    int file, String path, FileFormat format, String pathTag, long start, long end)
    implements Serializable {

  /** Bytes of the file in this slice. */
  public long length() {
    return end - start;
  }
}
