package org.metier.analysis;

import static org.apache.spark.sql.types.DataTypes.DoubleType;
import static org.apache.spark.sql.types.DataTypes.IntegerType;
import static org.apache.spark.sql.types.DataTypes.LongType;
import static org.apache.spark.sql.types.DataTypes.StringType;
import static org.apache.spark.sql.types.DataTypes.createArrayType;

import java.util.List;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;

/**
 * What the analysis takes in: counts per sequence, never a row per token.
 *
 * <p>A <i>segment</i> is the part of one sequence that belongs to one domain; a packed sequence may
 * hold several. (sequence, domain, layer) is a key of {@code sequence_routing} and (sequence,
 * domain) one of {@code sequence_loss}.
 */
public final class RoutingSchema {

  /** Name of the row that stands for all domains together; no domain may be called so. */
  public static final String ALL_DOMAINS = "all";

  /**
   * One row per segment and layer.
   *
   * <ul>
   *   <li>{@code tokens}: T, tokens of the segment
   *   <li>{@code expert_tokens [E]}: tokens that chose each expert, null experts last; sums to k·T
   *   <li>{@code gate_mass [E]}: sum of the gate weights with which it received them
   *   <li>{@code score_sum}: over the tokens, the softmax probability of the k chosen experts
   *   <li>{@code dropped [n]}: tokens among {@code expert_tokens} that each expert's capacity
   *       turned away, null experts left out: E - n is their number
   *   <li>{@code class_tokens [C·E]}: {@code expert_tokens} by class of the routed token, class by
   *       class; over the classes they sum to {@code expert_tokens}
   * </ul>
   */
  public static final StructType SEQUENCE_ROUTING =
      new StructType()
          .add("sequence", LongType, false)
          .add("domain", StringType, false)
          .add("layer", IntegerType, false)
          .add("tokens", LongType, false)
          .add("expert_tokens", createArrayType(LongType, false), false)
          .add("gate_mass", createArrayType(DoubleType, false), false)
          .add("score_sum", DoubleType, false)
          .add("dropped", createArrayType(LongType, false), false)
          .add("class_tokens", createArrayType(LongType, false), false);

  /**
   * One row per segment: {@code tokens}, the targets counted; {@code loss_sum}, their cross-entropy
   * in nats; {@code bytes}, their UTF-8 bytes.
   */
  public static final StructType SEQUENCE_LOSS =
      new StructType()
          .add("sequence", LongType, false)
          .add("domain", StringType, false)
          .add("tokens", LongType, false)
          .add("loss_sum", DoubleType, false)
          .add("bytes", LongType, false);

  /** How often each token id is a target, by domain; several rows for one id are added up. */
  public static final StructType TOKEN_COUNTS =
      new StructType()
          .add("domain", StringType, false)
          .add("token", IntegerType, false)
          .add("tokens", LongType, false);

  /**
   * Tokens that chose both experts, by layer and pair with {@code expert_a < expert_b}; a pair
   * without tokens has no row.
   */
  public static final StructType PAIR_COUNTS =
      new StructType()
          .add("layer", IntegerType, false)
          .add("expert_a", IntegerType, false)
          .add("expert_b", IntegerType, false)
          .add("tokens", LongType, false);

  /**
   * Positions whose first choice is the expert, by their token of a kind: {@code input}, the routed
   * one, {@code target}, the one that follows, or {@code predicted}, the one the model expects.
   */
  public static final StructType VOCABULARY_COUNTS =
      new StructType()
          .add("layer", IntegerType, false)
          .add("kind", StringType, false)
          .add("expert", IntegerType, false)
          .add("token", IntegerType, false)
          .add("tokens", LongType, false);

  /** Tokens that chose the one expert in this layer and the other in the next, by domain. */
  public static final StructType FLOW_COUNTS =
      new StructType()
          .add("layer", IntegerType, false)
          .add("expert", IntegerType, false)
          .add("next_expert", IntegerType, false)
          .add("domain", StringType, false)
          .add("tokens", LongType, false);

  /** The vocabulary: {@code text} of each token id. */
  public static final StructType VOCABULARY =
      new StructType().add("token", IntegerType, false).add("text", StringType, false);

  private RoutingSchema() {}

  /**
   * The columns of {@code schema}, in its order.
   *
   * @throws IllegalArgumentException when a column is missing or has another type
   */
  static Dataset<Row> conform(String table, Dataset<Row> rows, StructType schema) {
    List<String> present = List.of(rows.columns());
    for (StructField field : schema.fields()) {
      String expected = field.dataType().catalogString();
      if (!present.contains(field.name())) {
        throw new IllegalArgumentException(
            "%s lacks the column %s (%s); it has %s"
                .formatted(table, field.name(), expected, String.join(", ", present)));
      }
      String actual = rows.schema().apply(field.name()).dataType().catalogString();
      if (!actual.equals(expected)) {
        throw new IllegalArgumentException(
            "%s.%s is %s, must be %s".formatted(table, field.name(), actual, expected));
      }
    }
    Column[] columns = new Column[schema.size()];
    for (int i = 0; i < columns.length; i++) {
      columns[i] = functions.col(schema.fieldNames()[i]);
    }
    return rows.select(columns);
  }
}
