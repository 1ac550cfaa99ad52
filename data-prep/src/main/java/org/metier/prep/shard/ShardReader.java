package org.metier.prep.shard;

import java.io.IOException;
import java.io.InputStream;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.metier.prep.BadDataException;
import org.metier.prep.document.Sha256;

/**
 * Random access to a split by position, on an executor, without a SparkSession. The shards last
 * used stay decoded in memory, so that reading along a range of positions decodes each shard once.
 * Not for two threads at a time.
 */
public final class ShardReader implements AutoCloseable {
  /** A range of positions may lie across the border of two shards. */
  private static final int KEPT_SHARDS = 2;

  private final Path splitDirectory;
  private final ShardManifest manifest;
  private final Configuration hadoop;
  private final long[] firstPosition; // [shards + 1]
  private final Map<Integer, TokenSequence[]> kept = new LinkedHashMap<>(4, 0.75f, true);
  private int current = -1; // the shard of the last call
  private TokenSequence[] currentRows = new TokenSequence[0];

  public ShardReader(Path splitDirectory, ShardManifest manifest, Configuration hadoop) {
    this.splitDirectory = splitDirectory;
    this.manifest = manifest;
    this.hadoop = hadoop;
    List<ShardManifest.Shard> shards = manifest.shards();
    firstPosition = new long[shards.size() + 1];
    for (int s = 0; s < shards.size(); s++) {
      firstPosition[s + 1] = firstPosition[s] + shards.get(s).sequences();
    }
  }

  /** Sequences in the split. */
  public long size() {
    return firstPosition[firstPosition.length - 1];
  }

  /**
   * The sequence at a position.
   *
   * @param position in [0, size)
   * @throws BadDataException if its shard is missing, corrupt or not the one in the manifest
   */
  public TokenSequence get(long position) {
    if (position < 0 || position >= size()) {
      throw new IndexOutOfBoundsException(
          "position " + position + " of a split with " + size() + " sequences");
    }
    if (current < 0
        || position < firstPosition[current]
        || position >= firstPosition[current + 1]) {
      open(shardAt(position));
    }
    return currentRows[(int) (position - firstPosition[current])];
  }

  private int shardAt(long position) {
    int low = 0;
    int high = firstPosition.length - 1;
    while (high - low > 1) {
      int middle = (low + high) >>> 1;
      if (firstPosition[middle] <= position) {
        low = middle;
      } else {
        high = middle;
      }
    }
    return low;
  }

  private void open(int shard) {
    TokenSequence[] rows = kept.get(shard);
    if (rows == null) {
      if (kept.size() == KEPT_SHARDS) {
        kept.remove(kept.keySet().iterator().next());
      }
      rows = decode(shard);
      kept.put(shard, rows);
    }
    current = shard;
    currentRows = rows;
  }

  private TokenSequence[] decode(int index) {
    ShardManifest.Shard shard = manifest.shards().get(index);
    Path file = new Path(splitDirectory, shard.file());
    byte[] bytes;
    try (InputStream in = file.getFileSystem(hadoop).open(file)) {
      bytes = in.readAllBytes();
    } catch (IOException e) {
      throw new BadDataException(file + " cannot be read: " + ShardManifest.oneLine(e), e);
    }
    if (bytes.length != shard.bytes()) {
      throw new BadDataException(
          file + " has " + bytes.length + " bytes, the manifest says " + shard.bytes());
    }
    ShardManifest.requireHash(shard, file, Sha256.of(bytes));
    try {
      return new ShardDecoder(manifest, firstPosition[index]).decode(bytes, shard.sequences());
    } catch (IOException | RuntimeException e) {
      throw new BadDataException(
          file + " does not match its manifest: " + ShardManifest.oneLine(e), e);
    }
  }

  @Override
  public void close() {
    kept.clear();
    current = -1;
    currentRows = new TokenSequence[0];
  }
}
