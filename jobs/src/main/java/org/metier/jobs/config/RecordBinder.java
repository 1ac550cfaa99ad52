package org.metier.jobs.config;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigList;
import com.typesafe.config.ConfigObject;
import com.typesafe.config.ConfigOrigin;
import com.typesafe.config.ConfigUtil;
import com.typesafe.config.ConfigValue;
import com.typesafe.config.ConfigValueType;
import java.lang.invoke.MethodType;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Fills records from HOCON, component by component: numbers, booleans, strings, enums ({@code
 * MICRO_BATCH} is written {@code micro-batch}), lists, maps of strings or of numbers and nested
 * records. Nothing is optional, nothing is ignored: what does not fit ends with an {@link
 * InvalidConfigException} of the form {@code file:line: full.key: what is wrong}.
 */
public final class RecordBinder {
  private final Class<? extends Record> schema;

  private RecordBinder(Class<? extends Record> schema) {
    this.schema = schema;
  }

  /**
   * @param resolved configuration without open substitutions
   * @param schema record whose components are the top-level keys
   */
  public static <R extends Record> R bind(Config resolved, Class<R> schema) {
    return new RecordBinder(schema).record("", resolved.root(), schema);
  }

  /** Full keys that a record knows, in the order of its components; {@code a[].b} within lists. */
  static List<String> keys(Class<?> schema) {
    List<String> keys = new ArrayList<>();
    for (RecordComponent component : schema.getRecordComponents()) {
      String name = component.getName();
      if (component.getType().isRecord()) {
        keys(component.getType()).forEach(key -> keys.add(name + "." + key));
        continue;
      }
      keys.add(name);
      if (component.getGenericType() instanceof ParameterizedType generic
          && generic.getActualTypeArguments()[0] instanceof Class<?> element
          && element.isRecord()) {
        keys(element).forEach(key -> keys.add(name + "[]." + key));
      }
    }
    return keys;
  }

  private <R> R record(String path, ConfigObject object, Class<R> type) {
    RecordComponent[] components = type.getRecordComponents();
    Set<String> names =
        Stream.of(components).map(RecordComponent::getName).collect(Collectors.toSet());
    object.entrySet().stream()
        .filter(entry -> !names.contains(entry.getKey()))
        .min(Comparator.comparingInt(entry -> entry.getValue().origin().lineNumber()))
        .ifPresent(unknown -> rejectUnknown(join(path, unknown.getKey()), unknown.getValue()));

    Class<?>[] types = new Class<?>[components.length];
    Object[] values = new Object[components.length];
    for (int i = 0; i < components.length; i++) {
      String key = join(path, components[i].getName());
      ConfigValue value = object.get(components[i].getName());
      if (value == null || value.valueType() == ConfigValueType.NULL) {
        throw wrong(value == null ? object.origin() : value.origin(), key, "missing");
      }
      types[i] = components[i].getType();
      values[i] = value(key, value, components[i].getGenericType());
    }
    return construct(path, object, type, types, values);
  }

  private static <R> R construct(
      String path, ConfigObject object, Class<R> type, Class<?>[] types, Object[] values) {
    try {
      return type.getDeclaredConstructor(types).newInstance(values);
    } catch (InvocationTargetException e) {
      if (e.getCause() instanceof IllegalArgumentException violated) {
        throw violatedConstraint(path, object, violated.getMessage());
      }
      throw new IllegalStateException("constructor of " + type.getName() + " failed", e.getCause());
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(type.getName() + " cannot be bound", e);
    }
  }

  /**
   * By habit a record's message starts with the component that is wrong, or with the path to it:
   * that gives the line.
   */
  private static InvalidConfigException violatedConstraint(
      String path, ConfigObject object, String message) {
    ConfigValue culprit = object;
    for (String component : message.split("[^\\w.]", 2)[0].split("\\.")) {
      if (culprit instanceof ConfigObject section && section.get(component) != null) {
        culprit = section.get(component);
      }
    }
    return culprit == object
        ? wrong(object.origin(), path, message)
        : new InvalidConfigException(where(culprit.origin()) + ": " + join(path, message));
  }

  private Object value(String path, ConfigValue value, Type type) {
    if (type instanceof ParameterizedType generic && generic.getRawType() == List.class) {
      return list(path, value, generic.getActualTypeArguments()[0]);
    }
    if (type instanceof ParameterizedType generic && generic.getRawType() == Map.class) {
      return generic.getActualTypeArguments()[1] == Double.class
          ? numbers(path, object(path, value))
          : properties(object(path, value));
    }
    // a list has Long where a component has long
    Class<?> plain = MethodType.methodType((Class<?>) type).unwrap().returnType();
    if (plain.isRecord()) {
      return record(path, object(path, value), plain);
    }
    return scalar(path, value, plain);
  }

  private List<Object> list(String path, ConfigValue value, Type element) {
    if (value.valueType() == ConfigValueType.OBJECT) {
      throw wrong(value.origin(), path, "expected a list such as [a, b], found a section");
    }
    if (!(value instanceof ConfigList elements)) {
      // --prepare.input=my.jsonl: one value is a list of one
      return List.of(value(path, value, element));
    }
    List<Object> bound = new ArrayList<>();
    for (int i = 0; i < elements.size(); i++) {
      bound.add(value(path + "[" + i + "]", elements.get(i), element));
    }
    return bound;
  }

