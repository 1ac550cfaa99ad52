package org.metier.train;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.TaskContext;
import org.apache.spark.util.SerializableConfiguration;
import org.metier.engine.tensor.ParameterLayout;
import org.metier.model.checkpoint.Safetensors;
import org.metier.train.Checkpoint.FileEntry;
import org.metier.train.ParameterSlices.Slice;
import org.metier.train.SliceReduce.Contribution;
import scala.Tuple2;

/**
 * Resident blocks as files of a checkpoint: {@code worker-00003/first_moment.safetensors}, written
 * and read by the executors.
 *
 * @param slices of the resident blocks; none if workers keep nothing
 */
record WorkerFiles(ParameterLayout layout, List<Slice> slices, SerializableConfiguration hadoop)
    implements Serializable {
  /** Start of the name of each worker's directory. */
  static final String DIRECTORY = "worker-";

  /** One worker's blocks, slice by slice. */
  Iterator<Tuple2<Integer, Contribution>> read(String checkpoint, int worker) throws IOException {
    List<Tuple2<Integer, Contribution>> read = new ArrayList<>();
    Block block = null;
    float[] values = new float[0];
    for (Slice slice : slices) {
      if (slice.block() != block) {
        block = slice.block();
        values = read(new Path(checkpoint, name(worker, block)));
      }
      byte[] data = ParameterSlices.encode(values, slice.from(), slice.count());
      read.add(new Tuple2<>(slice.id(), new Contribution(worker, 0, data)));
    }
    return read.iterator();
  }

  private float[] read(Path file) throws IOException {
    try (InputStream in =
        new BufferedInputStream(file.getFileSystem(hadoop.value()).open(file), 1 << 20)) {
      return Safetensors.read(in, layout, file.toString());
    }
  }

  /** Writes one worker's blocks; returns (name, entry) of each file. */
  Iterator<Tuple2<String, FileEntry>> write(
      String checkpoint, int worker, Iterator<Tuple2<Integer, Contribution>> held)
      throws IOException {
    Map<Block, float[]> blocks = new EnumMap<>(Block.class);
    int first = slices.get(0).id();
    while (held.hasNext()) {
      Tuple2<Integer, Contribution> next = held.next();
      Slice slice = slices.get(next._1() - first);
      float[] block = blocks.computeIfAbsent(slice.block(), b -> new float[layout.size()]);
      ParameterSlices.decode(next._2().data(), block, slice.from());
    }
    FileSystem files = new Path(checkpoint).getFileSystem(hadoop.value());
    files.setWriteChecksum(false); // our manifests carry SHA-256
    List<Tuple2<String, FileEntry>> written = new ArrayList<>();
    for (Map.Entry<Block, float[]> block : blocks.entrySet()) {
      String name = name(worker, block.getKey());
      Path target = new Path(checkpoint, name);
      Path aside = target.suffix("." + TaskContext.get().taskAttemptId());
      written.add(new Tuple2<>(name, Checkpoint.tensors(files, aside, layout, block.getValue())));
      // A second attempt of this task writes the same bytes: whoever comes first.
      if (!files.rename(aside, target)) {
        files.delete(aside, false);
      }
    }
    return written.iterator();
  }

  private static String name(int worker, Block block) {
    return DIRECTORY + "%05d/%s".formatted(worker, block.file());
  }
}
