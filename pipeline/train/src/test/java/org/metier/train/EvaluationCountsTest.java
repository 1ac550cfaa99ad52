package org.metier.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.metier.engine.tensor.ParameterLayout;
import org.metier.model.Parameters;
import org.metier.train.TrainConfig.Window;

/** What evaluation counts, held against a naive recount of the trace, token by token. */
class EvaluationCountsTest {
  private static final long SEQUENCES = 30;

  @TempDir static Path directory;
  private static String data;
  private static TrainConfig config;
  private static Checkpoint.Loaded first;
  private static Checkpoint.Loaded last;
  private static List<Row> trace;

  @BeforeAll
  static void trainAndTrace() throws IOException {
    data = TrainFixture.prepared(directory);
    config = TrainFixture.train(data, 2, 2, 4, Window.ROUND);
    RunDirectory run =
        new RunDirectory(directory + "/run", new org.apache.hadoop.conf.Configuration());
    new Training(
            TrainFixture.spark(),
            "counts",
            run,
            TrainFixture.engine(),
            TrainFixture.model(),
            config,
            TrainFixture.silent())
        .run(false);
    List<org.apache.hadoop.fs.Path> checkpoints = run.checkpoints();
    first = Checkpoint.read(run, checkpoints.get(0));
    last = Checkpoint.read(run, checkpoints.get(checkpoints.size() - 1));
    assertThat(Checkpoint.step(run, checkpoints.get(0))).isEqualTo(first.header().step());
    try (Evaluation evaluation = evaluation(8)) {
      trace = evaluation.trace().collectAsList();
    }
  }

  private static Evaluation evaluation(int taskBatches) {
    return new Evaluation(
        TrainFixture.spark(),
        data,
        last,
        TrainFixture.engine(),
        config,
        SEQUENCES,
        taskBatches,
        done -> {});
  }

  @Test
  void theTraceHasEveryTokenInEveryLayer() {
    int layers = TrainFixture.model().numLayers();
    assertThat(trace).hasSize((int) SEQUENCES * TrainFixture.LENGTH * layers);
    for (Row row : trace) {
      List<Float> gates = row.getList(9);
      assertThat(gates.stream().mapToDouble(Float::doubleValue).sum()).isCloseTo(1, within(1e-6));
      assertThat(row.getList(8)).doesNotHaveDuplicates().hasSize(2);
      assertThat(row.getInt(5)).isBetween(0, TrainFixture.VOCABULARY - 1);
    }
  }

  @Test
  void pairsVocabularyAndFlowAreThoseOfTheTrace() {
    try (Evaluation evaluation = evaluation(2)) {
      assertThat(counts(evaluation.pairCounts())).isEqualTo(naivePairs());
      assertThat(counts(evaluation.vocabularyCounts())).isEqualTo(naiveVocabulary());
      assertThat(counts(evaluation.flowCounts())).isEqualTo(naiveFlow());
      assertThat(classCounts(evaluation)).isEqualTo(naiveClasses(evaluation));
    }
  }

  /** Tasks of one batch and of all, which two executors' slots share in other ways. */
  @Test
  void howTheWorkIsCutShowsInNoBit() {
    List<List<String>> results = new ArrayList<>();
    for (int taskBatches : new int[] {1, 3, 100}) {
      try (Evaluation evaluation = evaluation(taskBatches)) {
        List<String> rows = new ArrayList<>();
        for (Dataset<Row> table :
            List.of(
                evaluation.sequenceRouting(),
                evaluation.sequenceLoss(),
                evaluation.tokenCounts(),
                evaluation.pairCounts(),
                evaluation.vocabularyCounts(),
                evaluation.flowCounts())) {
          table.collectAsList().stream().map(Row::toString).sorted().forEach(rows::add);
        }
        results.add(rows);
      }
    }
    assertThat(results.get(1)).isEqualTo(results.get(0));
    assertThat(results.get(2)).isEqualTo(results.get(0));
  }

  @Test
  void aCheckpointHasAllOfItsOwnRouting() {
    RoutingDrift drift = drift(last, last);
    for (Row row : drift.overlap()) {
      assertThat(row.getLong(5)).isEqualTo(row.getInt(2) * row.getLong(3));
      // all sequences alike: Σ o² = S · (k·T)²
      long own = (long) row.getInt(2) * TrainFixture.LENGTH;
      assertThat(row.getLong(6)).isEqualTo(SEQUENCES * own * own);
    }
  }

  @Test
  void overlapIsSymmetricAndThatOfTheTraces() {
    List<Row> forth = drift(last, first).overlap();
    List<Row> back = drift(first, last).overlap();
    Map<String, long[]> naive = naiveOverlap();
    for (int i = 0; i < forth.size(); i++) {
      Row row = forth.get(i);
      long[] expected = naive.get(row.getInt(1) + " " + row.getInt(2));
      assertThat(row.getLong(0)).isEqualTo(first.header().step());
      assertThat(row.getLong(3)).isEqualTo(SEQUENCES * TrainFixture.LENGTH);
      assertThat(new long[] {row.getLong(5), row.getLong(6)}).isEqualTo(expected);
      assertThat(back.get(i).getLong(5)).isEqualTo(row.getLong(5));
      assertThat(row.getLong(5)).isLessThan(row.getInt(2) * row.getLong(3));
    }
  }

