package org.metier.prep.clean;

/** A step that changes texts and rejects none. */
@FunctionalInterface
public interface TextCleaner extends CleaningStep {

  /** The text in its clean form; the text itself where there is nothing to do. */
  String clean(String text);

  @Override
  default Cleaned apply(String text) {
    return new Cleaned.Kept(clean(text));
  }
}
