package org.metier.prep.dedup;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.stream.LongStream;
import org.apache.spark.api.java.JavaPairRDD;
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
import org.metier.prep.dedup.DeduplicationConfig.Method;
import org.metier.prep.document.Document;
import scala.Tuple2;

/**
 * Finds the documents that say the same:
 *
 * <pre>
 * sketch → group equal texts → group bands → compare signatures of those that met → components
 * </pre>
 *
 * Every step is a sort and a pass, so that a large group fills no memory and the result depends on
 * no partition. The driver holds 16 bytes for each document that has met another one, and about 150
 * for each that has a duplicate.
 */
public final class Deduplication {
  /** Members of a band's group with whom each further one is compared, beside the first. */
  private static final int NEIGHBOURS = 8;

  private static final StructType EQUAL_TEXTS =
      new StructType()
          .add("normal_high", DataTypes.LongType)
          .add("normal_low", DataTypes.LongType)
          .add("key", DataTypes.LongType);
  private static final StructType BANDS =
      new StructType().add("band", DataTypes.LongType).add("key", DataTypes.LongType);
  private static final StructType PAIRS =
      new StructType().add("a", DataTypes.LongType).add("b", DataTypes.LongType);

  private final SparkSession session;
  private final DeduplicationConfig config;
  private final int partitions;

  /**
   * @param partitions of the shuffles
   */
  public Deduplication(SparkSession session, DeduplicationConfig config, int partitions) {
    this.session = session;
    this.config = config;
    this.partitions = partitions;
  }

  /** The clusters of all documents. */
  public Clusters find(JavaRDD<Document> documents) {
    DeduplicationConfig config = this.config;
    JavaRDD<Sketch> sketches =
        documents
            .mapPartitions(
                part -> {
                  MinHash minHash = new MinHash(config.bands(), config.rows());
                  Sketcher sketcher = new Sketcher(config, minHash);
                  return new Mapped<>(part, sketcher::sketch);
                })
            .persist(StorageLevel.DISK_ONLY());
    try {
      long[] equal = equalTexts(sketches);
      LongPairs edges = new LongPairs();
      edges.addAll(equal);
      if (config.method() == Method.NEAR) {
        edges.addAll(similarTexts(sketches, equal));
      }
      return clusters(sketches, new Components(edges.toArray()));
    } finally {
      sketches.unpersist(false);
    }
  }

  /** Edges from the first of equal texts to each other one. */
  private long[] equalTexts(JavaRDD<Sketch> sketches) {
    JavaRDD<Row> rows =
        sketches.map(
            sketch -> RowFactory.create(sketch.normalHigh(), sketch.normalLow(), sketch.key()));
    return forest(
        sorted(rows, EQUAL_TEXTS)
            .mapPartitions(part -> List.of(forest(new CandidatePairs(part, 2, 0))).iterator())
            .collect());
  }

  /** Edges between similar texts, of which no two are equal. */
  private long[] similarTexts(JavaRDD<Sketch> sketches, long[] equal) {
    long[] copies = new long[equal.length / 2];
    Arrays.setAll(copies, i -> equal[2 * i + 1]);
    Arrays.sort(copies);
    JavaSparkContext spark = JavaSparkContext.fromSparkContext(session.sparkContext());
    Broadcast<long[]> sharedCopies = spark.broadcast(copies);
    JavaRDD<Sketch> originals =
        sketches.filter(
            sketch ->
                sketch.signature().length > 0
                    && Arrays.binarySearch(sharedCopies.value(), sketch.key()) < 0);
    JavaRDD<long[]> pairs = candidates(originals).persist(StorageLevel.DISK_ONLY());
    try {
      return compared(spark, pairs, originals);
    } finally {
      pairs.unpersist(false);
      sharedCopies.destroy();
    }
  }

