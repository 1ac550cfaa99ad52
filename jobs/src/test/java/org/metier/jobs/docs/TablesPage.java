package org.metier.jobs.docs;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.io.IOException;
import java.io.Reader;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.metier.train.TrainTables;

/**
 * {@code jobs/docs/tables.md}: columns from the schemas that the code writes, meanings from the
 * Javadoc of the records whose {@code TABLE} and {@code SCHEMA} they are.
 */
final class TablesPage {
  private static final Pattern PARAM =
      Pattern.compile("(?s)@param (\\w+) (.*?)(?=\\n \\* @|\\n \\*/)");
  private static final Pattern ITEM =
      Pattern.compile("(?s)<li>(.*?)(?=\\n \\* +<li>|\\n \\* </ul>)");
  private static final Pattern NAMES =
      Pattern.compile(
          "(?s)((?:\\{@code \\w+},?\\s+(?:\\* +)?)*\\{@code \\w+}): (.*?)(?=; \\{@code \\w+}: |$)");
  private static final Pattern NAME = Pattern.compile("\\{@code (\\w+)}");
  private static final Pattern JAVADOC = Pattern.compile("(?s)/\\*\\*(?:(?!\\*/).)*\\*/\\s*public");

  /** Columns that mean the same in every table, so that few records document them. */
  private static final Map<String, String> KEYS =
      Map.ofEntries(
          Map.entry("layer", "from 0"),
          Map.entry("expert", "from 0"),
          Map.entry("expert_a", "from 0"),
          Map.entry("expert_b", "from 0"),
          Map.entry("next_expert", "of the next layer, from 0"),
          Map.entry("domain", "as the corpus names it"),
          Map.entry(
              "token_class",
              "of the routed token: word, word_part, number, bracket, punctuation, whitespace, not_ascii, mixed, separator"),
          Map.entry("factor", "domain or token_class"),
          Map.entry("choices", "N, choices of the layer"),
          Map.entry("chi_square", "of the table factor × expert"),
          Map.entry("degrees_of_freedom", "of that test"),
          Map.entry("p_value", "takes choices as independent: far too small"),
          Map.entry(
              "cramers_v", "size of the effect: 0 = independent, 1 = one determines the other"),
          Map.entry("x", "first principal component"),
          Map.entry("y", "second"),
          Map.entry("explained", "part of the variance that both hold"),
          Map.entry(
              "random_change", "of the loss with as many experts kept that were drawn at random"),
          Map.entry("kind", "input, target or predicted: which token of a position counts"),
          Map.entry("token", "its id; -1 for all that are not listed"),
          Map.entry("text", "of the token"),
          Map.entry("tokens", "held-out tokens"));

  private TablesPage() {}

  static String text() {
    Map<String, String> tables = new TreeMap<>();
    Properties train = trainColumns();
    TrainTables.schemas()
        .forEach(
            (table, schema) ->
                tables.put(
                    table,
                    table(
                        table,
                        train.getProperty(table, ""),
                        schema,
                        column -> train.getProperty(table + "." + column, ""))));
    for (JavaClass record : recordsWithTables()) {
      String table = constant(record, "TABLE", String.class);
      String source = source(record);
      Map<String, String> meanings = meanings(source);
      StructType schema = constant(record, "SCHEMA", StructType.class);
      tables.put(
          table,
          table(
              table,
              about(source),
              schema,
              c -> meanings.getOrDefault(camelCase(c), KEYS.getOrDefault(c, ""))));
    }
    StringBuilder page =
        new StringBuilder(
            """
            # Tables

            Parquet under `runs/ID/tables/TABLE/`, partitioned by `run=ID` and, but for what training writes, by `step=N`, the
            optimiser steps of the checkpoint; what prepare writes lies under `OUTPUT/tables/TABLE/`, and `jobs/run sql --run OUTPUT`
            queries it. They read the same in Spark SQL and DuckDB.

            *Made from the schemas; rewritten by the command in
            [ReferencesTest](../src/test/java/org/metier/jobs/docs/ReferencesTest.java).*
            """);
    tables.values().forEach(page::append);
    return page.toString();
  }

