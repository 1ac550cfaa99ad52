package org.metier.jobs.config;

import com.typesafe.config.ConfigObject;
import com.typesafe.config.ConfigRenderOptions;
import com.typesafe.config.ConfigValue;
import java.lang.invoke.MethodType;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** {@code jobs/docs/configuration.md}: every key, from the records and the defaults' comments. */
public final class ConfigurationPage {
  private final StringBuilder page = new StringBuilder();

  private ConfigurationPage() {}

  public static String text() {
    ConfigurationPage page = new ConfigurationPage();
    page.page.append(
        """
        # Configuration

        Every key with its default. A preset (`--conf FILE`, HOCON, one file is one run) changes what it names; `--KEY=VALUE`
        comes last. `${...}` refers to another key's final value. An unknown key is an error, and the nearest one is named.
        `jobs/run COMMAND --show-config` prints all keys as resolved, secrets left out.

        *Made from the config records and `metier-defaults.conf`; rewritten by the command in
        [ReferencesTest](../src/test/java/org/metier/jobs/docs/ReferencesTest.java).*
        """);
    ConfigObject defaults = ConfigLayers.defaults().root();
    for (RecordComponent section : Settings.class.getRecordComponents()) {
      ConfigObject values = (ConfigObject) defaults.get(section.getName());
      page.section(section.getName(), values, section.getType());
    }
    return page.page.toString();
  }

  private void section(String path, ConfigObject values, Class<?> type) {
    page.append("\n## ").append(path).append("\n\n");
    String about = comment(values);
    if (!about.isEmpty()) {
      page.append(about).append("\n\n");
    }
    page.append("| key | default | takes | meaning |\n|---|---|---|---|\n");
    rows(path, values, type);
    for (RecordComponent component : type.getRecordComponents()) {
      if (component.getType().isRecord()) {
        String inner = path + "." + component.getName();
        section(inner, (ConfigObject) values.get(component.getName()), component.getType());
      }
    }
  }

  private void rows(String path, ConfigObject values, Class<?> type) {
    for (RecordComponent component : type.getRecordComponents()) {
      if (component.getType().isRecord()) {
        continue;
      }
      ConfigValue value = values.get(component.getName());
      page.append("| `%s.%s` ".formatted(path, component.getName()))
          .append("| `%s` ".formatted(value.render(ConfigRenderOptions.concise())))
          .append("| %s ".formatted(takes(component.getGenericType())))
          .append("| %s |\n".formatted(comment(value)));
    }
  }

  private static String takes(Type type) {
    if (type instanceof ParameterizedType generic) {
      Type element = generic.getActualTypeArguments()[0];
      return generic.getRawType() == Map.class
          ? (generic.getActualTypeArguments()[1] == Double.class
              ? "numbers by name"
              : "texts by name")
          : "list: "
              + (element instanceof Class<?> c && c.isRecord()
                  ? Stream.of(c.getRecordComponents())
                      .map(RecordComponent::getName)
                      .collect(Collectors.joining(", ", "{ ", " }"))
                  : takes(element));
    }
    // a list has Double where a component has double
    Class<?> plain = MethodType.methodType((Class<?>) type).unwrap().returnType();
    if (plain.isEnum()) {
      return Stream.of(plain.getEnumConstants())
          .map(c -> ((Enum<?>) c).name().toLowerCase(Locale.ROOT).replace('_', '-'))
          .collect(Collectors.joining(", "));
    }
    return Map.of(
            int.class, "whole number",
            long.class, "whole number",
            double.class, "number",
            boolean.class, "true, false",
            String.class, "text")
        .get(plain);
  }

  private static String comment(ConfigValue value) {
    List<String> lines = value.origin().comments();
    return lines.stream().map(String::strip).collect(Collectors.joining(" ")).replace("|", "\\|");
  }
}
