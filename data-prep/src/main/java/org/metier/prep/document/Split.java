package org.metier.prep.document;

/** The sides of a corpus: what trains a model and what only measures it. */
public enum Split {
  TRAIN("train"),
  /** Looked at during training: for early stopping and the choice of a checkpoint. */
  VALIDATION("validation"),
  /** Looked at when all is chosen. */
  HELD_OUT("held-out");

  private final String directory;

  Split(String directory) {
    this.directory = directory;
  }

  /** Name of the split, and of its directory below the output. */
  public String directory() {
    return directory;
  }
}
