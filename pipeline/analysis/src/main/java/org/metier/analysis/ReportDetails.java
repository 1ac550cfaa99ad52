package org.metier.analysis;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.StructType;

/**
 * What the report shows of the tables that are too large to be shown whole, or are shown as they
 * are.
 *
 * @param rows of each table by its name, in the order they were written; none of a missing one
 */
record ReportDetails(Map<String, List<Row>> rows) {
  /** Of each expert: partners, ways to the next layer, tokens of a kind. */
  private static final int MOST = 4;

  private static final int MOST_TOKENS = 8;

  private static final Map<String, StructType> SCHEMAS = new LinkedHashMap<>();

  static {
    SCHEMAS.put(Coactivation.TABLE, Coactivation.SCHEMA);
    SCHEMAS.put(RoutingFlow.TABLE, RoutingFlow.SCHEMA);
    SCHEMAS.put(Vocabulary.TABLE, Vocabulary.SCHEMA);
    SCHEMAS.put(Vocabulary.SUMMARY_TABLE, Vocabulary.SUMMARY_SCHEMA);
    SCHEMAS.put(Saturation.TABLE, Saturation.SCHEMA);
    SCHEMAS.put(ExpertAblation.TABLE, ExpertAblation.SCHEMA);
    SCHEMAS.put(ExpertClusters.TABLE, ExpertClusters.SCHEMA);
    SCHEMAS.put(RouterMap.TABLE, RouterMap.SCHEMA);
    SCHEMAS.put(Independence.TABLE, Independence.SCHEMA);
  }

  /**
   * Reads what is there of one run and step and adds the names of the others to {@code missing}.
   */
  static ReportDetails read(TableDirectory directory, String run, long step, List<String> missing) {
    Map<String, List<Row>> rows = new LinkedHashMap<>();
    SCHEMAS.forEach(
        (table, schema) -> {
          if (directory.has(table, run, step)) {
            rows.put(table, directory.read(table, run, step, schema).collectAsList());
          } else {
            rows.put(table, List.of());
            missing.add(table);
          }
        });
    return new ReportDetails(rows);
  }

  void put(ObjectNode json, Tables tables) {
    ObjectNode experts = json.putObject("cards");
    putPartners(experts);
    putVocabulary(experts);
    putClasses(experts, tables);
    for (Row row : rows.get(ExpertClusters.TABLE)) {
      card(experts, row.getInt(0), row.getInt(1)).put("cluster", row.getString(3));
    }
    for (Row row : rows.get(RouterMap.TABLE)) {
      ArrayNode place = card(experts, row.getInt(0), row.getInt(1)).putArray("place");
      place.add(ReportData.rounded(row.getDouble(2))).add(ReportData.rounded(row.getDouble(3)));
      json.withObject("/explained")
          .put(String.valueOf(row.getInt(0)), ReportData.rounded(row.getDouble(4)));
    }
    putFlow(json.putObject("flow"));
    for (String whole :
        List.of(
            Vocabulary.SUMMARY_TABLE, Saturation.TABLE, ExpertAblation.TABLE, Independence.TABLE)) {
      putRows(json.putArray(whole), rows.get(whole), SCHEMAS.get(whole));
    }
  }

  private static ObjectNode card(ObjectNode experts, int layer, int expert) {
    return child(child(experts, layer), expert);
  }

  /** Not by a path: Jackson would take a number in it for an array's index. */
  private static ObjectNode child(ObjectNode parent, int number) {
    String name = String.valueOf(number);
    return parent.get(name) instanceof ObjectNode child ? child : parent.putObject(name);
  }

  /** Those whom an expert meets most beyond what loads explain: [expert, probability, lift]. */
  private void putPartners(ObjectNode experts) {
    byExpert(rows.get(Coactivation.TABLE), 0, 1)
        .forEach(
            (key, own) ->
                own.stream()
                    .filter(row -> row.getLong(3) > 0 && row.getDouble(5) > 1)
                    .sorted(
                        Comparator.comparingDouble(
                            row -> -excess(row.getLong(3), row.getDouble(5))))
                    .limit(MOST)
                    .forEach(
                        row ->
                            card(experts, row.getInt(0), row.getInt(1))
                                .withArray("/partners")
                                .addArray()
                                .add(row.getInt(2))
                                .add(ReportData.rounded(row.getDouble(4)))
                                .add(ReportData.rounded(row.getDouble(5)))));
  }

  /** Tokens by kind, best first: [text, share, lift]. */
  private void putVocabulary(ObjectNode experts) {
    for (Row row : rows.get(Vocabulary.TABLE)) {
      if (row.getInt(3) >= 1 && row.getInt(3) <= MOST_TOKENS) {
        card(experts, row.getInt(0), row.getInt(1))
            .withArray("/" + row.getString(2))
            .addArray()
            .add(row.getString(5))
            .add(ReportData.rounded(row.getDouble(8)))
            .add(ReportData.rounded(row.getDouble(9)));
      }
    }
  }

  /** The class of tokens that an expert prefers most: [name, share of its tokens]. */
  private static void putClasses(ObjectNode experts, Tables tables) {
    Map<String, ExpertTokenClass> best = new LinkedHashMap<>();
    for (ExpertTokenClass row : tables.expertTokenClass()) {
      best.merge(
          row.layer() + "/" + row.expert(),
          row,
          (old, next) ->
              excess(next.tokens(), next.lift()) > excess(old.tokens(), old.lift()) ? next : old);
    }
    best.values()
        .forEach(
            row ->
                card(experts, row.layer(), row.expert())
                    .putArray("class")
                    .add(row.tokenClass())
                    .add(ReportData.rounded(row.lift())));
  }

  /** By layer, over all domains: [expert, next expert, tokens, lift], the strongest of each. */
  private void putFlow(ObjectNode flow) {
    List<Row> all =
        rows.get(RoutingFlow.TABLE).stream()
            .filter(row -> row.getString(3).equals(RoutingSchema.ALL_DOMAINS))
            .toList();
    byExpert(all, 0, 1)
        .forEach(
            (key, own) ->
                own.stream()
                    .sorted(
                        Comparator.comparingDouble(
                            row -> -excess(row.getLong(4), row.getDouble(6))))
                    .limit(MOST)
                    .forEach(
                        row ->
                            flow.withArray("/" + row.getInt(0))
                                .addArray()
                                .add(row.getInt(1))
                                .add(row.getInt(2))
                                .add(row.getLong(4))
                                .add(ReportData.rounded(row.getDouble(6)))));
  }

  /** n · ln(lift): what is there beyond chance, weighted by how much it is. */
  private static double excess(long tokens, double lift) {
    return lift > 0 ? tokens * Math.log(lift) : Double.NEGATIVE_INFINITY;
  }

  private static Map<String, List<Row>> byExpert(List<Row> rows, int layer, int expert) {
    Map<String, List<Row>> groups = new LinkedHashMap<>();
    for (Row row : rows) {
      groups
          .computeIfAbsent(
              row.getInt(layer) + "/" + row.getInt(expert), key -> new java.util.ArrayList<>())
          .add(row);
    }
    return groups;
  }

  private static void putRows(ArrayNode array, List<Row> rows, StructType schema) {
    for (Row row : rows) {
      ReportData.putColumns(array.addObject(), row, schema);
    }
  }
}
