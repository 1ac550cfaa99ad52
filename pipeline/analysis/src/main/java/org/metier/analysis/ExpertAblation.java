package org.metier.analysis;

import static org.apache.spark.sql.types.DataTypes.DoubleType;
import static org.apache.spark.sql.types.DataTypes.IntegerType;
import static org.apache.spark.sql.types.DataTypes.LongType;
import static org.apache.spark.sql.types.DataTypes.StringType;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.StructType;

/**
 * The table {@code expert_ablation}, the causal check: if a domain's own experts are what it needs,
 * then keeping them alone costs it little, and costs other domains more.
 *
 * <p>In every layer the routers may choose among the experts with the highest share of the domain
 * only. {@code change} compares the same tokens with and without, so that what differs between
 * texts cancels; {@code random_change} is the change when as many experts are kept that were drawn
 * at random, the baseline that a domain's own have to beat.
 *
 * <ul>
 *   <li>{@code domain}: whose experts are kept
 *   <li>{@code kept_share}, {@code experts_kept}: 1, 0.5, 0.25 and 0.125 of E, at least one expert
 *   <li>{@code evaluated_domain}: whose text is predicted
 *   <li>{@code loss}: nats per token; {@code change}: less the loss with all experts
 *   <li>{@code ci_low}, {@code ci_high}: of the change, 95 % over sequences, {@link RatioInterval};
 *       infinite for a domain of one sequence
 * </ul>
 */
public final class ExpertAblation {
  public static final String TABLE = "expert_ablation";

  public static final StructType SCHEMA =
      new StructType()
          .add("domain", StringType, false)
          .add("kept_share", DoubleType, false)
          .add("experts_kept", IntegerType, false)
          .add("evaluated_domain", StringType, false)
          .add("tokens", LongType, false)
          .add("loss", DoubleType, false)
          .add("change", DoubleType, false)
          .add("ci_low", DoubleType, false)
          .add("ci_high", DoubleType, false)
          .add("random_change", DoubleType, false);

  /** What is measured: losses of a variant by segment. */
  public static final StructType LOSSES =
      new StructType()
          .add("variant", StringType, false)
          .add("sequence", LongType, false)
          .add("domain", StringType, false)
          .add("tokens", LongType, false)
          .add("loss_sum", DoubleType, false);

  private static final double[] SHARES = {1, 0.5, 0.25, 0.125};

  /** The variant with all experts, which every domain shares. */
  private static final String ALL = "all";

  private static final String RANDOM = "random ";

  private final Tables tables;
  private final long seed;

  /**
   * @param tables of the same checkpoint
   * @param seed draws the random experts
   */
  public ExpertAblation(Tables tables, long seed) {
    this.tables = tables;
    this.seed = seed;
  }

  private static int kept(double share, int numExperts) {
    return Math.max(1, (int) Math.ceil(share * numExperts));
  }

  private static String own(String domain, int kept) {
    return "own " + kept + " " + domain;
  }

  /** Experts to keep, [L][n] by layer, for each variant that is to be measured, by its name. */
  public Map<String, int[][]> variants() {
    int numExperts = tables.layerSummary().get(0).numExperts();
    TreeSet<String> domains = new TreeSet<>();
    tables.expertDomain().forEach(row -> domains.add(row.domain()));
    Map<String, int[][]> variants = new LinkedHashMap<>();
    variants.put(ALL, keep(numExperts, this::byNumber));
    for (double share : SHARES) {
      int kept = kept(share, numExperts);
      if (kept < numExperts) {
        variants.put(RANDOM + kept, keep(kept, this::shuffled));
        for (String domain : domains) {
          variants.put(own(domain, kept), keep(kept, layer -> byShare(layer, domain)));
        }
      }
    }
    return variants;
  }

  /** All experts of a layer, those to be kept first. */
  private interface Ranking {
    List<Integer> of(LayerSummary layer);
  }

  private int[][] keep(int kept, Ranking ranking) {
    return tables.layerSummary().stream()
        .map(
            layer ->
                ranking.of(layer).stream()
                    .limit(kept)
                    .mapToInt(Integer::intValue)
                    .sorted()
                    .toArray())
        .toArray(int[][]::new);
  }

