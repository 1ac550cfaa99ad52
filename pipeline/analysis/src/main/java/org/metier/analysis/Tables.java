package org.metier.analysis;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructType;

/**
 * The specialisation tables of one checkpoint. They are small (layers × experts × domains) and live
 * on the driver.
 */
public final class Tables {
  private final SparkSession spark;
  private final List<ExpertDomain> expertDomain;
  private final List<ExpertLoad> expertLoad;
  private final List<ExpertTokenClass> expertTokenClass;
  private final List<LayerSummary> layerSummary;
  private final List<DomainLoss> domainLoss;

  private Tables(SparkSession spark, Builder rows) {
    this.spark = spark;
    expertDomain = List.copyOf(rows.expertDomain);
    expertLoad = List.copyOf(rows.expertLoad);
    expertTokenClass = List.copyOf(rows.expertTokenClass);
    layerSummary = List.copyOf(rows.layerSummary);
    domainLoss = List.copyOf(rows.domainLoss);
  }

  /** By layer, expert and domain. */
  public List<ExpertDomain> expertDomain() {
    return expertDomain;
  }

  /** By layer and expert. */
  public List<ExpertLoad> expertLoad() {
    return expertLoad;
  }

  /** By layer, expert and class. */
  public List<ExpertTokenClass> expertTokenClass() {
    return expertTokenClass;
  }

  /** [E] tokens of each expert of a layer. */
  long[] expertTokens(int layer) {
    return expertLoad.stream()
        .filter(row -> row.layer() == layer)
        .mapToLong(ExpertLoad::tokens)
        .toArray();
  }

  /** By layer. */
  public List<LayerSummary> layerSummary() {
    return layerSummary;
  }

  /** By domain, the row of all domains last. */
  public List<DomainLoss> domainLoss() {
    return domainLoss;
  }

  public Dataset<Row> expertDomainFrame() {
    return frame(expertDomain.stream().map(ExpertDomain::toRow).toList(), ExpertDomain.SCHEMA);
  }

  public Dataset<Row> expertLoadFrame() {
    return frame(expertLoad.stream().map(ExpertLoad::toRow).toList(), ExpertLoad.SCHEMA);
  }

  public Dataset<Row> expertTokenClassFrame() {
    return frame(
        expertTokenClass.stream().map(ExpertTokenClass::toRow).toList(), ExpertTokenClass.SCHEMA);
  }

  public Dataset<Row> layerSummaryFrame() {
    return frame(layerSummary.stream().map(LayerSummary::toRow).toList(), LayerSummary.SCHEMA);
  }

  public Dataset<Row> domainLossFrame() {
    return frame(domainLoss.stream().map(DomainLoss::toRow).toList(), DomainLoss.SCHEMA);
  }

  /**
   * Writes each table as {@code
   * <tablesDirectory>/<table>/run=<run>/step=<step>/part-00000.parquet}. A table of the same run
   * and step is replaced; everything else stays as it is.
   *
   * @param tablesDirectory on any Hadoop file system
   * @param run letters, digits, {@code .}, {@code _} and {@code -}
   */
  public void write(String tablesDirectory, String run, long step) {
    TableDirectory directory = new TableDirectory(spark, tablesDirectory);
    directory.write(ExpertDomain.TABLE, run, step, expertDomainFrame());
    directory.write(ExpertLoad.TABLE, run, step, expertLoadFrame());
    directory.write(ExpertTokenClass.TABLE, run, step, expertTokenClassFrame());
    directory.write(LayerSummary.TABLE, run, step, layerSummaryFrame());
    directory.write(DomainLoss.TABLE, run, step, domainLossFrame());
  }

  /**
   * Reads what {@link #write} wrote.
   *
   * @throws MissingTableException when a table of this run and step is not there
   */
  public static Tables read(SparkSession spark, String tablesDirectory, String run, long step) {
    TableDirectory directory = new TableDirectory(spark, tablesDirectory);
    Builder rows = new Builder();
    Map<String, StructType> schemas =
        Map.of(
            ExpertDomain.TABLE,
            ExpertDomain.SCHEMA,
            ExpertLoad.TABLE,
            ExpertLoad.SCHEMA,
            ExpertTokenClass.TABLE,
            ExpertTokenClass.SCHEMA,
            LayerSummary.TABLE,
            LayerSummary.SCHEMA,
            DomainLoss.TABLE,
            DomainLoss.SCHEMA);
    schemas.forEach(
        (table, schema) ->
            directory
                .read(table, run, step, schema)
                .collectAsList()
                .forEach(r -> rows.add(table, r)));
    return rows.build(spark);
  }

  private Dataset<Row> frame(List<Row> rows, StructType schema) {
    return spark.createDataFrame(rows, schema);
  }

  /** Collects rows in any order. */
  static final class Builder {
    private final List<ExpertDomain> expertDomain = new ArrayList<>();
    private final List<ExpertLoad> expertLoad = new ArrayList<>();
    private final List<ExpertTokenClass> expertTokenClass = new ArrayList<>();
    private final List<LayerSummary> layerSummary = new ArrayList<>();
    private final List<DomainLoss> domainLoss = new ArrayList<>();

    void add(String table, Row row) {
      switch (table) {
        case ExpertDomain.TABLE -> expertDomain.add(ExpertDomain.of(row));
        case ExpertLoad.TABLE -> expertLoad.add(ExpertLoad.of(row));
        case ExpertTokenClass.TABLE -> expertTokenClass.add(ExpertTokenClass.of(row));
        case LayerSummary.TABLE -> layerSummary.add(LayerSummary.of(row));
        case DomainLoss.TABLE -> domainLoss.add(DomainLoss.of(row));
        default -> throw new IllegalArgumentException("no such table: " + table);
      }
    }

    void add(DomainLoss row) {
      domainLoss.add(row);
    }

    Tables build(SparkSession spark) {
      expertDomain.sort(
          Comparator.comparingInt(ExpertDomain::layer)
              .thenComparingInt(ExpertDomain::expert)
              .thenComparing(ExpertDomain::domain));
      expertLoad.sort(
          Comparator.comparingInt(ExpertLoad::layer).thenComparingInt(ExpertLoad::expert));
      expertTokenClass.sort(
          Comparator.comparingInt(ExpertTokenClass::layer)
              .thenComparingInt(ExpertTokenClass::expert)
              .thenComparing(ExpertTokenClass::tokenClass));
      layerSummary.sort(Comparator.comparingInt(LayerSummary::layer));
      domainLoss.sort(
          Comparator.comparing((DomainLoss row) -> row.domain().equals(RoutingSchema.ALL_DOMAINS))
              .thenComparing(DomainLoss::domain));
      return new Tables(spark, this);
    }
  }
}
