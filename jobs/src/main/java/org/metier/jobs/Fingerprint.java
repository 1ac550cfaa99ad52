package org.metier.jobs;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.LocatedFileStatus;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RemoteIterator;
import org.metier.prep.FirstAccess;

/**
 * SHA-256 over names and contents of files; of large ones over size and modification time, which
 * need not be read.
 */
final class Fingerprint {
  private static final long LARGE = 1L << 20;
  static final String NOTHING = "nothing";

  private Fingerprint() {}

  /** Of a text. */
  static String of(String text) {
    return HexFormat.of().formatHex(sha256().digest(text.getBytes(StandardCharsets.UTF_8)));
  }

  /** Of files and directories in this order; {@link #NOTHING} if any of them is missing. */
  static String of(List<String> paths, Configuration hadoop) throws IOException {
    MessageDigest digest = sha256();
    for (String name : paths) {
      Path path = new Path(name);
      FirstAccess.check(path, hadoop);
      FileSystem files = path.getFileSystem(hadoop);
      List<FileStatus> all = new ArrayList<>();
      try {
        RemoteIterator<LocatedFileStatus> found = files.listFiles(path, true);
        while (found.hasNext()) {
          all.add(found.next());
        }
      } catch (FileNotFoundException e) {
        return NOTHING;
      }
      if (all.isEmpty()) {
        return NOTHING;
      }
      all.sort(Comparator.comparing(status -> status.getPath().toString()));
      String root = files.makeQualified(path).toString();
      for (FileStatus file : all) {
        add(digest, root, file, files);
      }
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  private static void add(MessageDigest digest, String root, FileStatus file, FileSystem files)
      throws IOException {
    String name = file.getPath().toString().substring(root.length());
    digest.update(name.getBytes(StandardCharsets.UTF_8));
    digest.update(ByteBuffer.allocate(8).putLong(file.getLen()).array());
    if (file.getLen() > LARGE) {
      digest.update(ByteBuffer.allocate(8).putLong(file.getModificationTime()).array());
      return;
    }
    try (InputStream in = files.open(file.getPath())) {
      digest.update(in.readAllBytes());
    }
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e); // every JDK has it
    }
  }
}
