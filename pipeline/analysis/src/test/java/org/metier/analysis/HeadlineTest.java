package org.metier.analysis;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class HeadlineTest {

  @Test
  void namesTheExpertThatIsMostADomainsOwn() {
    // Expert 0 belongs to a, expert 1 to b and everyone uses expert 2; k = 1.
    LayerRouting routing =
        new HandMade()
            .segment(0, "a", 10, 6, 0, 4)
            .segment(1, "b", 10, 0, 6, 4)
            .segment(2, "a", 10, 6, 0, 4)
            .segment(3, "b", 10, 0, 6, 4)
            .routing();
    Headline headline = headline(List.of(routing), List.of());
    assertThat(headline.bestPerDomain())
        .extracting(Headline.TopExpert::expert)
        .containsExactly(0, 1);
    assertThat(headline.bestPerDomain().get(0).words())
        .isEqualTo("layer 0 expert 0 takes 60 % of its tokens (2.0x its share overall)");
  }

  @Test
  void textIsShortHoweverManyLayersAndDomains() {
    List<LayerRouting> layers = new ArrayList<>();
    List<DomainLoss> losses = new ArrayList<>();
    for (int l = 0; l < 48; l++) {
      List<Segment> segments = new ArrayList<>();
      for (int d = 0; d < 30; d++) {
        long[] counts = new long[30];
        counts[(d + l) % 30] = 7;
        counts[(d + l + 1 + d % 3) % 30] += 7;
        segments.add(
            new Segment(
                d,
                "a-domain-with-a-long-name-" + d,
                7,
                counts,
                new double[30],
                3,
                new long[30],
                counts));
      }
      layers.add(LayerRouting.of(l, segments));
    }
    for (int d = 0; d < 30; d++) {
      losses.add(new DomainLoss("a-domain-with-a-long-name-" + d, 1_234_567, 2, 7.4, 1, 5, 3));
    }
    losses.add(new DomainLoss("all", 1_234_567, 2, 7.4, 1, 5, 3));
    String text = headline(layers, losses).text();
    assertThat(text.lines()).hasSizeLessThanOrEqualTo(25).allMatch(line -> line.length() <= 135);
    assertThat(text).contains("... and 22 more domains", "... and 40 more layers");
    assertThat(text.lines().filter(line -> line.startsWith("all "))).hasSize(1);
  }

  @Test
  void saysWhatThereIsWhenTablesAreMissing() {
    assertThat(new Headline(List.of(), List.of(), List.of()).text()).isEqualTo("\n");
    String text =
        new Headline(List.of(), List.of(), List.of(new DomainLoss("all", 5, 2, 7.4, 1, 5, 3)))
            .text();
    assertThat(text).contains("all", "2.000", "5.000", "3.000");
  }

  private static Headline headline(List<LayerRouting> layers, List<DomainLoss> losses) {
    AnalyzeConfig config = new AnalyzeConfig(100_000, 20, 20, 1);
    Tables.Builder tables = new Tables.Builder();
    for (LayerRouting layer : layers) {
      ExpertDomain.of(layer, config).forEach(row -> tables.add(ExpertDomain.TABLE, row.toRow()));
      tables.add(LayerSummary.TABLE, LayerSummary.of(layer, config).toRow());
    }
    losses.forEach(tables::add);
    return Headline.of(tables.build(null));
  }
}
