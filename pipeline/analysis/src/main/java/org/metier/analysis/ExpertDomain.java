package org.metier.analysis;

import static org.apache.spark.sql.types.DataTypes.DoubleType;
import static org.apache.spark.sql.types.DataTypes.IntegerType;
import static org.apache.spark.sql.types.DataTypes.LongType;
import static org.apache.spark.sql.types.DataTypes.StringType;

import java.util.ArrayList;
import java.util.List;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.StructType;

/**
 * A row of {@code expert_domain}: what one expert of one layer is to one domain (OLMoE, arXiv
 * 2409.02060, Eq. 7).
 *
 * @param tokens N_ED, tokens of the domain that reach the expert
 * @param frequency N_ED / N_D; k/E when routing ignores the domain; sums to k over the experts
 * @param share q_{E|D} = frequency / k; sums to 1 over the experts
 * @param gateMass sum of the gate weights of these tokens
 * @param lift share / q_E, q_E the expert's share over all domains; 1 = the domain means nothing to
 *     it; 0 for an expert without tokens
 * @param ciLow lower end of the 95 % interval of {@code share}, {@link SequenceBootstrap}
 * @param ciHigh upper end
 * @param dropped tokens among N_ED that a capacity limit turned away
 */
public record ExpertDomain(
    int layer,
    int expert,
    String domain,
    long tokens,
    double frequency,
    double share,
    double gateMass,
    double lift,
    double ciLow,
    double ciHigh,
    long dropped) {

  public static final String TABLE = "expert_domain";

  public static final StructType SCHEMA =
      new StructType()
          .add("layer", IntegerType, false)
          .add("expert", IntegerType, false)
          .add("domain", StringType, false)
          .add("tokens", LongType, false)
          .add("frequency", DoubleType, false)
          .add("share", DoubleType, false)
          .add("gate_mass", DoubleType, false)
          .add("lift", DoubleType, false)
          .add("ci_low", DoubleType, false)
          .add("ci_high", DoubleType, false)
          .add("dropped", LongType, false);

  static List<ExpertDomain> of(LayerRouting routing, AnalyzeConfig config) {
    SequenceBootstrap interval = SequenceBootstrap.of(routing, config.bootstraps(), config.seed());
    long[] expertTotals = routing.expertTotals();
    double choices = (double) routing.topK * routing.totalTokens;
    List<ExpertDomain> rows = new ArrayList<>();
    for (int e = 0; e < routing.numExperts; e++) {
      double marginal = expertTotals[e] / choices;
      for (int d = 0; d < routing.numDomains(); d++) {
        double frequency = routing.frequency(d, e);
        double share = frequency / routing.topK;
        rows.add(
            new ExpertDomain(
                routing.layer,
                e,
                routing.domains[d],
                routing.domainExpertTokens[d][e],
                frequency,
                share,
                routing.domainGateMass[d][e],
                expertTotals[e] == 0 ? 0 : share / marginal,
                interval.low()[d][e],
                interval.high()[d][e],
                routing.dropped(d, e)));
      }
    }
    return rows;
  }

  Row toRow() {
    return RowFactory.create(
        layer, expert, domain, tokens, frequency, share, gateMass, lift, ciLow, ciHigh, dropped);
  }

  static ExpertDomain of(Row row) {
    return new ExpertDomain(
        row.getInt(0),
        row.getInt(1),
        row.getString(2),
        row.getLong(3),
        row.getDouble(4),
        row.getDouble(5),
        row.getDouble(6),
        row.getDouble(7),
        row.getDouble(8),
        row.getDouble(9),
        row.getLong(10));
  }
}
