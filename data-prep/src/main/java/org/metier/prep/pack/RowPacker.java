package org.metier.prep.pack;

import java.util.Iterator;

/** Cuts encoded documents into rows; the counts are those of what has been given so far. */
public interface RowPacker extends Iterator<PackedRow> {

  /** Documents taken. */
  long documents();

  /** Tokens of these documents, separators included. */
  long tokens();

  /** Rows given. */
  long rows();

  /** At the end: tokens that are in no row. */
  long droppedTokens();

  /** Inputs that stand for no token. */
  long paddingTokens();
}
