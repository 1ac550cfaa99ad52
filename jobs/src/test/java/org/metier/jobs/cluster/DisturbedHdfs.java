package org.metier.jobs.cluster;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.hdfs.DistributedFileSystem;
import org.apache.spark.TaskContext;

/**
 * HDFS with an accident in the middle of some rounds. The first task of such a round that comes to
 * its second shard, having trained on the first, either fails or stalls, as {@link #ACCIDENTS}
 * says: {@code 2=fail,4=stall}. It leaves the number of its process in the file {@code round-N} of
 * the local directory {@link #TRACES}; where that is there, nothing more happens.
 */
public final class DisturbedHdfs extends DistributedFileSystem {
  static final String ACCIDENTS = "metier.test.accidents";
  static final String TRACES = "metier.test.traces";
  static final int STALL_SECONDS = 120;

  private static final Pattern ROUND = Pattern.compile("metier round (\\d+)");
  private static final Map<Long, Integer> SHARDS_OF_TASK = new ConcurrentHashMap<>();

  @Override
  public FSDataInputStream open(Path file, int bufferSize) throws IOException {
    TaskContext task = TaskContext.get();
    if (task != null
        && file.getName().startsWith("shard-")
        && SHARDS_OF_TASK.merge(task.taskAttemptId(), 1, Integer::sum) == 2) {
      inTheMiddleOf(task);
    }
    return super.open(file, bufferSize);
  }

  private void inTheMiddleOf(TaskContext task) throws IOException {
    Matcher round = ROUND.matcher(String.valueOf(task.getLocalProperty("spark.job.description")));
    if (!round.find()) {
      return;
    }
    Matcher accident =
        Pattern.compile("\\b" + round.group(1) + "=(\\w+)").matcher(getConf().get(ACCIDENTS, ""));
    if (!accident.find() || !isFirst(round.group(1))) {
      return;
    }
    if (accident.group(1).equals("fail")) {
      throw new IOException("failed on purpose");
    }
    try {
      TimeUnit.SECONDS.sleep(STALL_SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("no longer wanted");
    }
  }

  /** Of all tasks, in whatever process. */
  private boolean isFirst(String round) throws IOException {
    java.nio.file.Path trace =
        java.nio.file.Path.of(getConf().get(TRACES)).resolve("round-" + round);
    try {
      String pid = ProcessHandle.current().pid() + "\n";
      Files.writeString(trace, pid, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
      return true;
    } catch (FileAlreadyExistsException e) {
      return false;
    }
  }
}
