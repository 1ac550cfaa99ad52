package org.metier.jobs.watch;

import java.io.IOException;
import java.util.Optional;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.parquet.example.data.Group;
import org.apache.parquet.hadoop.ParquetReader;
import org.apache.parquet.hadoop.example.GroupReadSupport;

/**
 * The last row of {@code train_metrics}, read without Spark.
 *
 * @param round finished when it was written
 * @param loss mean cross-entropy of that round, nats per token
 * @param tokensPerSecond of that round
 */
record LastRound(long round, double loss, double tokensPerSecond) {

  /**
   * @param tables directory of the run's tables
   */
  static Optional<LastRound> of(Path tables, String runId, Configuration hadoop)
      throws IOException {
    Path directory = new Path(tables, "train_metrics/run=" + runId);
    FileSystem files = directory.getFileSystem(hadoop);
    Optional<LastRound> last = Optional.empty();
    if (!files.exists(directory)) {
      return last;
    }
    for (FileStatus file : files.listStatus(directory)) {
      if (!file.getPath().getName().endsWith(".parquet")) {
        continue;
      }
      try (ParquetReader<Group> rows =
          ParquetReader.builder(new GroupReadSupport(), file.getPath()).withConf(hadoop).build()) {
        for (Group row = rows.read(); row != null; row = rows.read()) {
          long round = row.getLong("round", 0);
          if (last.isEmpty() || round > last.get().round()) {
            last =
                Optional.of(
                    new LastRound(
                        round, row.getDouble("loss", 0), row.getDouble("tokens_per_second", 0)));
          }
        }
      }
    }
    return last;
  }
}
