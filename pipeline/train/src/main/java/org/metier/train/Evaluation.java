package org.metier.train;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.function.LongConsumer;
import org.apache.spark.api.java.JavaPairRDD;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.storage.StorageLevel;
import org.apache.spark.util.LongAccumulator;
import org.metier.engine.tensor.ParameterLayout;
import org.metier.model.Parameters;
import org.metier.prep.BadDataException;
import org.metier.prep.tokenize.Tokenizer;
import scala.Tuple2;

/**
 * Runs a checkpoint over held-out, domain-tagged sequences in the executors and hands out counts:
 * per sequence, domain and layer, or per layer alone, and per token only where a trace is asked
 * for. What the counts mean is for the analysis to say.
 */
public final class Evaluation implements AutoCloseable {
  /** Name of {@link #trace} as a table. */
  public static final String TRACE_TABLE = "routing_trace";

  /** Batches of one task: few enough that progress is seen, enough to pay for the model. */
  private static final int TASK_BATCHES = 8;

  private static final StructType ROUTING =
      new StructType()
          .add("sequence", "long", false)
          .add("domain", "string", false)
          .add("layer", "integer", false)
          .add("tokens", "long", false)
          .add("expert_tokens", DataTypes.createArrayType(DataTypes.LongType, false), false)
          .add("gate_mass", DataTypes.createArrayType(DataTypes.DoubleType, false), false)
          .add("score_sum", "double", false)
          .add("dropped", DataTypes.createArrayType(DataTypes.LongType, false), false)
          .add("class_tokens", DataTypes.createArrayType(DataTypes.LongType, false), false);

  private static final StructType LOSS =
      new StructType()
          .add("sequence", "long", false)
          .add("domain", "string", false)
          .add("tokens", "long", false)
          .add("loss_sum", "double", false)
          .add("bytes", "long", false);

  private static final StructType TOKENS =
      new StructType()
          .add("domain", "string", false)
          .add("token", "integer", false)
          .add("tokens", "long", false);

  private static final StructType PAIRS =
      new StructType()
          .add("layer", "integer", false)
          .add("expert_a", "integer", false)
          .add("expert_b", "integer", false)
          .add("tokens", "long", false);

  private static final StructType VOCABULARY =
      new StructType()
          .add("layer", "integer", false)
          .add("kind", "string", false)
          .add("expert", "integer", false)
          .add("token", "integer", false)
          .add("tokens", "long", false);

  private static final StructType FLOW =
      new StructType()
          .add("layer", "integer", false)
          .add("expert", "integer", false)
          .add("next_expert", "integer", false)
          .add("domain", "string", false)
          .add("tokens", "long", false);

  private static final StructType VOCABULARY_TOKENS =
      new StructType().add("token", "integer", false).add("text", "string", false);

  private static final StructType ROUTERS =
      new StructType()
          .add("layer", "integer", false)
          .add("expert", "integer", false)
          .add("weights", DataTypes.createArrayType(DataTypes.DoubleType, false), false);

  private final SparkSession spark;
  private final Tokenizer tokenizer;
  private final long tokens;
  private final List<long[]> ranges;
  private final JavaRDD<EvaluatedSequences> evaluated;
  private final JavaPairRDD<Integer, RoutingCounts> layers;
  private final Broadcast<EvaluationPlan> plan;

  /**
   * @param maxSequences at most so many held-out sequences; they were shuffled when prepared
   * @param progress is told how many sequences are done
   * @throws BadDataException if the held-out shards do not fit the checkpoint
   */
  public Evaluation(
      SparkSession spark,
      String data,
      Checkpoint.Loaded checkpoint,
      EngineConfig engine,
      TrainConfig config,
      long maxSequences,
      LongConsumer progress) {
    this(spark, data, checkpoint, engine, config, maxSequences, TASK_BATCHES, progress);
  }

  /**
   * @param taskBatches batches of one task, which no result depends on
   */
  Evaluation(
      SparkSession spark,
      String data,
      Checkpoint.Loaded checkpoint,
      EngineConfig engine,
      TrainConfig config,
      long maxSequences,
      int taskBatches,
      LongConsumer progress) {
    this.spark = spark;
    JavaSparkContext context = JavaSparkContext.fromSparkContext(spark.sparkContext());
    HeldOut heldOut = HeldOut.open(spark, data, checkpoint.header());
    this.tokenizer = heldOut.tokenizer();
    this.plan = context.broadcast(heldOut.plan(checkpoint, engine, config));
    long sequences = Math.min(maxSequences, heldOut.manifest().sequences());
    this.tokens = sequences * heldOut.manifest().sequenceLength();
    this.ranges = HeldOut.ranges(sequences, (long) taskBatches * config.batchSequences());
    Broadcast<EvaluationPlan> planOnWorker = plan;
    LongAccumulator done = spark.sparkContext().longAccumulator("held-out sequences");
    JavaRDD<EvaluatedSequences> counts =
        context
            .parallelize(ranges, ranges.size())
            .map(
                range -> {
                  var counted = EvaluatedSequences.of(planOnWorker.value(), range[0], range[1]);
                  done.add(range[1] - range[0]);
                  return counted;
                });
    this.evaluated =
        TaskDevice.profile(context, engine)
            .map(counts::withResources)
            .orElse(counts)
            .persist(StorageLevel.MEMORY_AND_DISK());
    context.setJobDescription("metier evaluation");
    HeldOut.await(evaluated.countAsync(), done, sequences, progress);
    this.layers = layers(evaluated, context.defaultParallelism());
  }

