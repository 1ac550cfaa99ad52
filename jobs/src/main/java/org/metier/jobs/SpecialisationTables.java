package org.metier.jobs;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Row;
import org.metier.analysis.Analysis;
import org.metier.analysis.AnalyzeConfig;
import org.metier.analysis.Coactivation;
import org.metier.analysis.ExpertAblation;
import org.metier.analysis.ExpertClusters;
import org.metier.analysis.Independence;
import org.metier.analysis.RouterMap;
import org.metier.analysis.RoutingFlow;
import org.metier.analysis.Saturation;
import org.metier.analysis.TableDirectory;
import org.metier.analysis.Tables;
import org.metier.analysis.Vocabulary;
import org.metier.jobs.config.Settings;
import org.metier.jobs.console.ProgressBar;
import org.metier.prep.shard.ShardManifest;
import org.metier.train.AblatedLosses;
import org.metier.train.Checkpoint;
import org.metier.train.Evaluation;
import org.metier.train.RoutingDrift;
import org.metier.train.RunDirectory;

/** Makes and writes the tables of one checkpoint. */
final class SpecialisationTables {
  private final JobContext context;
  private final Settings settings;
  private final AnalyzeConfig config;
  private final Checkpoint.Loaded checkpoint;
  private final TableDirectory directory;
  private final String run;
  private final long step;

  SpecialisationTables(JobContext context, Checkpoint.Loaded checkpoint) {
    this.context = context;
    this.settings = context.settings();
    this.config = settings.analyze();
    this.checkpoint = checkpoint;
    this.directory = new TableDirectory(context.spark(), context.runDirectory().tables());
    this.run = settings.run().id();
    this.step = checkpoint.header().step();
  }

  /** All of them but those that compare with other checkpoints. */
  Tables write() {
    Tables tables = evaluate();
    if (config.ablation().maxSequences() > 0) {
      ablate(tables);
    }
    return tables;
  }

  private Tables evaluate() {
    ProgressBar progress = context.progress();
    progress.stage("evaluate held-out text", heldOut(config.maxSequences()), "sequences");
    long start = System.nanoTime();
    try (Evaluation evaluation =
        new Evaluation(
            context.spark(),
            settings.train().data(),
            checkpoint,
            settings.engine(),
            settings.train(),
            config.maxSequences(),
            progress::advance)) {
      double rate = evaluation.tokens() / ((System.nanoTime() - start) / 1e9);
      progress.done(
          "evaluated %,d tokens of held-out text, %,.0f tokens/s"
              .formatted(evaluation.tokens(), rate));
      Tables tables =
          new Analysis(context.spark(), config)
              .tables(
                  evaluation.sequenceRouting(),
                  evaluation.sequenceLoss(),
                  evaluation.tokenCounts(),
                  evaluation.tokenClasses());
      context.requireHeld();
      tables.write(directory.toString(), run, step);
      write(
          Coactivation.TABLE,
          Coactivation.rows(evaluation.pairCounts().collectAsList(), tables),
          Coactivation.SCHEMA);
      write(
          RoutingFlow.TABLE,
          RoutingFlow.rows(evaluation.flowCounts().collectAsList(), tables),
          RoutingFlow.SCHEMA);
      Vocabulary vocabulary =
          Vocabulary.of(
              evaluation.vocabularyCounts(),
              evaluation.vocabulary(),
              checkpoint.header().model().routerColumns(),
              config);
      write(Vocabulary.TABLE, vocabulary.rows(), Vocabulary.SCHEMA);
      write(Vocabulary.SUMMARY_TABLE, vocabulary.summary(), Vocabulary.SUMMARY_SCHEMA);
      writeSmall(tables);
      if (config.trace()) {
        directory.writeParts(Evaluation.TRACE_TABLE, run, step, evaluation.trace());
      }
      return tables;
    }
  }

  /** What MLlib makes of them. */
  private void writeSmall(Tables tables) {
    write(Independence.TABLE, Independence.rows(tables), Independence.SCHEMA);
    write(
        ExpertClusters.TABLE,
        ExpertClusters.rows(context.spark(), tables, config.seed()),
        ExpertClusters.SCHEMA);
    write(
        RouterMap.TABLE,
        RouterMap.rows(context.spark(), Evaluation.routers(context.spark(), checkpoint)),
        RouterMap.SCHEMA);
  }

  private void ablate(Tables tables) {
    ExpertAblation ablation = new ExpertAblation(tables, config.seed());
    List<AblatedLosses.Kept> variants = new ArrayList<>();
    ablation
        .variants()
        .forEach((name, experts) -> variants.add(new AblatedLosses.Kept(name, experts)));
    long sequences = heldOut(config.ablation().maxSequences());
    ProgressBar progress = context.progress();
    progress.stage("keep domains' own experts", sequences * variants.size(), "sequences");
    List<Row> losses =
        AblatedLosses.of(
            context.spark(),
            settings.train().data(),
            checkpoint,
            settings.engine(),
            settings.train(),
            variants,
            sequences,
            progress::advance);
    progress.done("kept domains' own experts");
    write(ExpertAblation.TABLE, ablation.rows(losses), ExpertAblation.SCHEMA);
  }

  /** {@code saturation} against all other checkpoints of the run. */
  void compare(RunDirectory runDirectory, Path own) throws IOException {
    long sequences = heldOut(config.saturation().maxSequences());
    List<Row> overlap = new ArrayList<>();
    List<Row> choices = new ArrayList<>();
    for (Path path : runDirectory.checkpoints()) {
      if (sequences > 0 && !path.getName().equals(own.getName())) {
        ProgressBar progress = context.progress();
        progress.stage("compare with " + path.getName(), sequences, "sequences");
        RoutingDrift drift =
            RoutingDrift.between(
                context.spark(),
                settings.train().data(),
                checkpoint,
                Checkpoint.read(runDirectory, path),
                settings.engine(),
                settings.train(),
                sequences,
                progress::advance);
        progress.done("compared with " + path.getName());
        overlap.addAll(drift.overlap());
        choices.addAll(drift.choices());
      }
    }
    if (!overlap.isEmpty()) {
      int columns = checkpoint.header().model().routerColumns();
      write(Saturation.TABLE, Saturation.rows(overlap, choices, columns), Saturation.SCHEMA);
    }
  }

  /** So many sequences there are to look at. */
  private long heldOut(long maxSequences) {
    Path split = new Path(settings.train().data(), "held-out");
    long sequences =
        ShardManifest.read(split, context.spark().sparkContext().hadoopConfiguration()).sequences();
    return Math.min(maxSequences, sequences);
  }

  private void write(String table, List<Row> rows, org.apache.spark.sql.types.StructType schema) {
    directory.write(table, run, step, rows, schema);
  }
}
