package org.metier.jobs.console;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Locale;
import java.util.OptionalDouble;

/** Shows the rounds of a training run; speed and time left come from the last few rounds. */
public final class TrainingProgress {
  private static final int RECENT_ROUNDS = 8;
  private static final int BAR_WIDTH = 20;

  /** On narrower terminals the numbers need the line for themselves. */
  private static final int COLUMNS_WITH_BAR = 104;

  /** On narrower terminals a validation's loss takes the balance loss's place. */
  private static final int COLUMNS_WITH_BALANCE = 92;

  private record Mark(long nanos, long tokens) {}

  private final StatusLine status;
  private final Deque<Mark> recent = new ArrayDeque<>();
  private int rounds;
  private long tokens;
  private OptionalDouble validation = OptionalDouble.empty();

  public TrainingProgress(StatusLine status) {
    this.status = status;
  }

  /**
   * Training begins.
   *
   * @param rounds rounds of the whole run, those before a resume included
   */
  public void begin(int rounds) {
    this.rounds = rounds;
    recent.clear();
    recent.add(new Mark(status.nanos(), tokens));
  }

  /**
   * A validation is over; its loss is shown until the next.
   *
   * @param loss mean cross-entropy over held-out tokens, nats
   */
  public void validated(double loss) {
    validation = OptionalDouble.of(loss);
  }

  /** Leaves a line for good. */
  public void notice(String line) {
    status.finish(line);
  }

  /**
   * A round is over.
   *
   * @param round how many rounds are over now
   * @param loss mean cross-entropy over the round's tokens, nats
   * @param balance load-balancing loss before its coefficient; 1 is perfect balance
   * @param maxVio largest relative overload of an expert
   * @param roundTokens tokens of this round
   */
  public void round(int round, double loss, double balance, double maxVio, long roundTokens) {
    tokens += roundTokens;
    recent.add(new Mark(status.nanos(), tokens));
    if (recent.size() > RECENT_ROUNDS + 1) {
      recent.removeFirst();
    }
    String line = line(round, loss, balance, maxVio);
    if (round == rounds) {
      status.finish(line);
    } else {
      status.update(() -> line);
    }
  }

  private String line(int round, double loss, double balance, double maxVio) {
    Mark first = recent.getFirst();
    Mark last = recent.getLast();
    double seconds = Math.max((last.nanos() - first.nanos()) * 1e-9, 1e-3);
    double speed = (last.tokens() - first.tokens()) / seconds;
    double left = (rounds - round) * seconds / (recent.size() - 1);
    String held =
        validation.isPresent()
            ? String.format(Locale.ROOT, "  val %.3f", validation.getAsDouble())
            : "";
    boolean crowded =
        status.interactive() && validation.isPresent() && status.columns() < COLUMNS_WITH_BALANCE;
    String evenness = crowded ? "" : String.format(Locale.ROOT, "  balance %.2f", balance);
    boolean wide = status.interactive() && status.columns() >= COLUMNS_WITH_BAR + held.length();
    String bar = wide ? "  " + ProgressBar.bar((double) round / rounds, BAR_WIDTH) : "";
    return String.format(
        Locale.ROOT,
        "round %d/%d%s  loss %.3f%s%s  maxvio %.2f  %s tok/s  %s left",
        round,
        rounds,
        bar,
        loss,
        held,
        evenness,
        maxVio,
        Quantity.count(speed),
        Quantity.duration(left));
  }
}