  /** Every layer's counts of all tasks, added up where they lie; each layer is one partition's. */
  static JavaPairRDD<Integer, RoutingCounts> layers(
      JavaRDD<EvaluatedSequences> evaluated, int partitions) {
    return evaluated
        .flatMapToPair(
            sequences -> {
              List<Tuple2<Integer, RoutingCounts>> own = new ArrayList<>();
              for (int l = 0; l < sequences.layers().size(); l++) {
                own.add(new Tuple2<>(l, sequences.layers().get(l)));
              }
              return own.iterator();
            })
        // What is cached stays as it is: sums begin with a copy.
        .combineByKey(
            first -> new RoutingCounts(first.shape()).add(first),
            RoutingCounts::add,
            RoutingCounts::add,
            partitions)
        .persist(StorageLevel.MEMORY_AND_DISK());
  }

  /** Positions that have been predicted. */
  public long tokens() {
    return tokens;
  }

  /**
   * Columns sequence, domain, layer, tokens, expert_tokens[n + m], gate_mass[n + m], score_sum,
   * dropped[n], class_tokens[C·(n + m)]: experts, then null experts; of the tokens that chose an
   * expert, how many a capacity turned away; the choices by {@link #tokenClasses} of the routed
   * token.
   */
  public Dataset<Row> sequenceRouting() {
    return spark.createDataFrame(evaluated.flatMap(e -> rows(e.routing())), ROUTING);
  }

  /** Columns sequence, domain, tokens, loss_sum (nats), bytes (of the targets' UTF-8). */
  public Dataset<Row> sequenceLoss() {
    return spark.createDataFrame(evaluated.flatMap(e -> rows(e.loss())), LOSS);
  }

  /** Columns domain, token, tokens: how often each target token occurs. */
  public Dataset<Row> tokenCounts() {
    return spark
        .createDataFrame(evaluated.flatMap(e -> rows(e.targets())), TOKENS)
        .groupBy("domain", "token")
        .sum("tokens")
        .withColumnRenamed("sum(tokens)", "tokens");
  }

  private static Iterator<Row> rows(List<Row> rows) {
    return rows.iterator();
  }

  /**
   * Columns layer, expert_a, expert_b, tokens: tokens that chose both, for a &lt; b and where there
   * are any.
   */
  public Dataset<Row> pairCounts() {
    return spark.createDataFrame(layers.flatMap(l -> EvaluatedRows.pairs(l._1(), l._2())), PAIRS);
  }

  /**
   * Columns layer, kind (input, target, predicted), expert, token, tokens: positions whose token of
   * that kind it is and whose first choice is the expert.
   */
  public Dataset<Row> vocabularyCounts() {
    return spark.createDataFrame(
        layers.flatMap(l -> EvaluatedRows.vocabulary(l._1(), l._2())), VOCABULARY);
  }

  /**
   * Columns layer, expert, next_expert, domain, tokens: tokens that chose the one in this layer and
   * the other in the next.
   */
  public Dataset<Row> flowCounts() {
    List<String> domains = plan.value().manifest().domains();
    return spark.createDataFrame(
        layers.flatMap(l -> EvaluatedRows.flow(l._1(), l._2(), domains)), FLOW);
  }

  /** Columns token, text: the vocabulary; bytes that are no text appear as U+FFFD. */
  public Dataset<Row> vocabulary() {
    List<Row> rows = new ArrayList<>();
    for (int id = 0; id < tokenizer.vocabSize(); id++) {
      String text =
          id == tokenizer.separator()
              ? tokenizer.separatorText()
              : tokenizer.decode(new int[] {id});
      rows.add(RowFactory.create(id, text));
    }
    return spark.createDataFrame(rows, VOCABULARY_TOKENS);
  }

  /**
   * Columns layer, expert, weights[d]: the rows of each layer's router, whose products are logits.
   */
  public static Dataset<Row> routers(SparkSession spark, Checkpoint.Loaded checkpoint) {
    ParameterLayout layout = Parameters.layout(checkpoint.header().model());
    List<Row> rows = new ArrayList<>();
    for (int l = 0; l < checkpoint.header().model().numLayers(); l++) {
      ParameterLayout.Slice router = layout.slice(Parameters.router(l));
      int experts = router.shape()[0];
      int width = router.size() / experts;
      for (int e = 0; e < experts; e++) {
        Double[] weights = new Double[width];
        for (int i = 0; i < width; i++) {
          weights[i] = (double) checkpoint.state().values()[router.offset() + e * width + i];
        }
        rows.add(RowFactory.create(l, e, weights));
      }
    }
    return spark.createDataFrame(rows, ROUTERS);
  }

  /** Names of the classes of {@code class_tokens} in {@link #sequenceRouting}, by number. */
  public List<String> tokenClasses() {
    return TokenClass.names();
  }

  /**
   * A row per token and layer, made by running the model once more while the rows are read: columns
   * sequence, position, domain, token, target, predicted, loss, layer, experts[k], gates[k].
   */
  public Dataset<Row> trace() {
    Broadcast<EvaluationPlan> planOnWorker = plan;
    JavaSparkContext context = JavaSparkContext.fromSparkContext(spark.sparkContext());
    JavaRDD<Row> rows =
        context
            .parallelize(ranges, ranges.size())
            .flatMap(range -> new RoutingTrace(planOnWorker.value(), range[0], range[1]));
    return spark.createDataFrame(rows, RoutingTrace.SCHEMA);
  }

  /** Columns of {@link #trace}. */
  public static StructType traceSchema() {
    return RoutingTrace.SCHEMA;
  }

  @Override
  public void close() {
    EvaluationReplica.closeIdle(plan.value().key());
    layers.unpersist(false);
    evaluated.unpersist(false);
    plan.destroy();
  }
}
