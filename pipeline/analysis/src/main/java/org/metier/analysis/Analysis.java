package org.metier.analysis;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.HashPartitioner;
import org.apache.spark.api.java.JavaPairRDD;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import scala.Tuple2;

/**
 * From routing counts per sequence to the specialisation tables.
 *
 * <p>Layers are spread over the cores; one task holds the counts of one layer at a time (S·E longs:
 * 2.5 MB for 5,000 sequences and 64 experts) and permutes and resamples them as plain arrays. Each
 * input is read once. The result depends on the rows and the seed alone.
 */
public final class Analysis {
  private static final String INVALID = "invalid";

  private final SparkSession spark;
  private final AnalyzeConfig config;

  public Analysis(SparkSession spark, AnalyzeConfig config) {
    this.spark = spark;
    this.config = config;
  }

  /**
   * @param sequenceRouting {@link RoutingSchema#SEQUENCE_ROUTING}
   * @param sequenceLoss {@link RoutingSchema#SEQUENCE_LOSS}
   * @param tokenCounts {@link RoutingSchema#TOKEN_COUNTS}
   * @param tokenClasses names of the classes of {@code class_tokens}, by number
   * @throws IllegalArgumentException when an input lacks a column or its rows contradict each other
   */
  public Tables tables(
      Dataset<Row> sequenceRouting,
      Dataset<Row> sequenceLoss,
      Dataset<Row> tokenCounts,
      List<String> tokenClasses) {
    Dataset<Row> routing =
        RoutingSchema.conform("sequence_routing", sequenceRouting, RoutingSchema.SEQUENCE_ROUTING);
    Dataset<Row> losses =
        RoutingSchema.conform("sequence_loss", sequenceLoss, RoutingSchema.SEQUENCE_LOSS);
    Dataset<Row> counts =
        RoutingSchema.conform("token_counts", tokenCounts, RoutingSchema.TOKEN_COUNTS);
    Tables.Builder tables = new Tables.Builder();
    for (Tuple2<String, Row> row : layerRows(routing, tokenClasses)) {
      if (row._1().equals(INVALID)) {
        throw new IllegalArgumentException(row._2().getString(0));
      }
      tables.add(row._1(), row._2());
    }
    DomainLoss.of(losses, counts).forEach(tables::add);
    return tables.build(spark);
  }

  /** Rows of the four tables about experts, each with the name of its table; or what is wrong. */
  private List<Tuple2<String, Row>> layerRows(Dataset<Row> routing, List<String> tokenClasses) {
    // Layers are 0 … L−1, so that hashing deals them out to the partitions in turn.
    int partitions = spark.sparkContext().defaultParallelism();
    JavaPairRDD<Integer, Iterable<Segment>> layers =
        routing
            .toJavaRDD()
            .mapToPair(row -> new Tuple2<>(row.getInt(2), Segment.of(row)))
            .groupByKey(new HashPartitioner(partitions));
    AnalyzeConfig settings = config;
    List<String> classes = List.copyOf(tokenClasses);
    return layers.flatMap(layer -> rows(layer._1(), layer._2(), classes, settings)).collect();
  }

  /** What is wrong travels as a row: an exception in a task would be retried and wrapped. */
  private static Iterator<Tuple2<String, Row>> rows(
      int layer, Iterable<Segment> segments, List<String> tokenClasses, AnalyzeConfig config) {
    List<Tuple2<String, Row>> rows = new ArrayList<>();
    try {
      LayerRouting routing = LayerRouting.of(layer, segments);
      for (ExpertDomain row : ExpertDomain.of(routing, config)) {
        rows.add(new Tuple2<>(ExpertDomain.TABLE, row.toRow()));
      }
      for (ExpertLoad row : ExpertLoad.of(routing)) {
        rows.add(new Tuple2<>(ExpertLoad.TABLE, row.toRow()));
      }
      for (ExpertTokenClass row : ExpertTokenClass.of(routing, tokenClasses)) {
        rows.add(new Tuple2<>(ExpertTokenClass.TABLE, row.toRow()));
      }
      rows.add(new Tuple2<>(LayerSummary.TABLE, LayerSummary.of(routing, config).toRow()));
    } catch (IllegalArgumentException wrong) {
      rows.clear();
      rows.add(new Tuple2<>(INVALID, RowFactory.create(wrong.getMessage())));
    }
    return rows.iterator();
  }
}
