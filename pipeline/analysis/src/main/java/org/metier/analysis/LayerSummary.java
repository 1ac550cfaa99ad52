package org.metier.analysis;

import static org.apache.spark.sql.types.DataTypes.DoubleType;
import static org.apache.spark.sql.types.DataTypes.IntegerType;
import static org.apache.spark.sql.types.DataTypes.LongType;

import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.StructType;

/**
 * The row of {@code layer_summary} for one layer.
 *
 * @param tokens held-out tokens that were routed
 * @param numExperts n, null experts left out, as in what is said of the load
 * @param topK k
 * @param mutualInformation I(domain; expert) in bits, {@link MutualInformation}
 * @param mutualInformationLow lower end of its 95 % interval over held-out text, {@link
 *     MutualInformation#interval}; 0 with one sequence
 * @param mutualInformationHigh upper end; all that is possible with one sequence
 * @param mutualInformationNormalised I / min(log2 E, H(domain)), in [0, 1]; 0 with one domain or
 *     one expert
 * @param mutualInformationCorrected I less {@link MutualInformation#millerMadowBias}, bits; may be
 *     slightly negative
 * @param permutationMean mean of I under shuffled domain labels, bits, {@link LabelPermutation}
 * @param permutationQ99 its 99 % quantile
 * @param permutationP how probable an I as large is under shuffled labels
 * @param loadEntropy {@link LoadMetrics#entropy}
 * @param cv {@link LoadMetrics#cv}
 * @param maxVio {@link LoadMetrics#maxVio}
 * @param deadExperts {@link LoadMetrics#deadExperts}
 * @param scoreSum mean over tokens of the k chosen experts' softmax probability (arXiv 2501.11873);
 *     k/E = undecided, 1 = sure
 * @param highestDomainFrequency largest N_ED / N_D of the layer; k/E when routing ignores domains
 * @param tokenClassInformation I(token class; expert) in bits, the syntactic control: {@link
 *     ClassInformation#information}
 * @param tokenClassCorrected {@link ClassInformation#corrected}
 * @param tokenClassShuffled {@link ClassInformation#shuffled}
 * @param domainGivenClass I(domain; expert | token class) in bits: {@link
 *     ClassInformation#domainGivenClass}
 * @param domainGivenClassCorrected {@link ClassInformation#domainGivenClassCorrected}
 * @param domainGivenClassPermutationMean {@link ClassInformation#permutationMean}
 * @param domainGivenClassPermutationQ99 {@link ClassInformation#permutationQ99}
 */
public record LayerSummary(
    int layer,
    long tokens,
    int numExperts,
    int topK,
    double mutualInformation,
    double mutualInformationLow,
    double mutualInformationHigh,
    double mutualInformationNormalised,
    double mutualInformationCorrected,
    double permutationMean,
    double permutationQ99,
    double permutationP,
    double loadEntropy,
    double cv,
    double maxVio,
    int deadExperts,
    double scoreSum,
    double highestDomainFrequency,
    double tokenClassInformation,
    double tokenClassCorrected,
    double tokenClassShuffled,
    double domainGivenClass,
    double domainGivenClassCorrected,
    double domainGivenClassPermutationMean,
    double domainGivenClassPermutationQ99) {

  public static final String TABLE = "layer_summary";

  public static final StructType SCHEMA =
      new StructType()
          .add("layer", IntegerType, false)
          .add("tokens", LongType, false)
          .add("num_experts", IntegerType, false)
          .add("top_k", IntegerType, false)
          .add("mutual_information", DoubleType, false)
          .add("mutual_information_low", DoubleType, false)
          .add("mutual_information_high", DoubleType, false)
          .add("mutual_information_normalised", DoubleType, false)
          .add("mutual_information_corrected", DoubleType, false)
          .add("permutation_mean", DoubleType, false)
          .add("permutation_q99", DoubleType, false)
          .add("permutation_p", DoubleType, false)
          .add("load_entropy", DoubleType, false)
          .add("cv", DoubleType, false)
          .add("max_vio", DoubleType, false)
          .add("dead_experts", IntegerType, false)
          .add("score_sum", DoubleType, false)
          .add("highest_domain_frequency", DoubleType, false)
          .add("token_class_information", DoubleType, false)
          .add("token_class_corrected", DoubleType, false)
          .add("token_class_shuffled", DoubleType, false)
          .add("domain_given_class", DoubleType, false)
          .add("domain_given_class_corrected", DoubleType, false)
          .add("domain_given_class_permutation_mean", DoubleType, false)
          .add("domain_given_class_permutation_q99", DoubleType, false);

  static LayerSummary of(LayerRouting routing, AnalyzeConfig config) {
    int numExperts = routing.numExperts;
    long[][] counts = routing.domainExpertTokens;
    double information = MutualInformation.bits(counts);
    RatioInterval interval = MutualInformation.interval(routing);
    double bound =
        Math.min(
            Math.log(numExperts) / Math.log(2),
            MutualInformation.entropyBits(routing.domainTokens));
    LabelPermutation shuffled = LabelPermutation.of(routing, config.permutations(), config.seed());
    ClassInformation classes = ClassInformation.of(routing, config.permutations(), config.seed());
    LoadMetrics load = LoadMetrics.of(routing.loads());
    double highest = 0;
    for (int d = 0; d < routing.numDomains(); d++) {
      for (int e = 0; e < numExperts - routing.nullExperts; e++) {
        highest = Math.max(highest, routing.frequency(d, e));
      }
    }
    return new LayerSummary(
        routing.layer,
        routing.totalTokens,
        numExperts - routing.nullExperts,
        routing.topK,
        information,
        Math.max(0, interval.low()),
        Math.min(bound, interval.high()),
        bound > 0 ? information / bound : 0,
        information - MutualInformation.millerMadowBias(counts),
        shuffled.mean(),
        shuffled.q99(),
        shuffled.p(),
        load.entropy(),
        load.cv(),
        load.maxVio(),
        load.deadExperts(),
        routing.scoreSum / routing.totalTokens,
        highest,
        classes.information(),
        classes.corrected(),
        classes.shuffled(),
        classes.domainGivenClass(),
        classes.domainGivenClassCorrected(),
        classes.permutationMean(),
        classes.permutationQ99());
  }

  Row toRow() {
    return RowFactory.create(
        layer,
        tokens,
        numExperts,
        topK,
        mutualInformation,
        mutualInformationLow,
        mutualInformationHigh,
        mutualInformationNormalised,
        mutualInformationCorrected,
        permutationMean,
        permutationQ99,
        permutationP,
        loadEntropy,
        cv,
        maxVio,
        deadExperts,
        scoreSum,
        highestDomainFrequency,
        tokenClassInformation,
        tokenClassCorrected,
        tokenClassShuffled,
        domainGivenClass,
        domainGivenClassCorrected,
        domainGivenClassPermutationMean,
        domainGivenClassPermutationQ99);
  }

  static LayerSummary of(Row row) {
    return new LayerSummary(
        row.getInt(0),
        row.getLong(1),
        row.getInt(2),
        row.getInt(3),
        row.getDouble(4),
        row.getDouble(5),
        row.getDouble(6),
        row.getDouble(7),
        row.getDouble(8),
        row.getDouble(9),
        row.getDouble(10),
        row.getDouble(11),
        row.getDouble(12),
        row.getDouble(13),
        row.getDouble(14),
        row.getInt(15),
        row.getDouble(16),
        row.getDouble(17),
        row.getDouble(18),
        row.getDouble(19),
        row.getDouble(20),
        row.getDouble(21),
        row.getDouble(22),
        row.getDouble(23),
        row.getDouble(24));
  }
}
