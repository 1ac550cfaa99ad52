package org.metier.analysis;

import static org.metier.analysis.SparkForTests.SPARK;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;

/** The tables beside {@link Tables}, of a small token log; written as analyze writes them. */
final class Details {
  private Details() {}

  /** A step of a run: three domains, two layers, eight experts of which each domain prefers two. */
  static void write(Path directory, String run, long step) {
    TokenLog log = new TokenLog(8);
    for (int t = 0; t < 1200; t++) {
      int domain = t / 20 % 3;
      int favourite = 2 * domain + t % 2;
      int other = (favourite + 1 + t * 7 % 5) % 8;
      int[] experts = t % 5 == 0 ? new int[] {other, favourite} : new int[] {favourite, other};
      log.token(t / 20, List.of("css", "java", "sql").get(domain), t % 30, t % 2, experts, experts);
    }
    Tables tables = log.tables();
    TableDirectory target = new TableDirectory(SPARK, directory.toString());
    target.write(
        Coactivation.TABLE, run, step, Coactivation.rows(log.pairs(), tables), Coactivation.SCHEMA);
    target.write(
        RoutingFlow.TABLE, run, step, RoutingFlow.rows(log.flow(), tables), RoutingFlow.SCHEMA);
    Vocabulary vocabulary =
        Vocabulary.of(log.vocabularyCounts(), log.vocabulary(), 8, AnalyzeConfig.DEFAULT);
    target.write(Vocabulary.TABLE, run, step, vocabulary.rows(), Vocabulary.SCHEMA);
    target.write(
        Vocabulary.SUMMARY_TABLE, run, step, vocabulary.summary(), Vocabulary.SUMMARY_SCHEMA);
    target.write(Independence.TABLE, run, step, Independence.rows(tables), Independence.SCHEMA);
    target.write(
        ExpertClusters.TABLE,
        run,
        step,
        ExpertClusters.rows(SPARK, tables, 1),
        ExpertClusters.SCHEMA);
    List<Row> routers = new ArrayList<>();
    for (int e = 0; e < 16; e++) {
      Double[] weights = {Math.sin(e), Math.cos(2.0 * e), e % 3 - 1.0};
      routers.add(RowFactory.create(e / 8, e % 8, weights));
    }
    target.write(
        RouterMap.TABLE,
        run,
        step,
        RouterMap.rows(SPARK, TokenLog.frame(routers, RouterMap.ROUTERS)),
        RouterMap.SCHEMA);
    target.write(Saturation.TABLE, run, step, saturation(step), Saturation.SCHEMA);
    target.write(ExpertAblation.TABLE, run, step, ablation(tables), ExpertAblation.SCHEMA);
  }

  /** Two earlier checkpoints, the later one closer. */
  private static List<Row> saturation(long step) {
    List<Row> overlap = new ArrayList<>();
    List<Row> choices = new ArrayList<>();
    for (int part = 1; part <= 2; part++) {
      for (int layer = 0; layer < 3; layer++) {
        for (int k = 1; k <= 2; k++) {
          long common = 300L * part * k + 20 * layer;
          overlap.add(
              RowFactory.create(
                  step / 4 * part, layer, k, 1000L, 50L, common, common * common / 50 + 40));
        }
        for (int cell = 0; cell < 16; cell++) {
          choices.add(
              RowFactory.create(
                  step / 4 * part, layer, "d" + cell / 8, cell % 8, 10L + cell * part % 7));
        }
      }
    }
    return Saturation.rows(overlap, choices, 8);
  }

  private static List<Row> ablation(Tables tables) {
    ExpertAblation ablation = new ExpertAblation(tables, 1);
    List<Row> losses = new ArrayList<>();
    for (Map.Entry<String, int[][]> variant : ablation.variants().entrySet()) {
      for (long s = 0; s < 12; s++) {
        String domain = List.of("css", "java", "sql").get((int) s % 3);
        boolean own = variant.getKey().endsWith(domain);
        int missing = 8 - variant.getValue()[0].length;
        double loss = 20 * (3 + (own ? 0.01 : 0.1) * missing) + 0.1 * s * missing;
        losses.add(RowFactory.create(variant.getKey(), s, domain, 20L, loss));
      }
    }
    return ablation.rows(losses);
  }
}
