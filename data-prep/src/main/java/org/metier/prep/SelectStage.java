package org.metier.prep;

import java.util.ArrayList;
import java.util.List;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.function.Function;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.util.LongAccumulator;
import org.metier.prep.dedup.Clusters;
import org.metier.prep.dedup.Decontaminator;
import org.metier.prep.dedup.Deduplication;
import org.metier.prep.dedup.DeduplicationConfig;
import org.metier.prep.dedup.DeduplicationConfig.Method;
import org.metier.prep.dedup.DuplicatesTable;
import org.metier.prep.dedup.Selection;
import org.metier.prep.document.Document;
import org.metier.prep.document.Outcome;
import org.metier.prep.document.Split;
import org.metier.prep.read.InputFiles;
import org.metier.prep.read.ReadCounts;
import scala.Tuple2;

/** Takes out duplicates, and then training documents that share text with held-out ones. */
final class SelectStage implements AutoCloseable {
  private static final long DOCUMENTS_PER_SHUFFLE = 100_000;

  private final SparkSession session;
  private final JavaSparkContext spark;
  private final PrepareConfig config;
  private final Stages stages;
  private final int partitions;
  private final List<Broadcast<Selection>> shared = new ArrayList<>();

  SelectStage(SparkSession session, PrepareConfig config, Stages stages, int partitions) {
    this.session = session;
    this.spark = JavaSparkContext.fromSparkContext(session.sparkContext());
    this.config = config;
    this.stages = stages;
    this.partitions = partitions;
  }

  /** The records under the selection; this stage must stay open as long as they are used. */
  ReadRecords run(ReadRecords records, InputFiles input, PreparedDirectory output) {
    DeduplicationConfig deduplication = config.deduplication();
    ReadRecords selected = records;
    Selection selection = Selection.NONE;
    if (deduplication.method() != Method.NONE) {
      Clusters clusters = deduplicate(records);
      new DuplicatesTable(session).write(clusters.members(), input, output.duplicatesTable());
      selection = clusters.selection();
      selected = select(records, selection);
    }
    if (deduplication.decontamination().ngram() > 0) {
      selected = select(records, selection.without(contaminated(selected)));
    }
    return selected;
  }

  private Clusters deduplicate(ReadRecords records) {
    long total = records.counts().documents();
    LongAccumulator done = spark.sc().longAccumulator();
    JavaRDD<Document> documents = counted(records.documents(), done);
    return stages.run(
        "deduplicate",
        total,
        "documents",
        done::sum,
        () -> new Deduplication(session, config.deduplication(), shuffles(total)).find(documents),
        clusters ->
            String.format(
                "%,d clusters of %,d documents", clusters.size(), clusters.members().size()));
  }

  /** Partitions of a shuffle in which a document has a few kilobytes at most. */
  private int shuffles(long documents) {
    return (int) Math.max(partitions, documents / DOCUMENTS_PER_SHUFFLE);
  }

  private long[] contaminated(ReadRecords records) {
    long total = records.counts().documents();
    double heldOutShare = config.heldOutShare();
    LongAccumulator done = spark.sc().longAccumulator();
    JavaRDD<Document> documents = records.documents();
    JavaRDD<Document> training =
        documents.filter(document -> document.split(heldOutShare) == Split.TRAIN);
    JavaRDD<Document> others =
        documents.filter(document -> document.split(heldOutShare) != Split.TRAIN);
    return stages.run(
        "decontaminate",
        total,
        "documents",
        done::sum,
        () ->
            new Decontaminator(session, config.deduplication().decontamination(), shuffles(total))
                .find(counted(training, done), counted(others, done)),
        keys -> String.format("%,d documents share text with held-out ones", keys.length));
  }

  private static JavaRDD<Document> counted(JavaRDD<Document> documents, LongAccumulator done) {
    return documents.map(
        document -> {
          done.add(1);
          return document;
        });
  }

  /** The records under a selection, counted anew: as many as before, some of them rejected. */
  private ReadRecords select(ReadRecords records, Selection selection) {
    Broadcast<Selection> broadcast = spark.broadcast(selection);
    shared.add(broadcast);
    Function<Document, Outcome> apply = document -> broadcast.value().apply(document);
    ByPartition<ReadCounts> counts = new ByPartition<>();
    spark.sc().register(counts);
    records
        .select(apply, records.counts())
        .outcomes()
        .mapPartitionsWithIndex(
            (partition, outcomes) -> {
              ReadCounts met = new ReadCounts();
              outcomes.forEachRemaining(
                  outcome -> {
                    met.meet();
                    met.add(outcome);
                  });
              counts.add(new Tuple2<>(partition, met));
              return List.of().iterator();
            },
            true)
        .count();
    ReadCounts sum = new ReadCounts();
    counts.value().forEach(sum::add);
    if (sum.records() != records.counts().records()) {
      throw new IllegalStateException(
          "of " + records.counts().records() + " records selection has left " + sum.records());
    }
    return records.select(apply, sum);
  }

  @Override
  public void close() {
    shared.forEach(Broadcast::destroy);
  }
}
