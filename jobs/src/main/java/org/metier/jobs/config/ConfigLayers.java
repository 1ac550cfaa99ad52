package org.metier.jobs.config;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigException;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigIncludeContext;
import com.typesafe.config.ConfigIncluder;
import com.typesafe.config.ConfigObject;
import com.typesafe.config.ConfigParseOptions;
import com.typesafe.config.ConfigParseable;
import com.typesafe.config.ConfigRenderOptions;
import com.typesafe.config.ConfigValue;
import com.typesafe.config.ConfigValueFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * One run's configuration, joined from its layers: {@code metier-defaults.conf} ← files in HOCON ←
 * {@code key=value} overrides. Substitutions are resolved after the layers are joined, so that one
 * key changes all that refer to it.
 */
public final class ConfigLayers {
  static final String DEFAULTS = "metier-defaults.conf";
  static final String COMMAND_LINE = "command line";
  private static final Pattern HOCON_VALUE =
      Pattern.compile("[\\[{\"$].*|true|false|-?\\d+(\\.\\d+)?([eE][+-]?\\d+)?", Pattern.DOTALL);

  private final Config joined;
  private final Config resolved;
  private final Settings settings;

  /**
   * @param joined all layers, substitutions unresolved
   */
  private ConfigLayers(Config joined) {
    this.joined = joined;
    this.resolved = joined.resolve();
    this.settings = RecordBinder.bind(resolved, Settings.class);
  }

  /**
   * Reads, joins, resolves and checks the whole configuration.
   *
   * @param file HOCON, whose {@code include}s are relative to it and must exist
   * @param overrides {@code key=value} each, later ones win
   * @throws InvalidConfigException with one line that names the place and the key
   */
  public static ConfigLayers load(Optional<Path> file, List<String> overrides) {
    return load(file.stream().toList(), overrides);
  }

  /**
   * The same of any number of files.
   *
   * @param files as above; later ones win
   */
  public static ConfigLayers load(List<Path> files, List<String> overrides) {
    try {
      Config joined = ConfigFactory.empty();
      for (Path file : files) {
        joined = parse(file).withFallback(joined);
      }
      return new ConfigLayers(over(joined.withFallback(defaults()), overrides));
    } catch (ConfigException e) {
      throw new InvalidConfigException(oneLine(e));
    }
  }

  /**
   * This configuration with further overrides; what refers to a key of theirs changes, too.
   *
   * @param overrides {@code key=value} each, later ones win
   * @throws InvalidConfigException as above
   */
  public ConfigLayers with(List<String> overrides) {
    try {
      return new ConfigLayers(over(joined, overrides));
    } catch (ConfigException e) {
      throw new InvalidConfigException(oneLine(e));
    }
  }

  private static Config over(Config joined, List<String> overrides) {
    Config all = joined;
    for (String override : overrides) {
      all = override(override).withFallback(all);
    }
    return all;
  }

  /** The key that a misspelt or shortened one was probably meant to be. */
  public static Optional<String> nearestKey(String unknown) {
    return NearestKey.to(unknown, RecordBinder.keys(Settings.class));
  }

  /** The built-in layer, substitutions unresolved. */
  static Config defaults() {
    return ConfigFactory.parseResources(
        ConfigLayers.class.getClassLoader(),
        DEFAULTS,
        ConfigParseOptions.defaults().setAllowMissing(false));
  }

  public Settings settings() {
    return settings;
  }

  /** The resolved configuration in HOCON, every key, with its comments, but no secret. */
  public String toHocon() {
    return commented(Redaction.of(resolved.root()), defaults().root())
        .render(rendering().setComments(true).setJson(false));
  }

  /** The resolved configuration in JSON, every key, but no secret. */
  public String toJson() {
    return Redaction.of(resolved.root()).render(rendering());
  }

  /** Some sections or keys of it, keys in alphabetical order. */
  public String toJson(List<String> sections) {
    StringBuilder json = new StringBuilder();
    for (String section : sections) {
      json.append(section).append(' ');
      json.append(resolved.getValue(section).render(ConfigRenderOptions.concise())).append('\n');
    }
    return json.toString();
  }

  /** A value that was set or referred to keeps the comment that documents its key. */
  private static ConfigObject commented(ConfigObject section, ConfigObject documented) {
    ConfigObject commented = section;
    for (String name : documented.keySet()) {
      ConfigValue value = section.get(name);
      if (value instanceof ConfigObject inner && documented.get(name) instanceof ConfigObject d) {
        value = commented(inner, d);
      }
      List<String> comments = documented.get(name).origin().comments();
      commented =
          commented.withValue(name, value.withOrigin(value.origin().withComments(comments)));
    }
    return commented;
  }

  private static ConfigRenderOptions rendering() {
    return ConfigRenderOptions.defaults().setOriginComments(false).setComments(false);
  }

  private static Config parse(Path file) {
    if (!Files.isRegularFile(file)) {
      throw new InvalidConfigException(
          file + (Files.exists(file) ? ": not a file" : ": no such file"));
    }
    // a name without a directory has no siblings, as the library sees it, and so no includes
    Path named = file.getParent() == null ? Path.of(".").resolve(file) : file;
    return ConfigFactory.parseFile(
        named.toFile(), ConfigParseOptions.defaults().setIncluder(new StrictIncluder(file)));
  }

  /**
   * A number, true, false, and a value that opens with a bracket, brace, quote or dollar sign are
   * HOCON; any other is taken as it stands, so that paths and addresses need no quotes.
   */
  private static Config override(String override) {
    int equals = override.indexOf('=');
    String key = override.substring(0, equals);
    String text = override.substring(equals + 1);
    if (HOCON_VALUE.matcher(text).matches()) {
      return ConfigFactory.parseString(
          key + " = " + text, ConfigParseOptions.defaults().setOriginDescription(COMMAND_LINE));
    }
    return ConfigValueFactory.fromAnyRef(text, COMMAND_LINE).atPath(key);
  }

  /** Typesafe config's messages start with the place already, but may run over many lines. */
  private static String oneLine(ConfigException e) {
    return e.getMessage().replaceAll("\\s+", " ").replaceFirst("^(\\S*): (\\d+):", "$1:$2:");
  }

  /**
   * HOCON skips an include that is not there; a preset with a wrong name must not be skipped.
   *
   * @param including file that is being read
   */
  private record StrictIncluder(Path including) implements ConfigIncluder {
    @Override
    public ConfigIncluder withFallback(ConfigIncluder fallback) {
      return this;
    }

    @Override
    public ConfigObject include(ConfigIncludeContext context, String what) {
      ConfigParseable included = context.relativeTo(what);
      String file = included == null ? null : included.origin().filename();
      if (file == null || !Files.isRegularFile(Path.of(file))) {
        throw new InvalidConfigException(including + ": include \"" + what + "\": no such file");
      }
      return included.parse(
          context
              .parseOptions()
              .setAllowMissing(false)
              .setIncluder(new StrictIncluder(Path.of(file))));
    }
  }
}