  private List<Integer> byNumber(LayerSummary layer) {
    List<Integer> experts = new ArrayList<>();
    for (int e = 0; e < layer.numExperts(); e++) {
      experts.add(e);
    }
    return experts;
  }

  private List<Integer> byShare(LayerSummary layer, String domain) {
    return tables.expertDomain().stream()
        .filter(row -> row.layer() == layer.layer() && row.domain().equals(domain))
        .sorted(
            Comparator.comparingDouble(ExpertDomain::share)
                .reversed()
                .thenComparingInt(ExpertDomain::expert))
        .map(ExpertDomain::expert)
        .toList();
  }

  /** The same order for every number of experts kept: fewer are a part of more. */
  private List<Integer> shuffled(LayerSummary layer) {
    List<Integer> experts = byNumber(layer);
    SplittableRandom random = new SplittableRandom(seed + 0x9E3779B97F4A7C15L * layer.layer());
    for (int i = experts.size() - 1; i > 0; i--) {
      int j = random.nextInt(i + 1);
      Integer swap = experts.get(i);
      experts.set(i, experts.get(j));
      experts.set(j, swap);
    }
    return experts;
  }

  /** A segment's tokens and loss. */
  private record Segment(long sequence, String domain) implements Comparable<Segment> {
    @Override
    public int compareTo(Segment other) {
      int bySequence = Long.compare(sequence, other.sequence);
      return bySequence != 0 ? bySequence : domain.compareTo(other.domain);
    }
  }

  /**
   * Rows by domain, share and evaluated domain.
   *
   * @param losses of every variant, in the order of {@link #LOSSES}'s columns
   */
  public List<Row> rows(List<Row> losses) {
    Map<String, TreeMap<Segment, Row>> byVariant = new LinkedHashMap<>();
    TreeSet<String> evaluated = new TreeSet<>();
    for (Row row : losses) {
      byVariant
          .computeIfAbsent(row.getString(0), variant -> new TreeMap<>())
          .put(new Segment(row.getLong(1), row.getString(2)), row);
      evaluated.add(row.getString(2));
    }
    int numExperts = tables.layerSummary().get(0).numExperts();
    TreeSet<String> domains = new TreeSet<>();
    tables.expertDomain().forEach(row -> domains.add(row.domain()));
    TreeMap<Segment, Row> all = byVariant.get(ALL);
    List<Row> rows = new ArrayList<>();
    for (String domain : domains) {
      for (double share : SHARES) {
        int kept = kept(share, numExperts);
        boolean whole = kept == numExperts;
        TreeMap<Segment, Row> own = whole ? all : byVariant.get(own(domain, kept));
        TreeMap<Segment, Row> random = whole ? all : byVariant.get(RANDOM + kept);
        for (String other : evaluated) {
          RatioInterval change = change(own, all, other);
          rows.add(
              RowFactory.create(
                  domain,
                  share,
                  kept,
                  other,
                  tokens(own, other),
                  loss(own, other),
                  change.ratio(),
                  change.low(),
                  change.high(),
                  change(random, all, other).ratio()));
        }
      }
    }
    return rows;
  }

  private static RatioInterval change(
      TreeMap<Segment, Row> variant, TreeMap<Segment, Row> all, String domain) {
    RatioInterval.Sums sums = new RatioInterval.Sums();
    variant.forEach(
        (segment, row) -> {
          if (segment.domain.equals(domain)) {
            sums.add(row.getDouble(4) - all.get(segment).getDouble(4), row.getLong(3));
          }
        });
    return sums.interval();
  }

  private static long tokens(TreeMap<Segment, Row> variant, String domain) {
    long tokens = 0;
    for (Map.Entry<Segment, Row> entry : variant.entrySet()) {
      tokens += entry.getKey().domain.equals(domain) ? entry.getValue().getLong(3) : 0;
    }
    return tokens;
  }

  private static double loss(TreeMap<Segment, Row> variant, String domain) {
    double sum = 0;
    for (Map.Entry<Segment, Row> entry : variant.entrySet()) {
      sum += entry.getKey().domain.equals(domain) ? entry.getValue().getDouble(4) : 0;
    }
    return sum / tokens(variant, domain);
  }
}
