package org.metier.prep;

/**
 * Where long work reports how far it is; the command line draws bars from it. Calls may come from
 * another thread than the one that began the stage, but never two at a time.
 */
public interface Progress {

  /**
   * A stage begins.
   *
   * @param total units of work in it
   * @param unit what is counted, in the plural: {@code bytes}, {@code merges}
   */
  void stage(String name, long total, String unit);

  /** So many units of the current stage are done, counted from its beginning. */
  void advance(long done);

  /** The current stage is over; one line says what came out of it. */
  void done(String summary);

  /** Reports nothing. */
  static Progress silent() {
    return new Progress() {
      @Override
      public void stage(String name, long total, String unit) {}

      @Override
      public void advance(long done) {}

      @Override
      public void done(String summary) {}
    };
  }
}
