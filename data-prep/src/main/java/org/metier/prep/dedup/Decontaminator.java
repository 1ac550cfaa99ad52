package org.metier.prep.dedup;

import java.util.Arrays;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.function.LongPredicate;
import java.util.function.ToLongFunction;
import java.util.stream.LongStream;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.storage.StorageLevel;
import org.apache.spark.util.sketch.BloomFilter;
import org.metier.prep.dedup.DeduplicationConfig.Decontamination;
import org.metier.prep.document.Document;
import org.metier.prep.text.TextUnits;

/**
 * Finds training documents that share a run of words with held-out text. A Bloom filter of the
 * held-out runs lets few of the training runs through; those are then compared exactly (by 64-bit
 * hashes) in a sort, so that the filter's errors do no harm.
 */
public final class Decontaminator {
  private static final long HELD_OUT = -1; // in place of a document's key; sorts before all keys
  private static final double FALSE_POSITIVES = 0.01;

  private static final StructType RUNS =
      new StructType().add("run", DataTypes.LongType).add("key", DataTypes.LongType);

  private final SparkSession session;
  private final Decontamination config;
  private final int partitions;

  /**
   * @param partitions of the shuffle
   */
  public Decontaminator(SparkSession session, Decontamination config, int partitions) {
    this.session = session;
    this.config = config;
    this.partitions = partitions;
  }

  /** Keys of the training documents that are contaminated, sorted. */
  public long[] find(JavaRDD<Document> training, JavaRDD<Document> heldOut) {
    int ngram = config.ngram();
    Dataset<Row> heldOutRuns =
        session
            .createDataFrame(
                heldOut.mapPartitions(
                    part -> new Runs(part, ngram, document -> HELD_OUT, run -> true)),
                RUNS)
            .persist(StorageLevel.DISK_ONLY());
    JavaSparkContext spark = JavaSparkContext.fromSparkContext(session.sparkContext());
    try {
      long runs = Math.max(1, heldOutRuns.count());
      Broadcast<BloomFilter> filter =
          spark.broadcast(heldOutRuns.stat().bloomFilter("run", runs, FALSE_POSITIVES));
      Dataset<Row> trainingRuns =
          session.createDataFrame(
              training.mapPartitions(
                  part -> new Runs(part, ngram, Selection::key, filter.value()::mightContainLong)),
              RUNS);
      long[] keys = shared(heldOutRuns, trainingRuns);
      filter.destroy();
      return keys;
    } finally {
      heldOutRuns.unpersist(false);
    }
  }

  private long[] shared(Dataset<Row> heldOutRuns, Dataset<Row> trainingRuns) {
    int maxDocuments = config.maxDocuments();
    return heldOutRuns
        .union(trainingRuns)
        .repartition(partitions, functions.col("run"))
        .sortWithinPartitions("run", "key")
        .toJavaRDD()
        .mapPartitions(part -> List.of(contaminated(part, maxDocuments)).iterator())
        .collect()
        .stream()
        .flatMapToLong(LongStream::of)
        .sorted()
        .distinct()
        .toArray();
  }

  /**
   * Keys under held-out runs that are in few training documents; rows are sorted by run and key.
   */
  private static long[] contaminated(Iterator<Row> rows, int maxDocuments) {
    LongStream.Builder found = LongStream.builder();
    long[] keys = new long[maxDocuments]; // of the documents with this run, if it is a held-out one
    int documents = 0;
    boolean first = true;
    boolean heldOut = false;
    long run = 0;
    while (rows.hasNext()) {
      Row row = rows.next();
      if (first || row.getLong(0) != run) {
        addAll(keys, documents, found);
        first = false;
        run = row.getLong(0);
        heldOut = row.getLong(1) == HELD_OUT;
        documents = 0;
      }
      if (heldOut && row.getLong(1) != HELD_OUT) {
        if (documents < maxDocuments) {
          keys[documents] = row.getLong(1);
        }
        documents++;
      }
    }
    addAll(keys, documents, found);
    return found.build().distinct().toArray();
  }

  private static void addAll(long[] keys, int documents, LongStream.Builder found) {
    if (documents <= keys.length) {
      for (int i = 0; i < documents; i++) {
        found.add(keys[i]);
      }
    }
  }

  /** The runs of words of several documents, one row (run, key) each. */
  private static final class Runs implements Iterator<Row> {
    private final Iterator<Document> documents;
    private final int ngram;
    private final ToLongFunction<Document> keyOf;
    private final LongPredicate wanted;
    private final TextUnits units = new TextUnits();
    private Iterator<Row> rows = Collections.emptyIterator();

    Runs(
        Iterator<Document> documents,
        int ngram,
        ToLongFunction<Document> keyOf,
        LongPredicate wanted) {
      this.documents = documents;
      this.ngram = ngram;
      this.keyOf = keyOf;
      this.wanted = wanted;
    }

    @Override
    public boolean hasNext() {
      while (!rows.hasNext() && documents.hasNext()) {
        Document document = documents.next();
        units.words(document.text());
        if (units.size() >= ngram) {
          long key = keyOf.applyAsLong(document);
          rows =
              Arrays.stream(units.ngrams(ngram))
                  .filter(wanted)
                  .distinct()
                  .mapToObj(run -> RowFactory.create(run, key))
                  .iterator();
        }
      }
      return rows.hasNext();
    }

    @Override
    public Row next() {
      hasNext();
      return rows.next();
    }
  }
}
