package org.metier.analysis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import org.junit.jupiter.api.Test;

/** Null experts and dropped tokens, by hand: two experts, two nulls, top-2. */
class SparseRoutingTest {
  private static final AnalyzeConfig CONFIG = new AnalyzeConfig(100, 20, 20, 1);

  private static Segment segment(String domain, long[] chosen, double[] mass, long... dropped) {
    return new Segment(domain.hashCode(), domain, 6, chosen, mass, 3, dropped, chosen);
  }

  /** Six tokens each: "a" needs both experts, "b" often none. */
  private static LayerRouting routing() {
    return LayerRouting.of(
        0,
        List.of(
            segment("a", new long[] {6, 4, 2, 0}, new double[] {3, 2, 0, 0}, 2, 0),
            segment("b", new long[] {1, 3, 2, 6}, new double[] {.5, 1.5, 0, 0}, 0, 1)));
  }

  @Test
  void dropsAreAddedUpByExpertAndByDomain() {
    List<ExpertLoad> load = ExpertLoad.of(routing());
    assertThat(load).extracting(ExpertLoad::dropped).containsExactly(2L, 1L, 0L, 0L);
    assertThat(load).extracting(ExpertLoad::tokens).containsExactly(7L, 7L, 4L, 6L);
    assertThat(load.stream().mapToDouble(ExpertLoad::share).sum()).isCloseTo(1, within(1e-12));
    assertThat(ExpertDomain.of(routing(), CONFIG))
        .extracting(row -> row.domain() + row.expert() + "=" + row.dropped())
        .containsExactly("a0=2", "b0=0", "a1=0", "b1=1", "a2=0", "b2=0", "a3=0", "b3=0");
  }

  @Test
  void loadIsThatOfTheExpertsAlone() {
    LayerSummary summary = LayerSummary.of(routing(), CONFIG);
    assertThat(summary.numExperts()).isEqualTo(2);
    assertThat(summary.topK()).isEqualTo(2);
    // 7 and 7 choices: even, however the nulls are chosen
    assertThat(summary.maxVio()).isZero();
    assertThat(summary.deadExperts()).isZero();
    assertThat(summary.highestDomainFrequency()).isEqualTo(1); // of "a" and expert 0; null 3 has 1
  }

  @Test
  void rowsThatDisagreeOnTheNullsAreRefused() {
    List<Segment> rows =
        List.of(
            segment("a", new long[] {6, 4, 2, 0}, new double[4], 0, 0),
            segment("b", new long[] {6, 4, 2, 0}, new double[4], 0, 0, 0));
    assertThatThrownBy(() -> LayerRouting.of(0, rows))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("domain b, layer 0: 3 dropped, expected 2");
  }
}
