package org.metier.analysis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.metier.analysis.SparkForTests.SPARK;
import static org.metier.analysis.Synthetic.SMALL;

import java.util.ArrayList;
import java.util.List;
import org.apache.spark.SparkConf;
import org.apache.spark.serializer.KryoSerializer;
import org.apache.spark.serializer.SerializerInstance;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.junit.jupiter.api.Test;
import scala.reflect.ClassTag$;

class AnalysisTest {
  private static final AnalyzeConfig CONFIG = new AnalyzeConfig(100_000, 100, 100, 7);

  @Test
  void specialisedRoutingIsFoundAndGrowsWithDepth() {
    List<LayerSummary> layers = SMALL.tables(2).layerSummary();
    assertThat(layers).hasSize(3);
    assertThat(layers)
        .allSatisfy(
            layer -> {
              assertThat(layer.mutualInformation()).isGreaterThan(layer.permutationQ99());
              assertThat(layer.permutationP()).isEqualTo(1.0 / 101);
              assertThat(layer.tokens()).isEqualTo(80 * 32);
            });
    assertThat(layers.get(2).mutualInformation()).isGreaterThan(layers.get(0).mutualInformation());
  }

  @Test
  void routingThatIgnoresTheDomainLiesWithinItsNull() {
    assertThat(SMALL.tables(0).layerSummary())
        .allSatisfy(
            layer -> assertThat(layer.mutualInformation()).isLessThan(layer.permutationQ99()));
  }

  @Test
  void partitioningAndOrderChangeNoBit() {
    Tables once = SMALL.tables(1.5);
    Analysis analysis = new Analysis(SPARK, CONFIG);
    Tables again =
        analysis.tables(
            Synthetic.routingFrame(Synthetic.shuffled(SMALL.routing(1.5), 3)).repartition(7),
            Synthetic.lossFrame(Synthetic.shuffled(SMALL.losses(), 4)).repartition(5),
            Synthetic.countFrame(Synthetic.shuffled(SMALL.counts(), 5)).repartition(3),
            Synthetic.CLASSES);
    assertThat(again.expertDomain()).isEqualTo(once.expertDomain());
    assertThat(again.expertLoad()).isEqualTo(once.expertLoad());
    assertThat(again.expertTokenClass()).isNotEmpty().isEqualTo(once.expertTokenClass());
    assertThat(again.layerSummary()).isEqualTo(once.layerSummary());
    assertThat(again.domainLoss()).isEqualTo(once.domainLoss());
  }

  @Test
  void lossPerDomainAndOverAll() {
    List<Row> losses =
        List.of(
            RowFactory.create(0L, "a", 10L, 20.0, 30L),
            RowFactory.create(1L, "a", 30L, 20.0, 50L),
            RowFactory.create(1L, "b", 10L, 50.0, 10L));
    List<Row> counts =
        List.of(
            RowFactory.create("a", 1, 20L),
            RowFactory.create("a", 2, 10L),
            RowFactory.create("a", 2, 10L),
            RowFactory.create("b", 2, 10L));
    Tables tables =
        new Analysis(SPARK, CONFIG)
            .tables(
                Synthetic.routingFrame(SMALL.routing(1)),
                Synthetic.lossFrame(losses),
                Synthetic.countFrame(counts),
                Synthetic.CLASSES);
    assertThat(tables.domainLoss()).extracting(DomainLoss::domain).containsExactly("a", "b", "all");
    DomainLoss a = tables.domainLoss().get(0);
    assertThat(a.tokens()).isEqualTo(40);
    assertThat(a.loss()).isEqualTo(1.0);
    assertThat(a.perplexity()).isCloseTo(Math.E, within(1e-12));
    assertThat(a.bitsPerByte()).isCloseTo(0.5 / Math.log(2), within(1e-12));
    assertThat(a.unigramEntropy()).isCloseTo(Math.log(2), within(1e-12));
    assertThat(a.gain()).isCloseTo(Math.log(2) - 1, within(1e-12));
    assertThat(tables.domainLoss().get(1).unigramEntropy()).isZero();
    DomainLoss all = tables.domainLoss().get(2);
    assertThat(all.loss()).isEqualTo(90.0 / 50);
    // Pooled counts (20, 30) of 50.
    assertThat(all.unigramEntropy())
        .isCloseTo(-(0.4 * Math.log(0.4) + 0.6 * Math.log(0.6)), within(1e-12));
  }

