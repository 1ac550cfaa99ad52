package org.metier.prep;

import java.io.Serializable;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.hadoop.fs.Path;
import org.apache.spark.HashPartitioner;
import org.apache.spark.SparkEnv;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.util.LongAccumulator;
import org.metier.prep.document.Document;
import org.metier.prep.document.DocumentCounts;
import org.metier.prep.document.Split;
import org.metier.prep.document.SplitShares;
import org.metier.prep.tokenize.BpeTrainer;
import org.metier.prep.tokenize.BytePairTokenizer;
import org.metier.prep.tokenize.TiktokenTokenizer;
import org.metier.prep.tokenize.Tokenizer;
import org.metier.prep.tokenize.TokenizerConfig;
import org.metier.prep.tokenize.TokenizerConfig.Source;
import org.metier.prep.tokenize.WordCounts;
import scala.Tuple2;

/** Learns the tokenizer from the training text, or takes one that exists; counts the documents. */
final class TokenizerStage {
  /** Rarer words than the first million hardly move a merge, and must not fill the driver. */
  private static final int MAX_WORDS = 1 << 20;

  private final JavaSparkContext spark;
  private final PrepareConfig config;
  private final Stages stages;
  private final int partitions;
  private final Optional<Tokenizer> existing;

  /**
   * The tokenizer, and how many documents there are in each split and domain.
   *
   * @param documents those that were given
   */
  record Result(Tokenizer tokenizer, DocumentCounts documents) {}

  /**
   * Loads a tokenizer that exists, so that one that cannot be used ends the job before it reads.
   *
   * @throws BadDataException if there is no such tokenizer
   */
  TokenizerStage(JavaSparkContext spark, PrepareConfig config, Stages stages, int partitions) {
    this.spark = spark;
    this.config = config;
    this.stages = stages;
    this.partitions = partitions;
    this.existing = load();
  }

  /** The tokenizer, unless it is to be learned. */
  Optional<Tokenizer> existing() {
    return existing;
  }

  private Optional<Tokenizer> load() {
    TokenizerConfig tokenizer = config.tokenizer();
    return switch (tokenizer.source()) {
      case TRAINED -> Optional.empty();
      case BYTES -> Optional.of(BytePairTokenizer.ofBytes());
      case TIKTOKEN -> Optional.of(TiktokenTokenizer.of(tokenizer.encoding()));
      case FILE ->
          Optional.of(
              Tokenizer.load(
                  new Path(tokenizer.file()), tokenizer.separator(), spark.hadoopConfiguration()));
    };
  }

  /**
   * @param total documents, for the progress
   */
  Result run(JavaRDD<Document> documents, long total) {
    DocumentCounts counts = new DocumentCounts();
    List<Tuple2<String, Long>> words = count(documents, total, counts);
    return new Result(existing.orElseGet(() -> learn(words)), counts);
  }

  /** Counts all documents, and the words of the training split if a tokenizer is to be learned. */
  private List<Tuple2<String, Long>> count(
      JavaRDD<Document> documents, long total, DocumentCounts sum) {
    SplitShares splits = config.splits();
    boolean learns = config.tokenizer().source() == Source.TRAINED;
    LongAccumulator done = spark.sc().longAccumulator();
    ByPartition<DocumentCounts> counts = new ByPartition<>();
    spark.sc().register(counts);
    HashPartitioner byWord = new HashPartitioner(partitions);
    JavaRDD<Tuple2<String, Long>> words =
        documents
            .mapPartitionsWithIndex(
                (partition, part) -> {
                  WordCounts wordsOfPart = new WordCounts();
                  DocumentCounts documentsOfPart = new DocumentCounts();
                  while (part.hasNext()) {
                    Document document = part.next();
                    Split split = splits.of(document);
                    documentsOfPart.add(document, split);
                    if (learns && split == Split.TRAIN) {
                      wordsOfPart.add(document.utf8());
                    }
                  }
                  counts.add(new Tuple2<>(partition, documentsOfPart));
                  done.add(documentsOfPart.total().documents());
                  return wordsOfPart.iterator();
                },
                false)
            .mapToPair(word -> word)
            // Each task has added up its own words already: combining them once more costs time.
            .combineByKey(
                count -> count, Long::sum, Long::sum, byWord, false, SparkEnv.get().serializer())
            .map(word -> word);
    return stages.run(
        learns ? "words" : "count",
        total,
        "documents",
        done::sum,
        () -> {
          List<Tuple2<String, Long>> found =
              words.count() <= MAX_WORDS
                  ? words.collect()
                  : words.takeOrdered(MAX_WORDS, new FrequentFirst());
          counts.value().forEach(sum::add);
          return found;
        },
        found ->
            learns
                ? String.format("%,d distinct words", found.size())
                : String.format("%,d documents", sum.total().documents()));
  }

  private Tokenizer learn(List<Tuple2<String, Long>> words) {
    int merges = BytePairTokenizer.mergesFor(config.vocabSize());
    AtomicInteger done = new AtomicInteger();
    return stages.run(
        "tokenizer",
        merges,
        "merges",
        done::get,
        () -> BytePairTokenizer.of(BpeTrainer.train(words, merges, done::set)),
        tokenizer -> String.format("%,d tokens", tokenizer.vocabSize()));
  }

  /** By falling count, then by the word: an order that no partitioning changes. */
  private static final class FrequentFirst
      implements Comparator<Tuple2<String, Long>>, Serializable {
    private static final long serialVersionUID = 1L;

    @Override
    public int compare(Tuple2<String, Long> a, Tuple2<String, Long> b) {
      int order = Long.compare(b._2, a._2);
      return order != 0 ? order : a._1.compareTo(b._1);
    }
  }
}
