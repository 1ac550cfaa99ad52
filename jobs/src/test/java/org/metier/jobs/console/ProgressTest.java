package org.metier.jobs.console;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ProgressTest {
  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
  private long nanos = 1_000_000_000L;

  @Test
  void aFileGetsALineEveryFiveSecondsAndOneAtTheEnd() {
    StatusLine status = status(false, 80);
    ProgressBar bar = new ProgressBar(status);
    bar.stage("encode", 2_000_000, "bytes");
    for (int second = 1; second <= 12; second++) {
      pass(second == 1 ? 0.5 : 1);
      bar.advance(second * 150_000L);
    }
    bar.done("7 domains");
    assertThat(lines())
        .containsExactly(
            "encode   45 %  900k/2.0M bytes  164k/s  0:07 left",
            "encode   82 %  1.7M/2.0M bytes  157k/s  0:02 left", "encode: 7 domains (0:12)");
  }

  @Test
  void aTerminalSeesOneLineDrawnAgain() {
    ProgressBar bar = new ProgressBar(status(true, 80));
    pass(1);
    bar.stage("merges", 100, "merges");
    pass(2);
    bar.advance(25);
    pass(0.05); // too soon to be seen
    bar.advance(26);
    pass(2);
    bar.advance(100);
    bar.done("4096 tokens");
    assertThat(text())
        .isEqualTo(
            "\rmerges  [------------------------]    0 %  0/100 merges  0/s\033[K"
                + "\rmerges  [######------------------]   25 %  25/100 merges  13/s  0:06 left\033[K"
                + "\rmerges  [########################]  100 %  100/100 merges  25/s  0:00 left\033[K"
                + "\r\033[Kmerges: 4096 tokens (0:04)"
                + System.lineSeparator());
  }

  @Test
  void anUnknownTotalShowsWhatIsDone() {
    ProgressBar bar = new ProgressBar(status(true, 80));
    bar.stage("read", 0, "documents");
    pass(2);
    bar.advance(3_000);
    assertThat(text()).isEqualTo("\rread  3.0k documents  1.5k/s\033[K");
  }

  @Test
  void slowWorkIsNotCalledStill() {
    ProgressBar bar = new ProgressBar(status(true, 80));
    bar.stage("compare", 0, "rounds");
    pass(5);
    bar.advance(2);
    assertThat(text()).isEqualTo("\rcompare  2 rounds  0.4/s\033[K");
  }

  @Test
  void aLineNeverWraps() {
    ProgressBar bar = new ProgressBar(status(true, 20));
    bar.stage("a stage with a long name", 10, "things");
    pass(1);
    bar.advance(5);
    assertThat(text()).isEqualTo("\ra stage with a long\033[K");
  }

  @Test
  void closingEndsALineThatWasOnlyDrawn() {
    StatusLine status = status(true, 80);
    pass(1);
    new ProgressBar(status).stage("read", 0, "files");
    status.close();
    status.close();
    assertThat(text()).endsWith("\033[K" + System.lineSeparator());
    assertThat(text()).containsOnlyOnce(System.lineSeparator());
  }

  @Test
  void trainingShowsLossBalanceSpeedAndTimeLeft() {
    TrainingProgress training = new TrainingProgress(status(true, 80));
    training.begin(60);
    for (int round = 1; round <= 12; round++) {
      pass(2.5);
      training.round(round, 4.312, 1.034, 0.41, 8_000);
    }
    assertThat(text())
        .endsWith(
            "\rround 12/60  loss 4.312  balance 1.03  maxvio 0.41  3.2k tok/s  2:00 left\033[K");
  }

  @Test
  void aValidationIsShownUntilTheNext() {
    for (int columns : new int[] {80, 100}) {
      bytes.reset();
      TrainingProgress training = new TrainingProgress(status(true, columns));
      training.begin(60);
      pass(2.5);
      training.validated(4.4);
      training.round(14, 4.312, 1.034, 0.41, 8_000);
      pass(2.5);
      training.round(15, 4.312, 1.034, 0.41, 8_000);
      String balance = columns == 80 ? "" : "  balance 1.03";
      assertThat(text())
          .endsWith(
              "\rround 15/60  loss 4.312  val 4.400"
                  + balance
                  + "  maxvio 0.41  3.2k tok/s  1:53 left\033[K");
    }
  }

  @Test
  void aNoticeStaysAndTheLineGoesOnBelow() {
    TrainingProgress training = new TrainingProgress(status(true, 80));
    training.begin(60);
    pass(2.5);
    training.round(14, 4.312, 1.034, 0.41, 8_000);
    training.notice("round 15 was odd");
    assertThat(text()).endsWith("\r\033[Kround 15 was odd" + System.lineSeparator());
  }

  @Test
  void aWideTerminalHasRoomForABar() {
    TrainingProgress training = new TrainingProgress(status(true, 120));
    training.begin(60);
    pass(2.5);
    training.round(15, 4.312, 1.034, 0.41, 8_000);
    assertThat(text()).contains("round 15/60  [#####---------------]  loss");
  }

  @Test
  void aResumedRunCountsItsOwnRoundsOnly() {
    TrainingProgress training = new TrainingProgress(status(false, 80));
    training.begin(60);
    pass(6);
    training.round(59, 3, 1, 0.2, 6_000);
    pass(4);
    training.round(60, 2.5, 1, 0.2, 6_000);
    assertThat(lines())
        .containsExactly(
            "round 59/60  loss 3.000  balance 1.00  maxvio 0.20  1.0k tok/s  0:06 left",
            "round 60/60  loss 2.500  balance 1.00  maxvio 0.20  1.2k tok/s  0:00 left");
  }

  @Test
  void speedFollowsTheLastRounds() {
    TrainingProgress training = new TrainingProgress(status(false, 80));
    training.begin(20);
    pass(100); // the first round compiles
    training.round(1, 3, 1, 0, 1_000);
    for (int round = 2; round <= 9; round++) {
      pass(5);
      training.round(round, 3, 1, 0, 1_000);
    }
    assertThat(lines()).last().asString().endsWith("200 tok/s  0:55 left");
  }

  @ParameterizedTest
  @CsvSource({
    "0, 0",
    "7, 7",
    "950, 950",
    "999, 999",
    "1000, 1.0k",
    "3249, 3.2k",
    "9960, 10k",
    "41400, 41k",
    "999499, 999k",
    "999500, 1.0M",
    "1.2e6, 1.2M",
    "2.5e9, 2.5G"
  })
  void countsAreShort(double amount, String expected) {
    assertThat(Quantity.count(amount)).isEqualTo(expected);
  }

  @ParameterizedTest
  @CsvSource({"0, 0:00", "7.4, 0:07", "59.6, 1:00", "130, 2:10", "3599, 59:59", "3723, 1:02:03"})
  void durations(double seconds, String expected) {
    assertThat(Quantity.duration(seconds)).isEqualTo(expected);
  }

  private StatusLine status(boolean interactive, int columns) {
    PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8);
    return new StatusLine(new Terminal(out, interactive, columns), () -> nanos);
  }

  private void pass(double seconds) {
    nanos += (long) (seconds * 1e9);
  }

  private String text() {
    return bytes.toString(StandardCharsets.UTF_8);
  }

  private List<String> lines() {
    return text().lines().toList();
  }
}
