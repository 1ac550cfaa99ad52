package org.metier.analysis;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.math.BigDecimal;
import java.math.MathContext;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.function.ToDoubleFunction;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.StructType;

/**
 * Everything the report shows of one run, read from its tables; what is not there is listed.
 *
 * @param step of the checkpoint that the tables describe
 * @param missing tables that the run lacks
 * @param tables the others; a missing one has no rows
 * @param details tables that the report shows parts of
 * @param training rows of {@code train_metrics} by round, the columns of {@link #TRAINING} that it
 *     has
 */
record ReportData(
    String run,
    long step,
    List<String> missing,
    Tables tables,
    ReportDetails details,
    List<Row> training) {

  static final String TRAIN_METRICS = "train_metrics";

  /** Columns of {@code train_metrics} that the report can show; {@code round} orders them. */
  private static final List<String> TRAINING =
      List.of(
          "round",
          "step",
          "tokens",
          "loss",
          "held_out_loss",
          "balance_loss",
          "max_vio",
          "learning_rate",
          "grad_norm",
          "tokens_per_second");

  /** More than any screen shows, and half of what the doubles hold. */
  private static final MathContext DIGITS = new MathContext(7);

  /**
   * @throws MissingTableException when the run has no table at all
   */
  static ReportData read(SparkSession spark, TableDirectory directory, String run) {
    long step = -1;
    for (String table : List.of(ExpertDomain.TABLE, LayerSummary.TABLE, DomainLoss.TABLE)) {
      OptionalLong last = directory.lastStep(table, run);
      step = Math.max(step, last.orElse(-1));
    }
    List<String> missing = new ArrayList<>();
    Tables.Builder tables = new Tables.Builder();
    read(directory, ExpertDomain.TABLE, ExpertDomain.SCHEMA, run, step, tables, missing);
    read(directory, ExpertLoad.TABLE, ExpertLoad.SCHEMA, run, step, tables, missing);
    read(directory, ExpertTokenClass.TABLE, ExpertTokenClass.SCHEMA, run, step, tables, missing);
    read(directory, LayerSummary.TABLE, LayerSummary.SCHEMA, run, step, tables, missing);
    read(directory, DomainLoss.TABLE, DomainLoss.SCHEMA, run, step, tables, missing);
    ReportDetails details = ReportDetails.read(directory, run, step, missing);
    List<Row> training = List.of();
    if (directory.has(TRAIN_METRICS, run)) {
      training = training(directory.readRun(TRAIN_METRICS, run));
    } else {
      missing.add(TRAIN_METRICS);
    }
    if (step < 0 && missing.contains(TRAIN_METRICS)) {
      throw new MissingTableException("no tables of run %s in %s".formatted(run, directory));
    }
    return new ReportData(run, step, missing, tables.build(spark), details, training);
  }

  /** The same under another name. */
  ReportData called(String name) {
    return new ReportData(name, step, missing, tables, details, training);
  }

  private static void read(
      TableDirectory directory,
      String table,
      StructType schema,
      String run,
      long step,
      Tables.Builder tables,
      List<String> missing) {
    if (directory.has(table, run, step)) {
      for (Row row : directory.read(table, run, step, schema).collectAsList()) {
        tables.add(table, row);
      }
    } else {
      missing.add(table);
    }
  }

  private static List<Row> training(Dataset<Row> metrics) {
    List<String> present = List.of(metrics.columns());
    if (!present.contains("round")) {
      throw new MissingTableException(
          "%s lacks the column round; it has %s".formatted(TRAIN_METRICS, present));
    }
    return metrics
        .select(
            TRAINING.stream()
                .filter(present::contains)
                .map(name -> functions.col(name).cast("double").as(name))
                .toArray(Column[]::new))
        .sort("round")
        .collectAsList();
  }

  ObjectNode toJson(ObjectMapper mapper) {
    ObjectNode json = mapper.createObjectNode();
    json.put("run", run);
    json.put("step", step);
    missing.forEach(json.putArray("missing")::add);
    ArrayNode layers = json.putArray("layers");
    for (LayerSummary row : tables.layerSummary()) {
      putColumns(layers.addObject(), row.toRow(), LayerSummary.SCHEMA);
    }
    ArrayNode losses = json.putArray("losses");
    for (DomainLoss row : tables.domainLoss()) {
      putColumns(losses.addObject(), row.toRow(), DomainLoss.SCHEMA);
    }
    putExperts(json.putArray("experts"));
    ObjectNode loads = json.putObject("loads");
    for (ExpertLoad row : tables.expertLoad()) {
      loads.withArray("/" + row.layer()).add(rounded(row.share()));
    }
    details.put(json, tables);
    ObjectNode rounds = json.putObject("training");
    if (!training.isEmpty()) {
      StructType schema = training.get(0).schema();
      for (int i = 0; i < schema.size(); i++) {
        ArrayNode column = rounds.putArray(schema.fieldNames()[i]);
        for (Row row : training) {
          column.add(row.isNullAt(i) ? null : rounded(row.getDouble(i)));
        }
      }
    }
    return json;
  }

  /** One object per layer: its domains, and [domain][expert] matrices of each number. */
  private void putExperts(ArrayNode layers) {
    List<ExpertDomain> rows = tables.expertDomain();
    int from = 0;
    while (from < rows.size()) {
      int layer = rows.get(from).layer();
      int to = from;
      while (to < rows.size() && rows.get(to).layer() == layer) {
        to++;
      }
      List<ExpertDomain> own = rows.subList(from, to);
      List<String> domains = own.stream().map(ExpertDomain::domain).distinct().sorted().toList();
      ObjectNode json = layers.addObject();
      json.put("layer", layer);
      domains.forEach(json.putArray("domains")::add);
      putMatrix(json.putArray("tokens"), own, domains, ExpertDomain::tokens);
      putMatrix(json.putArray("frequency"), own, domains, ExpertDomain::frequency);
      putMatrix(json.putArray("share"), own, domains, ExpertDomain::share);
      putMatrix(json.putArray("lift"), own, domains, ExpertDomain::lift);
      putMatrix(json.putArray("low"), own, domains, ExpertDomain::ciLow);
      putMatrix(json.putArray("high"), own, domains, ExpertDomain::ciHigh);
      from = to;
    }
  }

  private static void putMatrix(
      ArrayNode matrix,
      List<ExpertDomain> rows,
      List<String> domains,
      ToDoubleFunction<ExpertDomain> number) {
    for (String domain : domains) {
      ArrayNode line = matrix.addArray();
      for (ExpertDomain row : rows) {
        if (row.domain().equals(domain)) {
          line.add(rounded(number.applyAsDouble(row)));
        }
      }
    }
  }

  static void putColumns(ObjectNode json, Row row, StructType schema) {
    for (int i = 0; i < schema.size(); i++) {
      Object value = row.get(i);
      if (value instanceof Number number) {
        json.put(schema.fieldNames()[i], rounded(number.doubleValue()));
      } else {
        json.put(schema.fieldNames()[i], String.valueOf(value));
      }
    }
  }

  /** JSON knows neither NaN nor infinity: such a number is left empty. */
  static BigDecimal rounded(double value) {
    if (!Double.isFinite(value)) {
      return null;
    }
    // Whole numbers keep all their digits: they are counts.
    return value == Math.rint(value)
        ? BigDecimal.valueOf((long) value)
        : new BigDecimal(value).round(DIGITS).stripTrailingZeros();
  }
}
