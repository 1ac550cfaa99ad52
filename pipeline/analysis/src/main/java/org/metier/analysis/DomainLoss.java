package org.metier.analysis;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.sum;
import static org.apache.spark.sql.types.DataTypes.DoubleType;
import static org.apache.spark.sql.types.DataTypes.LongType;
import static org.apache.spark.sql.types.DataTypes.StringType;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.StructType;

/**
 * A row of {@code domain_loss}: how well held-out text of one domain is predicted; the row {@link
 * RoutingSchema#ALL_DOMAINS} stands for the whole.
 *
 * @param tokens targets counted
 * @param loss mean cross-entropy, nats per token
 * @param perplexity e^loss
 * @param bitsPerByte Σ loss / (ln 2 · bytes): comparable between tokenizers
 * @param unigramEntropy entropy of the domain's own target tokens, nats: the loss of the best guess
 *     that knows the domain's token frequencies and no context
 * @param gain unigramEntropy − loss, nats: what the context is worth to the model
 */
public record DomainLoss(
    String domain,
    long tokens,
    double loss,
    double perplexity,
    double bitsPerByte,
    double unigramEntropy,
    double gain) {

  public static final String TABLE = "domain_loss";

  public static final StructType SCHEMA =
      new StructType()
          .add("domain", StringType, false)
          .add("tokens", LongType, false)
          .add("loss", DoubleType, false)
          .add("perplexity", DoubleType, false)
          .add("bits_per_byte", DoubleType, false)
          .add("unigram_entropy", DoubleType, false)
          .add("gain", DoubleType, false);

  /** Sums of one domain. */
  private static final class Sums {
    long tokens;
    long bytes;
    double loss;
  }

  /**
   * @param sequenceLoss {@link RoutingSchema#SEQUENCE_LOSS}
   * @param tokenCounts {@link RoutingSchema#TOKEN_COUNTS}
   */
  static List<DomainLoss> of(Dataset<Row> sequenceLoss, Dataset<Row> tokenCounts) {
    Map<String, Double> entropy = unigramEntropy(tokenCounts);
    List<DomainLoss> rows = new ArrayList<>();
    for (Map.Entry<String, Sums> entry : sums(sequenceLoss).entrySet()) {
      String domain = entry.getKey();
      Sums sums = entry.getValue();
      if (sums.tokens == 0) {
        continue;
      }
      if (!entropy.containsKey(domain)) {
        throw new IllegalArgumentException("token_counts has no row for the domain " + domain);
      }
      double loss = sums.loss / sums.tokens;
      rows.add(
          new DomainLoss(
              domain,
              sums.tokens,
              loss,
              Math.exp(loss),
              sums.loss / (Math.log(2) * sums.bytes),
              entropy.get(domain),
              entropy.get(domain) - loss));
    }
    return rows;
  }

  /** By domain in alphabetical order, the whole last; added up in the order of the sequences. */
  private static Map<String, Sums> sums(Dataset<Row> sequenceLoss) {
    Map<String, Sums> sums = new TreeMap<>();
    Sums all = new Sums();
    long lastSequence = 0;
    String lastDomain = "";
    for (Row row : sequenceLoss.sort("sequence", "domain").collectAsList()) {
      long sequence = row.getLong(0);
      String domain = row.getString(1);
      check(row, lastSequence == sequence && lastDomain.equals(domain));
      lastSequence = sequence;
      lastDomain = domain;
      Sums own = sums.computeIfAbsent(domain, name -> new Sums());
      for (Sums each : List.of(own, all)) {
        each.tokens += row.getLong(2);
        each.loss += row.getDouble(3);
        each.bytes += row.getLong(4);
      }
    }
    if (sums.isEmpty()) {
      throw new IllegalArgumentException("sequence_loss has no rows");
    }
    Map<String, Sums> ordered = new LinkedHashMap<>(sums);
    ordered.put(RoutingSchema.ALL_DOMAINS, all);
    return ordered;
  }

  private static void check(Row row, boolean repeated) {
    String where = "sequence_loss, sequence %d, domain %s".formatted(row.getLong(0), row.get(1));
    if (repeated) {
      throw new IllegalArgumentException(where + ": two rows");
    }
    if (row.getString(1).equals(RoutingSchema.ALL_DOMAINS)) {
      throw new IllegalArgumentException(where + ": this name is kept for all domains together");
    }
    if (row.getLong(2) < 0 || row.getLong(4) < 0 || !Double.isFinite(row.getDouble(3))) {
      throw new IllegalArgumentException(
          "%s: tokens and bytes must not be negative and loss_sum finite, are %d, %d and %s"
              .formatted(where, row.getLong(2), row.getLong(4), row.getDouble(3)));
    }
  }

  /**
   * H = ln N − (1/N) Σ n·ln n. Only the histogram of the counts n leaves the executors: at most
   * √(2N) distinct values per domain, added up in ascending order.
   */
  private static Map<String, Double> unigramEntropy(Dataset<Row> tokenCounts) {
    Dataset<Row> perDomain = tokenCounts.groupBy("domain", "token").agg(sum("tokens").as("tokens"));
    Dataset<Row> all =
        perDomain
            .groupBy("token")
            .agg(sum("tokens").as("tokens"))
            .select(lit(RoutingSchema.ALL_DOMAINS).as("domain"), col("token"), col("tokens"));
    List<Row> histogram =
        perDomain
            .unionByName(all)
            .where("tokens > 0")
            .groupBy("domain", "tokens")
            .agg(count(lit(1)).as("types"))
            .sort("domain", "tokens")
            .collectAsList();
    Map<String, Long> total = new TreeMap<>();
    Map<String, Double> sum = new TreeMap<>();
    for (Row row : histogram) {
      long n = row.getLong(1);
      long types = row.getLong(2);
      total.merge(row.getString(0), n * types, Long::sum);
      sum.merge(row.getString(0), types * (n * Math.log(n)), Double::sum);
    }
    Map<String, Double> entropy = new TreeMap<>();
    total.forEach(
        (domain, n) -> entropy.put(domain, Math.max(0, Math.log(n) - sum.get(domain) / n)));
    return entropy;
  }

  Row toRow() {
    return RowFactory.create(domain, tokens, loss, perplexity, bitsPerByte, unigramEntropy, gain);
  }

  static DomainLoss of(Row row) {
    return new DomainLoss(
        row.getString(0),
        row.getLong(1),
        row.getDouble(2),
        row.getDouble(3),
        row.getDouble(4),
        row.getDouble(5),
        row.getDouble(6));
  }
}
