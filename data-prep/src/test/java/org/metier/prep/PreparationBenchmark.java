package org.metier.prep;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.metier.prep.dedup.DeduplicationConfig.Keep;
import org.metier.prep.dedup.DeduplicationConfig.Method;
import org.metier.prep.dedup.DeduplicationConfig.Within;
import org.metier.prep.dedup.DeduplicationFixture;
import org.metier.prep.document.Split;
import org.metier.prep.shard.ShardManifest;
import org.metier.prep.shard.ShardReader;

/**
 * Times the whole path on a corpus of JSONL: {@code PreparationBenchmark INPUT OUTPUT [near]},
 * where OUTPUT does not exist yet, and near takes near-duplicates out.
 */
public final class PreparationBenchmark {
  private PreparationBenchmark() {}

  public static void main(String[] args) {
    boolean near = args.length > 2 && args[2].equals("near");
    PrepareConfig config =
        new PrepareFixture(Path.of(args[1]), Path.of(args[0]))
            .deduplication(
                DeduplicationFixture.of(
                    near ? Method.NEAR : Method.NONE, Keep.LONGEST, Within.CORPUS, 0))
            .minCharacters(16)
            .vocabSize(4096)
            .sequenceLength(256)
            .sequencesPerShard(4096)
            .heldOutShare(0.02)
            .seed(1)
            .config();
    CpuSeconds cpu = new CpuSeconds();
    PrepareReport report = new Preparation(LocalSpark.session(), config, cpu).run();
    long bytes = report.domains().stream().mapToLong(PrepareReport.DomainCounts::bytes).sum();
    System.out.printf("%.1f MB of text%n", bytes / 1e6);
    for (String stage : report.secondsByStage().keySet()) {
      double seconds = report.secondsByStage().get(stage);
      double cpuSeconds = cpu.seconds.get(stage);
      System.out.printf(
          "%-10s %6.2f s %7.1f MB/s   %6.2f CPU s %7.1f MB per CPU s%n",
          stage, seconds, bytes / 1e6 / seconds, cpuSeconds, bytes / 1e6 / cpuSeconds);
    }
    report.domains().forEach(System.out::println);
    System.out.println(report.tokenizer() + " rejected " + report.rejected());
    for (int pass = 0; pass < 3; pass++) {
      readAll(new org.apache.hadoop.fs.Path(args[1], Split.TRAIN.directory()));
    }
  }

  private static void readAll(org.apache.hadoop.fs.Path split) {
    Configuration hadoop = new Configuration();
    ShardManifest manifest = ShardManifest.read(split, hadoop);
    long start = System.nanoTime();
    long sum = 0;
    try (ShardReader reader = new ShardReader(split, manifest, hadoop)) {
      for (long position = 0; position < reader.size(); position++) {
        sum += reader.get(position).tokens()[0];
      }
    }
    double seconds = (System.nanoTime() - start) / 1e9;
    System.out.printf(
        "read back %,d sequences in %.2f s, %.1f M tokens/s (%d)%n",
        manifest.sequences(),
        seconds,
        manifest.sequences() * manifest.sequenceLength() / 1e6 / seconds,
        sum % 10);
  }

  /** CPU time of this process by stage: what a busy machine does not distort. */
  private static final class CpuSeconds implements Progress {
    private final OperatingSystemMXBean system =
        (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    private final Map<String, Double> seconds = new HashMap<>();
    private String stage;
    private long start;

    @Override
    public void stage(String name, long total, String unit) {
      stage = name;
      start = system.getProcessCpuTime();
    }

    @Override
    public void advance(long done) {}

    @Override
    public void done(String summary) {
      seconds.put(stage, (system.getProcessCpuTime() - start) / 1e9);
      System.out.println(stage + ": " + summary);
    }
  }
}
