package org.metier.prep;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Optional;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.SparkSession;
import org.metier.prep.document.Document;
import org.metier.prep.document.Split;
import org.metier.prep.document.Step;
import org.metier.prep.read.InputFiles;
import org.metier.prep.report.PrepareTables;
import org.metier.prep.shard.ShardManifest;
import org.metier.prep.tokenize.Tokenizer;

/**
 * From domain-tagged text to token shards. {@link #run} reads from top to bottom:
 *
 * <pre>
 * read once → learn the tokenizer → encode and pack → mix, shuffle and write the shards
 * </pre>
 *
 * The result is a function of the configuration and the documents alone: neither the number of
 * partitions nor a task that runs twice changes a byte of it.
 */
public final class Preparation {
  private final JavaSparkContext spark;
  private final PrepareConfig config;
  private final Configuration hadoop;
  private final Stages stages;
  private final int partitions;

  /** Prepares what a configuration says. */
  public Preparation(SparkSession spark, PrepareConfig config, Progress progress) {
    this(spark, config, progress, 4 * spark.sparkContext().defaultParallelism());
  }

  /**
   * @param partitions pieces into which the input is cut, if it is large enough
   */
  Preparation(SparkSession spark, PrepareConfig config, Progress progress, int partitions) {
    this.spark = JavaSparkContext.fromSparkContext(spark.sparkContext());
    this.config = config;
    this.hadoop = spark.sparkContext().hadoopConfiguration();
    this.stages = new Stages(progress);
    this.partitions = partitions;
  }

  /**
   * Runs the job, or finds that its result is there already.
   *
   * @throws BadDataException with one line about input or output that cannot be used
   */
  public PrepareReport run() {
    return run(() -> {});
  }

  /**
   * The same.
   *
   * @param beforeCommit called when all is written aside; throws if this process may not commit it
   */
  public PrepareReport run(Runnable beforeCommit) {
    InputFiles input = InputFiles.list(config, hadoop);
    PreparedDirectory output = new PreparedDirectory(config, input, hadoop);
    TokenizerStage tokenizers = new TokenizerStage(spark, config, stages, partitions);
    Optional<PrepareReport> earlier = output.completed(tokenizers.existing());
    if (earlier.isPresent()) {
      return earlier.get();
    }
    output.begin();

    PrepareTables tables = new PrepareTables(spark, output.tables(), input);
    ReadStage reading = new ReadStage(spark, config, stages, partitions);
    try (ReadRecords records = reading.run(input, tables)) {
      return prepare(records, tables, tokenizers, output, beforeCommit);
    }
  }

  private PrepareReport prepare(
      ReadRecords records,
      PrepareTables tables,
      TokenizerStage tokenizers,
      PreparedDirectory output,
      Runnable beforeCommit) {
    // Steps that let documents go stand here; each hands them to the tables.
    JavaRDD<Document> documents = records.documents();
    TokenizerStage.Result learned = tokenizers.run(documents, records.counts().documents());
    tables.counts().require(Step.DECONTAMINATE, learned.documents().documentsByDomain());
    Tokenizer tokenizer = learned.tokenizer();
    save(tokenizer, output.tokenizerFile());

    ShardStage.Result written =
        new ShardStage(spark, config, stages)
            .run(documents, learned.documents(), tokenizer, output);
    PreparedCounts result =
        new PreparedCounts(
            learned.documents(), written.buckets(), written.packed(), written.mixture());
    tables.counts().require(Step.MIX, result.documentsByDomain());
    tables.writeReport();
    List<Split> splits = config.splits().splits();
    for (Split split : splits) {
      ShardManifest manifest =
          result.manifest(split, config, tokenizer, written.plan(), written.shards());
      save(manifest, output.splitDirectory(split));
    }
    PrepareReport report = result.report(tables.counts(), splits, tokenizer, stages.seconds());
    beforeCommit.run();
    output.commit(report);
    return report;
  }

  private void save(Tokenizer tokenizer, Path file) {
    try {
      tokenizer.save(file, hadoop);
    } catch (IOException e) {
      throw new UncheckedIOException(file + " cannot be written", e);
    }
  }

  private void save(ShardManifest manifest, Path splitDirectory) {
    try {
      manifest.write(splitDirectory, hadoop);
    } catch (IOException e) {
      throw new UncheckedIOException(splitDirectory + " cannot be written", e);
    }
  }
}