  /** Pairs of documents that share a band, each once. */
  private JavaRDD<long[]> candidates(JavaRDD<Sketch> originals) {
    MinHash minHash = new MinHash(config.bands(), config.rows());
    JavaRDD<Row> bands =
        originals.flatMap(
            sketch -> {
              List<Row> rows = new ArrayList<>(minHash.bands());
              for (int band = 0; band < minHash.bands(); band++) {
                rows.add(RowFactory.create(minHash.band(sketch.signature(), band), sketch.key()));
              }
              return rows.iterator();
            });
    JavaRDD<Row> pairs =
        sorted(bands, BANDS)
            .mapPartitions(
                part ->
                    new Mapped<>(
                        new CandidatePairs(part, 1, NEIGHBOURS),
                        pair -> RowFactory.create(pair[0], pair[1])));
    return sorted(pairs, PAIRS).mapPartitions(DistinctPairs::new);
  }

  /** Edges between those of the pairs whose signatures are similar enough. */
  private long[] compared(
      JavaSparkContext spark, JavaRDD<long[]> pairs, JavaRDD<Sketch> originals) {
    long[] met =
        pairs.mapPartitions(part -> List.of(distinct(part)).iterator()).collect().stream()
            .flatMapToLong(LongStream::of)
            .sorted()
            .distinct()
            .toArray();
    Broadcast<long[]> sharedMet = spark.broadcast(met);
    JavaPairRDD<Long, int[]> signatures =
        originals
            .filter(sketch -> Arrays.binarySearch(sharedMet.value(), sketch.key()) >= 0)
            .mapToPair(sketch -> new Tuple2<>(sketch.key(), sketch.signature()));
    double minSimilarity = config.minSimilarity();
    long[] edges =
        forest(
            pairs
                .mapToPair(pair -> new Tuple2<>(pair[0], pair[1]))
                .join(signatures, partitions) // a, (b, signature of a)
                .mapToPair(a -> new Tuple2<>(a._2._1, new Tuple2<>(a._1, a._2._2)))
                .join(signatures, partitions) // b, ((a, signature of a), signature of b)
                .filter(b -> MinHash.similarity(b._2._1._2, b._2._2) >= minSimilarity)
                .map(b -> new long[] {b._2._1._1, b._1})
                .mapPartitions(part -> List.of(forest(part)).iterator())
                .collect());
    sharedMet.destroy();
    return edges;
  }

  private Clusters clusters(JavaRDD<Sketch> sketches, Components components) {
    JavaSparkContext spark = JavaSparkContext.fromSparkContext(session.sparkContext());
    Broadcast<long[]> keys = spark.broadcast(components.keys());
    List<Sketch> members =
        sketches
            .filter(sketch -> Arrays.binarySearch(keys.value(), sketch.key()) >= 0)
            .map(Sketch::withoutSignature)
            .collect();
    keys.destroy();
    return new Clusters(config, members, components);
  }

  /**
   * Rows sorted by all columns, those with one hash in one partition; the key is the last column.
   */
  private JavaRDD<Row> sorted(JavaRDD<Row> rows, StructType schema) {
    Dataset<Row> data = session.createDataFrame(rows, schema);
    String[] columns = schema.fieldNames();
    String first = columns[0];
    String[] others = Arrays.copyOfRange(columns, 1, columns.length);
    return data.repartition(partitions, functions.col(first))
        .sortWithinPartitions(first, others)
        .toJavaRDD();
  }

  private static long[] forest(Iterator<long[]> pairs) {
    LongPairs edges = new LongPairs();
    pairs.forEachRemaining(pair -> edges.add(pair[0], pair[1]));
    return new Components(edges.toArray()).spanningForest();
  }

  private static long[] forest(List<long[]> forests) {
    LongPairs edges = new LongPairs();
    forests.forEach(edges::addAll);
    return new Components(edges.toArray()).spanningForest();
  }

  private static long[] distinct(Iterator<long[]> pairs) {
    LongPairs keys = new LongPairs();
    pairs.forEachRemaining(pair -> keys.add(pair[0], pair[1]));
    return Arrays.stream(keys.toArray()).sorted().distinct().toArray();
  }
}
