package org.metier.analysis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.metier.analysis.SparkForTests.SPARK;
import static org.metier.analysis.Synthetic.SMALL;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TableDirectoryTest {

  @Test
  void writesOneFilePerPartitionAndReplacesNothingElse(@TempDir Path directory) throws IOException {
    Tables first = SMALL.tables(1);
    Tables second = SMALL.tables(2);
    first.write(directory.toString(), "a", 10);
    first.write(directory.toString(), "a", 20);
    first.write(directory.toString(), "b", 10);
    List<String> files = files(directory);
    byte[] untouched =
        Files.readAllBytes(directory.resolve("expert_domain/run=b/step=10/part-00000.parquet"));

    second.write(directory.toString(), "a", 10);

    assertThat(files(directory)).isEqualTo(files).hasSize(15);
    assertThat(files).contains("layer_summary/run=a/step=20/part-00000.parquet");
    assertThat(directory.resolve("expert_domain/run=b/step=10/part-00000.parquet"))
        .hasBinaryContent(untouched);
    TableDirectory tables = new TableDirectory(SPARK, directory.toString());
    assertThat(domains(tables, "a", 10)).isEqualTo(second.expertDomain());
    assertThat(domains(tables, "a", 20)).isEqualTo(first.expertDomain());
    assertThat(domains(tables, "b", 10)).isEqualTo(first.expertDomain());
    assertThat(tables.lastStep(ExpertDomain.TABLE, "a")).hasValue(20);
    assertThat(tables.runs(ExpertDomain.TABLE)).containsExactly("a", "b");
  }

  @Test
  void saysWhichTableIsMissingAndWhere(@TempDir Path directory) {
    TableDirectory tables = new TableDirectory(SPARK, directory.toString());
    assertThat(tables.lastStep(DomainLoss.TABLE, "a")).isEmpty();
    assertThatThrownBy(() -> tables.read(DomainLoss.TABLE, "a", 3, DomainLoss.SCHEMA))
        .isInstanceOf(MissingTableException.class)
        .hasMessage("no table domain_loss of run a, step 3 in " + directory);
  }

  @Test
  void aTableOfAnotherVersionIsNamed(@TempDir Path directory) {
    TableDirectory tables = new TableDirectory(SPARK, directory.toString());
    StructType older = DomainLoss.SCHEMA;
    tables.write(
        DomainLoss.TABLE, "a", 3, SPARK.createDataFrame(List.<Row>of(), older).drop("gain"));
    assertThatThrownBy(() -> tables.read(DomainLoss.TABLE, "a", 3, DomainLoss.SCHEMA))
        .isInstanceOf(MissingTableException.class)
        .hasMessageContaining("domain_loss/run=a/step=3 was written by another version")
        .hasMessageContaining("lacks the column gain (double)");
  }

  @Test
  void aRunThatWouldLeaveItsDirectoryIsRefused(@TempDir Path directory) throws IOException {
    assertThatThrownBy(() -> SMALL.tables(1).write(directory.toString(), "../a", 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("run may hold letters, digits, '.', '_' and '-' only, is '../a'");
    assertThat(files(directory)).isEmpty();
  }

  private static List<ExpertDomain> domains(TableDirectory tables, String run, long step) {
    return tables.read(ExpertDomain.TABLE, run, step, ExpertDomain.SCHEMA).collectAsList().stream()
        .map(ExpertDomain::of)
        .toList();
  }

  private static List<String> files(Path directory) throws IOException {
    try (Stream<Path> paths = Files.walk(directory)) {
      return paths
          .filter(Files::isRegularFile)
          .map(path -> directory.relativize(path).toString())
          .sorted()
          .toList();
    }
  }
}