  private static String table(
      String name, String about, StructType schema, Function<String, String> meaning) {
    StringBuilder text = new StringBuilder("\n## " + name + "\n\n");
    if (!about.isEmpty()) {
      text.append(about).append("\n\n");
    }
    text.append("| column | type | meaning |\n|---|---|---|\n");
    for (StructField field : schema.fields()) {
      String type = field.dataType().sql().toLowerCase(Locale.ROOT);
      String column = meaning.apply(field.name()).replace("|", "\\|");
      text.append(
          "| `%s` | %s%s | %s |\n"
              .formatted(field.name(), type, field.nullable() ? ", may be null" : "", column));
    }
    return text.toString();
  }

  private static Iterable<JavaClass> recordsWithTables() {
    return new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages("org.metier.analysis", "org.metier.prep")
            .stream()
            .filter(c -> c.tryGetField("TABLE").isPresent() && c.tryGetField("SCHEMA").isPresent())
            .sorted(Comparator.comparing(JavaClass::getName))
            .toList();
  }

  private static <T> T constant(JavaClass of, String field, Class<T> type) {
    try {
      var constant = of.reflect().getDeclaredField(field);
      constant.setAccessible(true);
      return type.cast(constant.get(null));
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(e);
    }
  }

  /** The file of a class, in whatever module. */
  private static String source(JavaClass of) {
    String file = of.getName().replace('.', '/') + ".java";
    try (Stream<Path> modules = Files.walk(Path.of(".."), 2)) {
      Path found =
          modules
              .map(module -> module.resolve("src/main/java").resolve(file))
              .filter(Files::exists)
              .findFirst()
              .orElseThrow();
      return Files.readString(found);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Of the record's components, by name. */
  private static Map<String, String> meanings(String source) {
    Map<String, String> meanings = new TreeMap<>();
    Matcher javadoc = JAVADOC.matcher(source);
    if (javadoc.find()) {
      Matcher param = PARAM.matcher(javadoc.group());
      while (param.find()) {
        meanings.put(param.group(1), plain(param.group(2)));
      }
      Matcher item = ITEM.matcher(javadoc.group());
      while (item.find()) {
        addListed(meanings, item.group(1));
      }
    }
    return meanings;
  }

  /** {@code a}, {@code b}: what they mean; {@code c}: what that means. */
  private static void addListed(Map<String, String> meanings, String item) {
    Matcher listed = NAMES.matcher(item);
    while (listed.find()) {
      Matcher name = NAME.matcher(listed.group(1));
      while (name.find()) {
        meanings.put(camelCase(name.group(1)), plain(listed.group(2)));
      }
    }
  }

  /** The Javadoc's first paragraph. */
  private static String about(String source) {
    Matcher javadoc = JAVADOC.matcher(source);
    if (!javadoc.find()) {
      return "";
    }
    String text = javadoc.group().split("\\n \\*\\s*\\n|\\n \\* @|\\n \\*/|\\*/")[0];
    return plain(text.replaceFirst("/\\*\\*", ""));
  }

  /** Without stars, line breaks and tags. */
  private static String plain(String javadoc) {
    return javadoc
        .replaceAll("\\n \\*", " ")
        .replaceAll("\\s+", " ")
        .replaceAll("\\{@(?:code|link) #?([^}]*)}", "`$1`")
        .replaceAll("<[^>]+>", "")
        .strip();
  }

  private static String camelCase(String column) {
    return Pattern.compile("_(\\w)")
        .matcher(column)
        .replaceAll(m -> m.group(1).toUpperCase(Locale.ROOT));
  }

  private static Properties trainColumns() {
    Properties columns = new Properties();
    try (Reader in =
        Files.newBufferedReader(Path.of("src/test/resources/train-columns.properties"))) {
      columns.load(in);
      return columns;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
