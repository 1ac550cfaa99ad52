package org.metier.analysis;

import static org.apache.spark.sql.types.DataTypes.DoubleType;
import static org.apache.spark.sql.types.DataTypes.LongType;
import static org.apache.spark.sql.types.DataTypes.StringType;

import java.util.List;
import java.util.function.ToDoubleFunction;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructType;

/**
 * One run of a comparison.
 *
 * @param cell name of its cell in the matrix, the same for all seeds
 * @param options that make the cell
 * @param tables of its newest checkpoint
 * @param training its rounds
 */
public record ComparedRun(
    String cell, long seed, List<String> options, Tables tables, TrainingCurve training) {

  static final StructType SCHEMA =
      new StructType()
          .add("cell", StringType, false)
          .add("seed", LongType, false)
          .add("options", StringType, false)
          .add("tokens", LongType, false)
          .add("loss", DoubleType, false)
          .add("mutual_information", DoubleType, false)
          .add("mutual_information_low", DoubleType, false)
          .add("mutual_information_high", DoubleType, false)
          .add("mutual_information_corrected", DoubleType, false)
          .add("permutation_q99", DoubleType, false)
          .add("highest_domain_frequency", DoubleType, false)
          .add("score_sum", DoubleType, false)
          .add("max_vio_micro_batch", DoubleType, false)
          .add("max_vio_batch", DoubleType, false)
          .add("max_vio_held_out", DoubleType, false)
          .add("dead_experts", LongType, false)
          .add("seconds_per_step", DoubleType, false);

  static final StructType DOMAIN_SCHEMA =
      new StructType()
          .add("cell", StringType, false)
          .add("seed", LongType, false)
          .add("domain", StringType, false)
          .add("tokens", LongType, false)
          .add("loss", DoubleType, false)
          .add("bits_per_byte", DoubleType, false);

  /**
   * A run with its tables, and its training from {@code train_metrics}.
   *
   * @param tablesDirectory of the run
   * @throws MissingTableException when {@code train_metrics} is not there
   */
  public static ComparedRun of(
      SparkSession spark,
      String cell,
      long seed,
      List<String> options,
      Tables tables,
      String tablesDirectory,
      String run) {
    TrainingCurve training = TrainingCurve.read(new TableDirectory(spark, tablesDirectory), run);
    return new ComparedRun(cell, seed, List.copyOf(options), tables, training);
  }

  /** Held-out loss over all domains, nats per token. */
  public double loss() {
    return loss(RoutingSchema.ALL_DOMAINS);
  }

  /** Held-out loss of one domain. */
  double loss(String domain) {
    return tables.domainLoss().stream()
        .filter(row -> row.domain().equals(domain))
        .mapToDouble(DomainLoss::loss)
        .findFirst()
        .orElse(Double.NaN);
  }

  /** Bits between domain and expert, mean over the layers. */
  public double mutualInformation() {
    return overLayers(LayerSummary::mutualInformation);
  }

  /**
   * Lower end of an interval that holds with 95 % at least, over held-out text: the layers'
   * sampling errors may all be the same ones.
   */
  double mutualInformationLow() {
    return overLayers(LayerSummary::mutualInformationLow);
  }

  /** Upper end. */
  double mutualInformationHigh() {
    return overLayers(LayerSummary::mutualInformationHigh);
  }

  double highestDomainFrequency() {
    return tables.layerSummary().stream()
        .mapToDouble(LayerSummary::highestDomainFrequency)
        .max()
        .orElse(Double.NaN);
  }

  double scoreSum() {
    return overLayers(LayerSummary::scoreSum);
  }

  /** Mean over the run's last quarter. */
  double maxVioMicroBatch() {
    return TrainingCurve.late(training.maxVioMicroBatch());
  }

  /** Mean over the run's last quarter. */
  double maxVioBatch() {
    return TrainingCurve.late(training.maxVioBatch());
  }

  /** Of all held-out text, mean over the layers. */
  double maxVioHeldOut() {
    return overLayers(LayerSummary::maxVio);
  }

  long deadExperts() {
    return tables.layerSummary().stream().mapToLong(LayerSummary::deadExperts).sum();
  }

  /** The domains, alphabetically. */
  List<String> domains() {
    return tables.domainLoss().stream()
        .map(DomainLoss::domain)
        .filter(domain -> !domain.equals(RoutingSchema.ALL_DOMAINS))
        .toList();
  }

  private double overLayers(ToDoubleFunction<LayerSummary> number) {
    return tables.layerSummary().stream().mapToDouble(number).average().orElse(Double.NaN);
  }

  Row toRow() {
    return RowFactory.create(
        cell,
        seed,
        String.join(" ", options),
        training.tokensSeen(),
        loss(),
        mutualInformation(),
        mutualInformationLow(),
        mutualInformationHigh(),
        overLayers(LayerSummary::mutualInformationCorrected),
        overLayers(LayerSummary::permutationQ99),
        highestDomainFrequency(),
        scoreSum(),
        maxVioMicroBatch(),
        maxVioBatch(),
        maxVioHeldOut(),
        deadExperts(),
        training.secondsPerStep());
  }

  List<Row> domainRows() {
    return tables.domainLoss().stream()
        .map(
            row ->
                RowFactory.create(
                    cell, seed, row.domain(), row.tokens(), row.loss(), row.bitsPerByte()))
        .toList();
  }
}