  @Test
  void keepingAllExpertsIsThePlainEvaluation() {
    int[][] all = {{0, 1, 2, 3}, {0, 1, 2, 3}};
    List<Row> kept = ablated(last, new AblatedLosses.Kept("all", all));
    TreeMap<String, Double> expected = new TreeMap<>();
    for (Row row : trace) {
      if (row.getInt(7) == 0) {
        expected.merge(row.getLong(0) + row.getString(2), row.getDouble(6), Double::sum);
      }
    }
    assertThat(kept).hasSameSizeAs(expected.keySet());
    for (Row row : kept) {
      // the same losses, added up in the same order
      assertThat(row.getDouble(4)).isEqualTo(expected.get(row.getLong(1) + row.getString(2)));
    }
  }

  /** The weights of experts that are kept out are never read: noise in them changes no bit. */
  @Test
  void expertsThatAreKeptOutHaveNoInfluence() {
    for (int[] experts : new int[][] {{1, 3}, {2}}) {
      AblatedLosses.Kept kept = new AblatedLosses.Kept("some", new int[][] {experts, experts});
      Checkpoint.Loaded noisy = withNoiseInExpert(0);
      assertThat(ablated(noisy, kept)).isEqualTo(ablated(last, kept));
      assertThat(ablated(withNoiseInExpert(experts[0]), kept)).isNotEqualTo(ablated(last, kept));
    }
  }

  @Property(tries = 200)
  void countMapIsAMap(
      @ForAll @Size(max = 500) List<@IntRange(max = 60) Integer> keys, @ForAll long salt) {
    CountMap counts = new CountMap();
    Map<Long, Long> expected = new HashMap<>();
    for (int key : keys) {
      long spread = (key * (salt | 1)) >>> 1; // any non-negative key
      counts.add(spread, key + 1);
      expected.merge(spread, key + 1L, Long::sum);
    }
    CountMap twice = new CountMap();
    twice.addAll(counts);
    twice.addAll(counts);
    Map<Long, Long> found = new HashMap<>();
    twice.forEach(found::put);
    expected.replaceAll((key, count) -> 2 * count);
    assertThat(found).isEqualTo(expected);
    assertThat(twice.size()).isEqualTo(expected.size());
  }

  @Test
  void tokenClasses() {
    assertThat(TokenClass.of(" the")).isEqualTo(TokenClass.WORD);
    assertThat(TokenClass.of("get")).isEqualTo(TokenClass.WORD_PART);
    assertThat(TokenClass.of(" 12")).isEqualTo(TokenClass.NUMBER);
    assertThat(TokenClass.of("](")).isEqualTo(TokenClass.BRACKET);
    assertThat(TokenClass.of(" +=")).isEqualTo(TokenClass.PUNCTUATION);
    assertThat(TokenClass.of("\n\t ")).isEqualTo(TokenClass.WHITESPACE);
    assertThat(TokenClass.of("é")).isEqualTo(TokenClass.NOT_ASCII);
    assertThat(TokenClass.of("a.b")).isEqualTo(TokenClass.MIXED);
  }

  private static RoutingDrift drift(Checkpoint.Loaded reference, Checkpoint.Loaded other) {
    return RoutingDrift.between(
        TrainFixture.spark(),
        data,
        reference,
        other,
        TrainFixture.engine(),
        config,
        SEQUENCES,
        done -> {});
  }

  private static List<Row> ablated(Checkpoint.Loaded checkpoint, AblatedLosses.Kept kept) {
    return AblatedLosses.of(
        TrainFixture.spark(),
        data,
        checkpoint,
        TrainFixture.engine(),
        config,
        List.of(kept),
        SEQUENCES,
        done -> {});
  }

  private static Checkpoint.Loaded withNoiseInExpert(int expert) {
    TrainState s = last.state();
    Map<Block, float[]> blocks = new HashMap<>(s.blocks());
    float[] values = s.values().clone();
    ParameterLayout layout = Parameters.layout(TrainFixture.model());
    for (int l = 0; l < TrainFixture.model().numLayers(); l++) {
      ParameterLayout.Slice down = layout.slice(Parameters.expert(l, expert, "down_proj"));
      for (int i = 0; i < down.size(); i++) {
        values[down.offset() + i] += 0.1f;
      }
    }
    blocks.put(Block.VALUE, values);
    return new Checkpoint.Loaded(
        last.header(),
        new TrainState(s.round(), s.step(), s.position(), s.momentSteps(), blocks, s.frequencies()),
        last.history());
  }

