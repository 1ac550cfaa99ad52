package org.metier.prep;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;

/** What a preparation has left, to be compared byte for byte. */
final class PreparedFiles {
  private PreparedFiles() {}

  /** Content by name, a character a byte; the report, which holds times, is left out. */
  static Map<String, String> contents(Path output) throws IOException {
    Map<String, String> contents = new TreeMap<>();
    try (var all = Files.walk(output)) {
      for (Path file : all.filter(Files::isRegularFile).toList()) {
        String name = output.relativize(file).toString().replace('\\', '/');
        if (!name.equals("report.json") && !file.getFileName().toString().endsWith(".crc")) {
          contents.put(name, new String(Files.readAllBytes(file), StandardCharsets.ISO_8859_1));
        }
      }
    }
    return contents;
  }
}