  @Test
  void aMissingColumnIsNamed() {
    Dataset<Row> routing = Synthetic.routingFrame(SMALL.routing(1));
    assertThatThrownBy(() -> tables(routing.drop("gate_mass")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "sequence_routing lacks the column gate_mass (array<double>);"
                + " it has sequence, domain, layer, tokens, expert_tokens, score_sum,"
                + " dropped, class_tokens");
    assertThatThrownBy(() -> tables(routing.withColumn("tokens", routing.col("layer"))))
        .hasMessage("sequence_routing.tokens is int, must be bigint");
  }

  @Test
  void contradictingRowsAreNamed() {
    List<Row> good = SMALL.routing(1);
    assertRejected(
        with(good, good.get(4)),
        "sequence_routing has two rows for sequence 1, domain dictionary, layer 1");
    assertRejected(
        with(good, routingRow("css", 2, 1, 1, 1, 0, 0, 0, 0, 0)),
        "sequence_routing, sequence 999, domain css, layer 0: expert_tokens sum to 3, expected 2"
            + " experts for each of 2 tokens");
    assertRejected(
        with(good, routingRow("css", 2, 2, 2)),
        "sequence_routing, sequence 999, domain css, layer 0: 2 expert_tokens and 2 gate_mass,"
            + " expected 8 of each");
    assertRejected(
        with(good, routingRow("css", 2, 3, 1, 0, 0, 0, 0, 0, 0)),
        "sequence_routing, sequence 999, domain css, layer 0: an expert has 3 of 2 tokens");
    assertRejected(
        with(good, routingRow("all", 2, 2, 2, 0, 0, 0, 0, 0, 0)),
        "sequence_routing, sequence 999, domain all, layer 0: this name is kept for all domains"
            + " together");
  }

  @Test
  void segmentsPassThroughKryo() {
    SerializerInstance kryo = new KryoSerializer(new SparkConf()).newInstance();
    Segment segment =
        new Segment(
            5,
            "css",
            2,
            new long[] {2, 0},
            new double[] {1.5, 0},
            1.5,
            new long[2],
            new long[] {1, 0, 1, 0});
    var tag = ClassTag$.MODULE$.<Segment>apply(Segment.class);
    Segment back = kryo.deserialize(kryo.serialize(segment, tag), tag);
    assertThat(back).usingRecursiveComparison().isEqualTo(segment);
  }

  private static void assertRejected(List<Row> rows, String message) {
    assertThatThrownBy(() -> tables(Synthetic.routingFrame(rows)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(message);
  }

  private static Tables tables(Dataset<Row> routing) {
    return new Analysis(SPARK, CONFIG)
        .tables(
            routing,
            Synthetic.lossFrame(SMALL.losses()),
            Synthetic.countFrame(SMALL.counts()),
            Synthetic.CLASSES);
  }

  private static List<Row> with(List<Row> rows, Row row) {
    List<Row> more = new ArrayList<>(rows);
    more.add(row);
    return more;
  }

  private static Row routingRow(String domain, long tokens, long... expertTokens) {
    Long[] counts = new Long[expertTokens.length];
    Double[] mass = new Double[expertTokens.length];
    for (int e = 0; e < counts.length; e++) {
      counts[e] = expertTokens[e];
      mass[e] = 0.5;
    }
    return RowFactory.create(
        999L, domain, 0, tokens, counts, mass, 1.0, new long[counts.length], twice(counts));
  }

  /** Of two classes, the first of which has all tokens. */
  private static Long[] twice(Long[] counts) {
    Long[] classes = java.util.Arrays.copyOf(counts, 2 * counts.length);
    java.util.Arrays.fill(classes, counts.length, classes.length, 0L);
    return classes;
  }
}