  /** All columns but the last, which is the count; rows that there are several of add up. */
  private static TreeMap<String, Long> counts(Dataset<Row> rows) {
    TreeMap<String, Long> counts = new TreeMap<>();
    for (Row row : rows.collectAsList()) {
      String[] key = new String[row.size() - 1];
      for (int i = 0; i < key.length; i++) {
        key[i] = String.valueOf(row.get(i));
      }
      counts.merge(String.join(" ", key), row.getLong(key.length), Long::sum);
    }
    return counts;
  }

  private static TreeMap<String, Long> naivePairs() {
    TreeMap<String, Long> counts = new TreeMap<>();
    for (Row row : trace) {
      int[] e = experts(row);
      Arrays.sort(e);
      counts.merge(row.getInt(7) + " " + e[0] + " " + e[1], 1L, Long::sum);
    }
    return counts;
  }

  private static TreeMap<String, Long> naiveVocabulary() {
    TreeMap<String, Long> counts = new TreeMap<>();
    String[] kinds = {"input", "target", "predicted"};
    for (Row row : trace) {
      for (int kind = 0; kind < 3; kind++) {
        String key =
            "%d %s %d %d"
                .formatted(row.getInt(7), kinds[kind], experts(row)[0], row.getInt(3 + kind));
        counts.merge(key, 1L, Long::sum);
      }
    }
    return counts;
  }

  private static TreeMap<String, Long> naiveFlow() {
    Map<String, int[]> byPlace = new HashMap<>();
    for (Row row : trace) {
      byPlace.put(row.getLong(0) + " " + row.getInt(1) + " " + row.getInt(7), experts(row));
    }
    TreeMap<String, Long> counts = new TreeMap<>();
    for (Row row : trace) {
      int[] next =
          byPlace.getOrDefault(
              row.getLong(0) + " " + row.getInt(1) + " " + (row.getInt(7) + 1), new int[0]);
      for (int from : experts(row)) {
        for (int to : next) {
          counts.merge(
              row.getInt(7) + " " + from + " " + to + " " + row.getString(2), 1L, Long::sum);
        }
      }
    }
    return counts;
  }

  /** By layer, class and expert. */
  private static TreeMap<String, Long> classCounts(Evaluation evaluation) {
    TreeMap<String, Long> counts = new TreeMap<>();
    for (Row row : evaluation.sequenceRouting().collectAsList()) {
      List<Long> classTokens = row.getList(row.fieldIndex("class_tokens"));
      for (int i = 0; i < classTokens.size(); i++) {
        if (classTokens.get(i) > 0) {
          String name = evaluation.tokenClasses().get(i / 4);
          counts.merge(row.getInt(2) + " " + name + " " + i % 4, classTokens.get(i), Long::sum);
        }
      }
    }
    return counts;
  }

  private static TreeMap<String, Long> naiveClasses(Evaluation evaluation) {
    Map<Integer, String> texts = new HashMap<>();
    for (Row row : evaluation.vocabulary().collectAsList()) {
      texts.put(row.getInt(0), row.getString(1));
    }
    TreeMap<String, Long> counts = new TreeMap<>();
    for (Row row : trace) {
      String text = texts.get(row.getInt(3));
      TokenClass of = text.equals("<|endoftext|>") ? TokenClass.SEPARATOR : TokenClass.of(text);
      for (int expert : experts(row)) {
        counts.merge(
            row.getInt(7) + " " + TokenClass.names().get(of.ordinal()) + " " + expert,
            1L,
            Long::sum);
      }
    }
    return counts;
  }

  /** Σ o and Σ o² by layer and k, from the traces of both checkpoints. */
  private static Map<String, long[]> naiveOverlap() {
    Map<String, int[]> others = new HashMap<>();
    try (Evaluation evaluation =
        new Evaluation(
            TrainFixture.spark(),
            data,
            first,
            TrainFixture.engine(),
            config,
            SEQUENCES,
            done -> {})) {
      for (Row row : evaluation.trace().collectAsList()) {
        others.put(row.getLong(0) + " " + row.getInt(1) + " " + row.getInt(7), experts(row));
      }
    }
    Map<String, Long> bySequence = new HashMap<>();
    for (Row row : trace) {
      int[] a = experts(row);
      int[] b = others.get(row.getLong(0) + " " + row.getInt(1) + " " + row.getInt(7));
      for (int k = 1; k <= a.length; k++) {
        List<Integer> ofB = Arrays.stream(b).limit(k).boxed().toList();
        long common = Arrays.stream(a).limit(k).filter(ofB::contains).count();
        bySequence.merge(row.getInt(7) + " " + k + " " + row.getLong(0), common, Long::sum);
      }
    }
    Map<String, long[]> sums = new HashMap<>();
    bySequence.forEach(
        (key, own) -> {
          long[] sum =
              sums.computeIfAbsent(key.substring(0, key.lastIndexOf(' ')), k -> new long[2]);
          sum[0] += own;
          sum[1] += own * own;
        });
    return sums;
  }

  private static int[] experts(Row row) {
    List<Integer> experts = row.getList(8);
    return experts.stream().mapToInt(Integer::intValue).toArray();
  }
}
