package org.metier.prep.read;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.ml.feature.HashingTF;
import org.apache.spark.ml.feature.MinHashLSH;
import org.apache.spark.ml.feature.MinHashLSHModel;
import org.apache.spark.ml.feature.NGram;
import org.apache.spark.ml.feature.RegexTokenizer;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.metier.prep.PrepareConfig;
import org.metier.prep.PrepareFixture;
import org.metier.prep.clean.CleaningConfig.Step;
import org.metier.prep.clean.CleaningFixture;
import org.metier.prep.dedup.Clusters;
import org.metier.prep.dedup.Deduplication;
import org.metier.prep.dedup.DeduplicationConfig.Keep;
import org.metier.prep.dedup.DeduplicationConfig.Method;
import org.metier.prep.dedup.DeduplicationConfig.Within;
import org.metier.prep.dedup.DeduplicationFixture;
import org.metier.prep.document.Document;
import org.metier.prep.document.Outcome;

/**
 * Cleaning and deduplication of a JSONL file by one thread: {@code CleaningBenchmark FILE filters |
 * minhash | mllib ...}. The same file goes through datatrove with {@code
 * src/test/python/datatrove_bench.py}, which makes it, too; jobs/bench/beside-datatrove runs both
 * in turn. Figures are megabytes of text per second of CPU time of the process, compiler and
 * garbage collector included; of several passes the last counts.
 */
public final class CleaningBenchmark {
  private static final int PASSES = 3;
  private static final OperatingSystemMXBean SYSTEM =
      (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();

  private final Path file;
  private double megabytes;

  private CleaningBenchmark(Path file) {
    this.file = file;
  }

  public static void main(String[] args) {
    CleaningBenchmark benchmark = new CleaningBenchmark(Path.of(args[0]));
    SparkSession session =
        SparkSession.builder()
            .master("local[1]")
            .config("spark.ui.enabled", "false")
            .config("spark.sql.shuffle.partitions", "4")
            .getOrCreate();
    session.sparkContext().setLogLevel("ERROR");
    List<String> parts = List.of(args).subList(1, args.length);
    for (int pass = 0; pass < PASSES; pass++) {
      benchmark.clean("read");
      if (parts.contains("filters")) {
        benchmark.filters();
      }
      if (parts.contains("minhash")) {
        benchmark.deduplicate(session);
      }
      if (parts.contains("mllib")) {
        benchmark.mllib(session);
      }
    }
    session.stop();
  }

  private void filters() {
    clean("read, language", Step.LANGUAGE);
    clean(
        "read, Unicode, spaces, PII",
        Step.UNICODE,
        Step.WHITESPACE,
        Step.MASK_EMAIL,
        Step.MASK_IP,
        Step.MASK_PHONE);
    clean("read and filters", Step.GOPHER_REPETITION, Step.GOPHER_QUALITY, Step.C4);
  }

  private List<Document> documents(Step... steps) {
    PrepareConfig config =
        new PrepareFixture(Path.of("out"), file).cleaning(CleaningFixture.steps(steps)).config();
    Configuration hadoop = new Configuration();
    DocumentSource source = new DocumentSource(config, hadoop);
    List<Document> documents = new ArrayList<>();
    for (FileSlice slice : InputFiles.list(config, hadoop).slices(Long.MAX_VALUE)) {
      try (DocumentReader reader = source.read(slice)) {
        while (reader.hasNext()) {
          Outcome outcome = reader.next();
          if (outcome instanceof Document document) {
            documents.add(document);
          }
        }
      }
    }
    return documents;
  }

  private void clean(String name, Step... steps) {
    long start = SYSTEM.getProcessCpuTime();
    List<Document> documents = documents(steps);
    double seconds = (SYSTEM.getProcessCpuTime() - start) / 1e9;
    if (steps.length == 0) {
      megabytes = documents.stream().mapToLong(document -> document.utf8().length).sum() / 1e6;
    }
    print(name, seconds, documents.size() + " documents kept");
  }

  private void deduplicate(SparkSession session) {
    JavaSparkContext spark = JavaSparkContext.fromSparkContext(session.sparkContext());
    long start = SYSTEM.getProcessCpuTime();
    String path = file.toString();
    JavaRDD<Document> documents =
        spark
            .parallelize(List.of(0), 1)
            .flatMap(one -> new CleaningBenchmark(Path.of(path)).documents().iterator());
    Clusters clusters =
        new Deduplication(
                session, DeduplicationFixture.of(Method.NEAR, Keep.LONGEST, Within.CORPUS, 0), 4)
            .find(documents);
    double seconds = (SYSTEM.getProcessCpuTime() - start) / 1e9;
    print("read and near-duplicates", seconds, clusters.selection().rejected() + " dropped");
  }

  /** What MLlib has for the same: one hash in each of 20 tables, joined with itself. */
  private void mllib(SparkSession session) {
    JavaSparkContext spark = JavaSparkContext.fromSparkContext(session.sparkContext());
    long start = SYSTEM.getProcessCpuTime();
    String path = file.toString();
    JavaRDD<Row> rows =
        spark
            .parallelize(List.of(0), 1)
            .flatMap(one -> new CleaningBenchmark(Path.of(path)).documents().iterator())
            .map(document -> RowFactory.create(document.offset(), document.text()));
    StructType schema =
        new StructType().add("key", DataTypes.LongType).add("text", DataTypes.StringType);
    Dataset<Row> texts = session.createDataFrame(rows, schema);
    Dataset<Row> words =
        new RegexTokenizer()
            .setPattern("\\W+")
            .setInputCol("text")
            .setOutputCol("words")
            .transform(texts);
    Dataset<Row> shingles =
        new NGram().setN(5).setInputCol("words").setOutputCol("shingles").transform(words);
    Dataset<Row> vectors =
        new HashingTF()
            .setNumFeatures(1 << 30)
            .setBinary(true)
            .setInputCol("shingles")
            .setOutputCol("features")
            .transform(shingles)
            .filter(functions.size(functions.col("shingles")).gt(0))
            .select("key", "features");
    MinHashLSHModel model =
        new MinHashLSH()
            .setNumHashTables(20)
            .setSeed(1)
            .setInputCol("features")
            .setOutputCol("hashes")
            .fit(vectors);
    Dataset<Row> hashed = model.transform(vectors).cache();
    long pairs =
        model
            .approxSimilarityJoin(hashed, hashed, 0.3)
            .filter("datasetA.key < datasetB.key")
            .count();
    hashed.unpersist();
    double seconds = (SYSTEM.getProcessCpuTime() - start) / 1e9;
    print("read and MLlib MinHashLSH", seconds, pairs + " pairs");
  }

  private void print(String name, double seconds, String result) {
    System.out.printf(
        "Metier    %-26s %8.2f CPU s %8.2f MB per CPU s   (%s)%n",
        name, seconds, megabytes / seconds, result);
  }
}
