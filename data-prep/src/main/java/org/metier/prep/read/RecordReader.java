package org.metier.prep.read;

import java.io.Closeable;
import java.io.IOException;

/** The records of one slice of a file, in their order. */
interface RecordReader extends Closeable {

  /** The next record; null behind the last. */
  RawRecord next() throws IOException;
}
