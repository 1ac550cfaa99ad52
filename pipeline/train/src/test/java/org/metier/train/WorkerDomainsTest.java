package org.metier.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import java.util.stream.LongStream;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.util.SerializableConfiguration;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.metier.model.Batch;
import org.metier.prep.BadDataException;
import org.metier.prep.shard.ShardManifest;
import org.metier.prep.shard.ShardReader;
import org.metier.prep.shard.TokenSequence;
import org.metier.train.TrainConfig.Window;
import org.metier.train.TrainConfig.WorkerData;

/** Workers with domains of their own, on a corpus of two: worker 0 has "high", worker 1 "low". */
class WorkerDomainsTest {
  @TempDir static Path shared;
  @TempDir Path directory;
  private static final Configuration HADOOP = new Configuration();
  private static String data;
  private static String split;
  private static ShardManifest manifest;
  private static DomainIndex index;

  @BeforeAll
  static void prepare() {
    data = TrainFixture.prepared(shared);
    split = data + "/train";
    manifest = ShardManifest.read(new org.apache.hadoop.fs.Path(split), HADOOP);
    JavaSparkContext spark = JavaSparkContext.fromSparkContext(TrainFixture.spark().sparkContext());
    index = DomainIndex.read(spark, split, manifest, new SerializableConfiguration(HADOOP));
  }

  @Test
  void everySequenceBelongsToOneWorkerAndEveryEpochReadsItOnce() {
    Set<Long> all = new HashSet<>();
    for (int w = 0; w < 2; w++) {
      int size = manifest.sequencesByDomain().get(manifest.domains().get(w)).intValue();
      long[] zero = epoch(w, 0, size);
      long[] one = epoch(w, 1, size);
      assertThat(zero).isSorted();
      assertThat(one).containsExactlyInAnyOrder(zero).isNotEqualTo(zero);
      Arrays.stream(zero).forEach(position -> assertThat(all.add(position)).isTrue());
    }
    assertThat(all).hasSize((int) manifest.sequences());
  }

  @Test
  void workersTakeTurnsWhereThereAreMoreDomains() {
    DomainIndex five = new DomainIndex(new short[][] {{4, 3, 2, 1, 0}, {0, 1, 2, 3, 4}});
    assertThat(five.orderOf(0, 2, 1).positions()).containsExactly(0, 2, 4, 5, 7, 9);
    assertThat(five.orderOf(1, 2, 1).positions()).containsExactly(1, 3, 6, 8);
  }

  @Test
  void aWorkersBatchesAreItsOwnSequencesInTurn() {
    TrainPlan plan = plan(config(2, 2));
    Replica replica = Replica.acquire(plan);
    try (ShardReader shards =
        new ShardReader(new org.apache.hadoop.fs.Path(split), manifest, HADOOP)) {
      // after one round of 2 steps each worker has read 2 · 4 sequences
      RoundStart second = new RoundStart(1, 2, 16, 2, GlobalFrequencies.none());
      for (int w = 0; w < 2; w++) {
        DomainIndex.OwnOrder own = index.orderOf(w, 2, 7);
        for (int s = 0; s < 2; s++) {
          Batch batch = replica.batches(second, s, w).get(0);
          for (int i = 0; i < 4; i++) {
            TokenSequence expected = shards.get(own.at(8 + 4 * s + i));
            int from = i * TrainFixture.LENGTH;
            int[] inputs = Arrays.copyOfRange(batch.inputs(), from, from + TrainFixture.LENGTH);
            assertThat(expected.domains()).containsOnly(w);
            assertThat(inputs).isEqualTo(Arrays.copyOf(expected.tokens(), TrainFixture.LENGTH));
          }
        }
      }
    } finally {
      replica.close();
    }
  }

  @Test
  void aRunGoesOnToTheSameBitsButNotWithOtherWorkers() throws IOException {
    float[] straight = values(train("straight", config(2, 4), false));
    train("parts", config(2, 4), false);
    RunDirectory parts = run("parts");
    parts.files().delete(parts.checkpoint(4), true); // as if killed after the second round
    assertThatThrownBy(() -> train("parts", config(1, 4), true))
        .isInstanceOf(BadDataException.class)
        .hasMessageContaining("train.workers (which are dealt domains) was 2, is 1");
    TrainConfig mixture = TrainFixture.train(data, 2, 3, 4, Window.ROUND);
    assertThatThrownBy(() -> train("parts", mixture, true))
        .isInstanceOf(BadDataException.class)
        .hasMessageContaining("train.workerData was domains, is mixture");
    assertThat(values(train("parts", config(2, 4), true))).isEqualTo(straight);
    assertThat(values(train("mixture", mixture, false))).isNotEqualTo(straight);
  }

  @Test
  void moreWorkersThanDomainsAreRefused() {
    assertThatThrownBy(() -> train("crowd", config(3, 2), false))
        .isInstanceOf(BadDataException.class)
        .hasMessageContaining("train.workerData = domains leaves nothing for worker 2 of 3")
        .hasMessageContaining("(2 domains); lower train.workers");
    assertThat(directory.resolve("crowd/checkpoints")).doesNotExist();
  }

  private static long[] epoch(int worker, int epoch, int size) {
    DomainIndex.OwnOrder order = index.orderOf(worker, 2, 3);
    return LongStream.range((long) epoch * size, (epoch + 1L) * size).map(order::at).toArray();
  }

  private static TrainConfig config(int workers, int rounds) {
    TrainConfig c = TrainFixture.train(data, workers, 3, rounds, Window.ROUND);
    return new TrainConfig(
        c.data(),
        WorkerData.DOMAINS,
        c.workers(),
        c.threadsPerWorker(),
        c.localSteps(),
        c.batchSequences(),
        c.accumulationSteps(),
        c.rounds(),
        c.checkpointEvery(),
        c.keepCheckpoints(),
        c.sliceMegabytes(),
        c.exchangeTimeoutSeconds(),
        c.seed(),
        c.optimizer(),
        c.balance(),
        c.averaging(),
        c.validateEvery(),
        c.validationSequences(),
        c.earlyStop());
  }

  private static TrainPlan plan(TrainConfig config) {
    return new TrainPlan(
        "domains#plan",
        TrainFixture.engine(),
        TrainFixture.model(),
        config,
        split,
        manifest,
        new SerializableConfiguration(HADOOP),
        index);
  }

  private Training.Result train(String id, TrainConfig config, boolean resume) throws IOException {
    return new Training(
            TrainFixture.spark(),
            id,
            run(id),
            TrainFixture.engine(),
            TrainFixture.model(),
            config,
            TrainFixture.silent())
        .run(resume);
  }

  private float[] values(Training.Result result) throws IOException {
    RunDirectory run = run(result.checkpoint().getParent().getParent().getName());
    return Checkpoint.read(run, result.checkpoint()).state().values();
  }

  private RunDirectory run(String id) {
    return new RunDirectory(directory.resolve(id).toString(), HADOOP);
  }
}
