package org.metier.jobs.cluster;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;

/**
 * A run's directory as a stranger reads it.
 *
 * @param uri on any Hadoop file system
 * @param local receives copies of tables
 */
record StoredRun(FileSystem files, String uri, Path local) {

  /** SHA-256 by file of a checkpoint, but for {@code metrics.json}, which holds times. */
  Map<String, String> sha256(long round) {
    Map<String, String> byName = new TreeMap<>();
    JsonNode manifest = json("checkpoints/round-%06d/manifest.json".formatted(round));
    manifest
        .fields()
        .forEachRemaining(
            file -> byName.put(file.getKey(), file.getValue().get("sha256").asText()));
    byName.remove("metrics.json");
    return byName;
  }

  /** Position, counters and the rest of a checkpoint's {@code state.json}. */
  JsonNode state(long round) {
    return json("checkpoints/round-%06d/state.json".formatted(round));
  }

  /** Selections and gate mass by round, layer and expert. */
  List<String> expertLoad() {
    return rows(
        "train_expert_load",
        "SELECT round, layer, expert, tokens, share, gate_mass FROM %s ORDER BY round, layer, expert");
  }

  /** All of {@code train_metrics} that is not a time. */
  List<String> metrics() {
    return rows(
        "train_metrics",
        "SELECT round, step, tokens, loss, balance_loss, z_loss, learning_rate, grad_norm,"
            + " max_vio, max_vio_global FROM %s ORDER BY round");
  }

  /**
   * The rows that a query of one table gives, by DuckDB.
   *
   * @param query with {@code %s} for the table
   */
  List<String> rows(String table, String query) {
    try (Connection duckDb = DriverManager.getConnection("jdbc:duckdb:")) {
      Path copy = Files.createTempDirectory(local, table).resolve("copy");
      files.copyToLocalFile(
          false,
          new org.apache.hadoop.fs.Path(uri, "tables/" + table),
          new org.apache.hadoop.fs.Path(copy.toUri()),
          true);
      String source = "read_parquet('%s/**/*.parquet')".formatted(copy);
      ResultSet rows = duckDb.createStatement().executeQuery(query.formatted(source));
      List<String> read = new ArrayList<>();
      while (rows.next()) {
        StringBuilder row = new StringBuilder();
        for (int c = 1; c <= rows.getMetaData().getColumnCount(); c++) {
          row.append(rows.getObject(c)).append(' ');
        }
        read.add(row.toString());
      }
      return read;
    } catch (SQLException e) {
      throw new AssertionError(uri + ": table " + table + " cannot be read", e);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Names in a directory of the run. */
  List<String> list(String directory) {
    try {
      List<String> names = new ArrayList<>();
      for (FileStatus file : files.listStatus(new org.apache.hadoop.fs.Path(uri, directory))) {
        names.add(file.getPath().getName());
      }
      return names;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private JsonNode json(String file) {
    try (InputStream in = files.open(new org.apache.hadoop.fs.Path(uri, file))) {
      return new ObjectMapper().readTree(in);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
