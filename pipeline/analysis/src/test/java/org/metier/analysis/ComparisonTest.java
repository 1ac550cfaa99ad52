package org.metier.analysis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class ComparisonTest {
  /** Two seeds of two cells: the seeds differ more than the cells do. */
  private final Comparison comparison =
      new Comparison(
          List.of(
              run("micro", 1, 4.0, 0.1),
              run("micro", 2, 4.4, 0.2),
              run("global", 1, 3.9, 0.4),
              run("global", 2, 4.2, 0.3)),
          "micro");

  /** t(0.975) with 2 degrees of freedom is 4.302653 (any table), s = 1. */
  @Test
  void theIntervalIsStudents() {
    Spread spread = Spread.of(new double[] {1, 2, 3});
    assertThat(spread.mean()).isEqualTo(2);
    assertThat(spread.halfWidth()).isCloseTo(4.302653 / Math.sqrt(3), within(1e-6));
    assertThat(spread.words(3)).isEqualTo("2.000 ± 2.484");
    assertThat(Spread.of(new double[] {5}).words(1)).isEqualTo("5.0");
  }

  @Test
  void differencesAreTakenSeedBySeed() {
    Comparison.Difference difference = comparison.differences().get(0);
    assertThat(difference.cell()).isEqualTo("global");
    assertThat(difference.loss()).containsExactly(new double[] {-0.1, -0.2}, within(1e-12));
    assertThat(difference.lower()).isEqualTo(2);
    assertThat(difference.informationRatio()).containsExactly(new double[] {4, 1.5}, within(1e-12));
    assertThat(difference.atLeastTwice()).isEqualTo(1);
    assertThat(Comparison.geometricMean(difference.informationRatio()))
        .isCloseTo(Math.sqrt(6), within(1e-12));
  }

  @Test
  void markdownHasALineForEachCellAndItsDifference() {
    assertThat(comparison.markdown())
        // mean 4.2, s = 0.2828, t(0.975, 1) = 12.706, so 12.706 · 0.2828 / √2
        .contains("| micro | 4.200 ± 2.541 | 0.150 ± 0.635 |")
        .contains("| global | -0.1500 ± 0.6353 | 2 of 2 | 2.45× (1.50 to 4.00) | 1 of 2 |")
        .contains("|  | java | python |");
  }

  /** The late rounds count, and one slow round does not make a slow step. */
  @Test
  void aCurveIsReadAtItsEnd() {
    TrainingCurve curve = run("micro", 1, 4, 0.1).training();
    assertThat(TrainingCurve.late(curve.maxVioBatch())).isEqualTo(0.25);
    assertThat(curve.secondsPerStep()).isCloseTo(0.5, within(1e-12));
    assertThat(curve.tokensSeen()).isEqualTo(400);
  }

  @Test
  void thePageHoldsEveryRunAndNoMarkupOfNames() {
    Comparison named =
        new Comparison(List.of(run("<b>", 1, 4, 0.1), run("other", 1, 4.1, 0.2)), "<b>");
    assertThat(ComparisonPage.html(named, "A & B"))
        .contains("<title>A &amp; B", "\\u003cb>", "\"loss\":4.1", "loses 0.1000 nats more")
        .doesNotContain("<b><b>");
  }

  @Test
  void aBaselineThatIsNoCellIsRefused() {
    assertThatThrownBy(() -> new Comparison(List.of(run("micro", 1, 4, 0.1)), "x"))
        .hasMessage("baseline must be one of [micro]");
  }

  private static ComparedRun run(String cell, long seed, double loss, double information) {
    Tables.Builder rows = new Tables.Builder();
    for (String domain : List.of("java", "python", RoutingSchema.ALL_DOMAINS)) {
      rows.add(new DomainLoss(domain, 100, loss, Math.exp(loss), 1.5, 7, 7 - loss));
    }
    rows.add(LayerSummary.TABLE, layer(information).toRow());
    Tables tables = rows.build(SparkForTests.SPARK);
    double[] four = {0, 0, 0, 0.25};
    TrainingCurve curve =
        new TrainingCurve(
            new double[] {10, 20, 30, 40},
            new double[] {100, 100, 100, 100},
            new double[] {6, 5, 4.5, loss},
            four,
            four,
            new double[] {50, 5, 5, 5});
    return new ComparedRun(cell, seed, new ArrayList<>(), tables, curve);
  }

  private static LayerSummary layer(double information) {
    return new LayerSummary(
        0,
        100,
        4,
        2,
        information,
        information - 0.01,
        information + 0.01,
        0.1,
        information,
        0,
        0,
        0.01,
        1,
        0,
        0.2,
        0,
        0.7,
        0.5,
        0,
        0,
        0,
        0,
        0,
        0,
        0);
  }
}
