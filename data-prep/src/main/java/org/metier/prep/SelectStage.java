package org.metier.prep;

import java.util.ArrayList;
import java.util.List;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.util.LongAccumulator;
import org.metier.prep.dedup.Clusters;
import org.metier.prep.dedup.Decontaminator;
import org.metier.prep.dedup.Deduplication;
import org.metier.prep.dedup.DeduplicationConfig;
import org.metier.prep.dedup.DeduplicationConfig.Method;
import org.metier.prep.dedup.Selection;
import org.metier.prep.document.Document;
import org.metier.prep.document.Rejected;
import org.metier.prep.document.Split;
import org.metier.prep.document.Step;
import org.metier.prep.report.PrepareTables;

/**
 * Takes out duplicates, and then training documents that share text with held-out ones. What it
 * gives may be used until it is closed.
 */
final class SelectStage implements AutoCloseable {
  private static final long DOCUMENTS_PER_PARTITION = 100_000; // of a shuffle

  private final SparkSession session;
  private final JavaSparkContext spark;
  private final PrepareConfig config;
  private final Stages stages;
  private final int partitions;
  private final List<Broadcast<Selection>> selections = new ArrayList<>();

  SelectStage(SparkSession session, PrepareConfig config, Stages stages, int partitions) {
    this.session = session;
    this.spark = JavaSparkContext.fromSparkContext(session.sparkContext());
    this.config = config;
    this.stages = stages;
    this.partitions = partitions;
  }

  /** The documents that stay; the others are handed to the tables. */
  JavaRDD<Document> run(ReadRecords records, PrepareTables tables) {
    DeduplicationConfig deduplication = config.deduplication();
    long total = records.counts().documents();
    JavaRDD<Document> documents = records.documents();
    if (deduplication.method() != Method.NONE) {
      Clusters clusters = deduplicate(documents, total);
      tables.writeDuplicates(clusters.members());
      documents = select(Step.DEDUPLICATE, documents, clusters.selection(), tables);
    }
    if (deduplication.decontamination().ngram() > 0) {
      Selection contaminated = Selection.without(contaminated(documents, total));
      documents = select(Step.DECONTAMINATE, documents, contaminated, tables);
    }
    return documents;
  }

  private Clusters deduplicate(JavaRDD<Document> documents, long total) {
    LongAccumulator done = spark.sc().longAccumulator();
    return stages.run(
        "deduplicate",
        total,
        "documents",
        done::sum,
        () ->
            new Deduplication(session, config.deduplication(), shuffles(total))
                .find(counted(documents, done)),
        clusters ->
            String.format(
                "%,d clusters of %,d documents", clusters.size(), clusters.members().size()));
  }

  private long[] contaminated(JavaRDD<Document> documents, long total) {
    double heldOutShare = config.heldOutShare();
    LongAccumulator done = spark.sc().longAccumulator();
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

  private int shuffles(long documents) {
    return (int) Math.max(partitions, documents / DOCUMENTS_PER_PARTITION);
  }

  private static JavaRDD<Document> counted(JavaRDD<Document> documents, LongAccumulator done) {
    return documents.map(
        document -> {
          done.add(1);
          return document;
        });
  }

  private JavaRDD<Document> select(
      Step step, JavaRDD<Document> documents, Selection selection, PrepareTables tables) {
    Broadcast<Selection> shared = spark.broadcast(selection);
    selections.add(shared);
    JavaRDD<Rejected> rejected =
        documents
            .map(document -> shared.value().apply(document))
            .filter(Rejected.class::isInstance)
            .map(Rejected.class::cast);
    tables.reject(step, rejected, selection.rejected());
    return documents
        .map(document -> shared.value().apply(document))
        .filter(Document.class::isInstance)
        .map(Document.class::cast);
  }

  @Override
  public void close() {
    selections.forEach(Broadcast::destroy);
  }
}
