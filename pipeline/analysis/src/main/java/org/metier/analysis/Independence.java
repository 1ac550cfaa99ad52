package org.metier.analysis;

import static org.apache.spark.sql.types.DataTypes.DoubleType;
import static org.apache.spark.sql.types.DataTypes.IntegerType;
import static org.apache.spark.sql.types.DataTypes.LongType;
import static org.apache.spark.sql.types.DataTypes.StringType;

import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import org.apache.spark.mllib.linalg.Matrices;
import org.apache.spark.mllib.stat.Statistics;
import org.apache.spark.mllib.stat.test.ChiSqTestResult;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.StructType;

/**
 * The table {@code independence}: Pearson's chi-square test, by layer, of expert against {@code
 * domain} and against {@code token_class}.
 *
 * <p>The test takes choices as independent, which the tokens of one text are not: its {@code
 * p_value} is far too small and only {@code layer_summary.permutation_p} is to be trusted. What the
 * table is for is {@code cramers_v}, the size of the effect: 0 = independent, 1 = one determines
 * the other; corrected for the bias of small tables (Bergsma 2013, A bias-correction for Cramér's V
 * and Tschuprow's T).
 *
 * <p>Experts, domains and classes without a choice are left out.
 */
public final class Independence {
  public static final String TABLE = "independence";

  public static final StructType SCHEMA =
      new StructType()
          .add("layer", IntegerType, false)
          .add("factor", StringType, false)
          .add("choices", LongType, false)
          .add("chi_square", DoubleType, false)
          .add("degrees_of_freedom", IntegerType, false)
          .add("p_value", DoubleType, false)
          .add("cramers_v", DoubleType, false);

  private Independence() {}

  /** Rows by layer and factor. */
  public static List<Row> rows(Tables tables) {
    List<Row> rows = new ArrayList<>();
    for (LayerSummary layer : tables.layerSummary()) {
      int columns = tables.expertTokens(layer.layer()).length; // experts, then null experts
      TreeMap<String, long[]> domains = new TreeMap<>();
      for (ExpertDomain row : tables.expertDomain()) {
        if (row.layer() == layer.layer()) {
          domains.computeIfAbsent(row.domain(), d -> new long[columns])[row.expert()] =
              row.tokens();
        }
      }
      TreeMap<String, long[]> classes = new TreeMap<>();
      for (ExpertTokenClass row : tables.expertTokenClass()) {
        if (row.layer() == layer.layer()) {
          classes.computeIfAbsent(row.tokenClass(), c -> new long[columns])[row.expert()] =
              row.tokens();
        }
      }
      rows.add(row(layer.layer(), "domain", domains.values().toArray(new long[0][])));
      if (!classes.isEmpty()) {
        rows.add(row(layer.layer(), "token_class", classes.values().toArray(new long[0][])));
      }
    }
    return rows;
  }

  /**
   * @param counts [r][E]
   */
  static Row row(int layer, String factor, long[][] counts) {
    long[][] table = occupied(counts);
    int r = table.length;
    int c = r == 0 ? 0 : table[0].length;
    long choices = 0;
    double[] columnMajor = new double[r * c];
    for (int i = 0; i < r; i++) {
      for (int j = 0; j < c; j++) {
        choices += table[i][j];
        columnMajor[j * r + i] = table[i][j];
      }
    }
    if (r < 2 || c < 2) {
      return RowFactory.create(layer, factor, choices, 0.0, 0, 1.0, 0.0);
    }
    ChiSqTestResult test = Statistics.chiSqTest(Matrices.dense(r, c, columnMajor));
    return RowFactory.create(
        layer,
        factor,
        choices,
        test.statistic(),
        test.degreesOfFreedom(),
        test.pValue(),
        cramersV(test.statistic(), choices, r, c));
  }

  private static double cramersV(double chiSquare, double n, int r, int c) {
    double phi = Math.max(0, chiSquare / n - (r - 1.0) * (c - 1.0) / (n - 1));
    double rows = r - (r - 1.0) * (r - 1.0) / (n - 1);
    double columns = c - (c - 1.0) * (c - 1.0) / (n - 1);
    double most = Math.min(rows, columns) - 1;
    return most > 0 ? Math.sqrt(phi / most) : 0;
  }

  private static long[][] occupied(long[][] counts) {
    List<long[]> rows = new ArrayList<>();
    long[] columns = new long[counts.length == 0 ? 0 : counts[0].length];
    for (long[] row : counts) {
      long sum = 0;
      for (int j = 0; j < row.length; j++) {
        sum += row[j];
        columns[j] += row[j];
      }
      if (sum > 0) {
        rows.add(row);
      }
    }
    int kept = 0;
    for (long column : columns) {
      kept += column > 0 ? 1 : 0;
    }
    long[][] table = new long[rows.size()][kept];
    for (int i = 0; i < table.length; i++) {
      int to = 0;
      for (int j = 0; j < columns.length; j++) {
        if (columns[j] > 0) {
          table[i][to++] = rows.get(i)[j];
        }
      }
    }
    return table;
  }
}