  /** A dotted property name is a path to HOCON; here it becomes one name again. */
  private static Map<String, String> properties(ConfigObject object) {
    Map<String, String> properties = new LinkedHashMap<>();
    Config config = object.toConfig();
    Set<String> paths = new TreeSet<>();
    config.entrySet().forEach(entry -> paths.add(entry.getKey()));
    for (String path : paths) {
      properties.put(String.join(".", ConfigUtil.splitPath(path)), config.getString(path));
    }
    return properties;
  }

  private static Map<String, Object> numbers(String path, ConfigObject object) {
    Map<String, Object> numbers = new LinkedHashMap<>();
    Config config = object.toConfig();
    Set<String> keys = new TreeSet<>();
    config.entrySet().forEach(entry -> keys.add(entry.getKey()));
    for (String key : keys) {
      String name = String.join(".", ConfigUtil.splitPath(key));
      numbers.put(name, scalar(join(path, name), config.getValue(key), double.class));
    }
    return numbers;
  }

  private static ConfigObject object(String path, ConfigValue value) {
    if (value instanceof ConfigObject object) {
      return object;
    }
    throw wrong(value.origin(), path, "expected a section { … }, found " + text(value));
  }

  private static Object scalar(String path, ConfigValue value, Class<?> type) {
    if (value.valueType() == ConfigValueType.OBJECT || value.valueType() == ConfigValueType.LIST) {
      String found = value.valueType() == ConfigValueType.LIST ? "a list" : "a section";
      throw wrong(value.origin(), path, "expected " + expectation(type) + ", found " + found);
    }
    String text = text(value);
    try {
      if (type == int.class) {
        return Integer.parseInt(text);
      } else if (type == long.class) {
        return Long.parseLong(text);
      } else if (type == double.class) {
        return finite(Double.parseDouble(text));
      } else if (type == boolean.class && (text.equals("true") || text.equals("false"))) {
        return Boolean.valueOf(text);
      } else if (type == String.class) {
        return text;
      } else if (type.isEnum()) {
        return constant(type, text);
      }
    } catch (IllegalArgumentException notOfThisType) {
      // reported below, as is any other text that does not fit
    }
    throw wrong(value.origin(), path, "expected " + expectation(type) + ", is '" + text + "'");
  }

  private static double finite(double number) {
    if (!Double.isFinite(number)) {
      throw new IllegalArgumentException("not finite");
    }
    return number;
  }

  private static Object constant(Class<?> type, String text) {
    for (Object constant : type.getEnumConstants()) {
      if (kebabCase(constant).equals(text)) {
        return constant;
      }
    }
    throw new IllegalArgumentException("no such constant");
  }

  private static String kebabCase(Object constant) {
    return ((Enum<?>) constant).name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  private static String expectation(Class<?> type) {
    if (type == int.class) {
      return "a whole number (32 bits)";
    } else if (type == long.class) {
      return "a whole number (64 bits)";
    } else if (type == double.class) {
      return "a number";
    } else if (type == boolean.class) {
      return "true or false";
    } else if (type.isEnum()) {
      return "one of "
          + Stream.of(type.getEnumConstants())
              .map(RecordBinder::kebabCase)
              .collect(Collectors.joining(", "));
    } else if (type == String.class) {
      return "text";
    }
    throw new IllegalStateException("records must not have components of " + type);
  }

  /** The value as it was written: 1.10 stays 1.10. */
  private static String text(ConfigValue value) {
    return value instanceof ConfigList ? "a list" : value.atKey("value").getString("value");
  }

  private void rejectUnknown(String path, ConfigValue value) {
    String key = path;
    ConfigValue leaf = value;
    while (leaf instanceof ConfigObject section && section.size() == 1) {
      var only = section.entrySet().iterator().next();
      key = join(key, only.getKey());
      leaf = only.getValue();
    }
    String suggestion =
        NearestKey.to(key.replaceAll("\\[\\d+]", "[]"), keys(schema))
            .map(near -> "; did you mean " + near + "?")
            .orElse("");
    throw wrong(leaf.origin(), key, "unknown key" + suggestion);
  }

  private static InvalidConfigException wrong(ConfigOrigin origin, String key, String message) {
    return new InvalidConfigException(where(origin) + ": " + key + ": " + message);
  }

  private static String where(ConfigOrigin origin) {
    String place = origin.filename() != null ? origin.filename() : origin.resource();
    if (place == null) {
      place = origin.description().replaceFirst(": \\d+(-\\d+)?$", "");
    }
    boolean numbered = origin.lineNumber() > 0 && !place.equals(ConfigLayers.COMMAND_LINE);
    return numbered ? place + ":" + origin.lineNumber() : place;
  }

  private static String join(String path, String name) {
    return path.isEmpty() ? name : path + "." + name;
  }
}
