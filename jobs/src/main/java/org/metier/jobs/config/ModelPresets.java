package org.metier.jobs.config;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/**
 * The models that can be asked for by name: the files of one directory.
 *
 * @param directory of the presets
 * @param names of the presets, in alphabetical order
 */
public record ModelPresets(Path directory, List<String> names) {
  private static final String SUFFIX = ".conf";

  /** The presets of a directory; none if it does not exist. */
  public static ModelPresets in(Path directory) {
    if (!Files.isDirectory(directory)) {
      return new ModelPresets(directory, List.of());
    }
    try (Stream<Path> files = Files.list(directory)) {
      List<String> names =
          files
              .map(file -> file.getFileName().toString())
              .filter(name -> name.endsWith(SUFFIX))
              .map(name -> name.substring(0, name.length() - SUFFIX.length()))
              .sorted()
              .toList();
      return new ModelPresets(directory, names);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * The file of one model.
   *
   * @throws InvalidConfigException if there is none of that name
   */
  public Path file(String name) {
    if (!names.contains(name)) {
      throw new InvalidConfigException(
          "--model: '%s' is no preset in %s, which has %s"
              .formatted(name, directory, names.isEmpty() ? "none" : String.join(", ", names)));
    }
    return directory.resolve(name + SUFFIX);
  }
}
