package org.metier.jobs.config;

import com.typesafe.config.ConfigList;
import com.typesafe.config.ConfigObject;
import com.typesafe.config.ConfigValue;
import com.typesafe.config.ConfigValueFactory;
import com.typesafe.config.ConfigValueType;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * Keeps secrets out of what is written or printed. As Spark does it ({@code spark.redaction.regex}
 * is the model): a Spark property whose name or value looks like a secret's is replaced whole; and
 * in any text, the user and password of an address.
 */
public final class Redaction {
  static final String HIDDEN = "*********(redacted)";

  private static final Pattern SECRET =
      Pattern.compile(
          "secret|passw(or)?d|passphrase|token|credential|access[._-]?key|account[._-]?key|api[._-]?key",
          Pattern.CASE_INSENSITIVE);

  /** {@code s3a://KEY:SECRET@bucket}. */
  private static final Pattern USER_INFO = Pattern.compile("(?<=://)[^/@\\s]+:[^/@\\s]*(?=@)");

  private Redaction() {}

  /** A text without the user and password of addresses. */
  public static String of(String text) {
    return USER_INFO.matcher(text).replaceAll(HIDDEN);
  }

  /** A whole configuration: Spark's properties lie in {@code spark.conf}. */
  static ConfigObject of(ConfigObject root) {
    ConfigObject result = addresses(root);
    if (result.get("spark") instanceof ConfigObject spark
        && spark.get("conf") instanceof ConfigObject properties) {
      result = result.withValue("spark", spark.withValue("conf", secrets("", properties)));
    }
    return result;
  }

  private static ConfigObject secrets(String path, ConfigObject section) {
    ConfigObject result = section;
    for (String name : section.keySet()) {
      String key = path + name;
      ConfigValue value = section.get(name);
      if (value instanceof ConfigObject inner) {
        result = result.withValue(name, secrets(key + ".", inner));
      } else if (SECRET.matcher(key).find()
          || SECRET.matcher(String.valueOf(value.unwrapped())).find()) {
        result = result.withValue(name, hidden(value));
      }
    }
    return result;
  }

  private static ConfigValue hidden(ConfigValue value) {
    return ConfigValueFactory.fromAnyRef(HIDDEN).withOrigin(value.origin());
  }

  private static ConfigObject addresses(ConfigObject section) {
    ConfigObject result = section;
    for (String name : section.keySet()) {
      result = result.withValue(name, addresses(section.get(name)));
    }
    return result;
  }

  private static ConfigValue addresses(ConfigValue value) {
    if (value instanceof ConfigObject section) {
      return addresses(section);
    }
    if (value instanceof ConfigList list) {
      List<ConfigValue> redacted =
          list.stream().map(Redaction::addresses).collect(Collectors.toList());
      return ConfigValueFactory.fromIterable(redacted).withOrigin(value.origin());
    }
    if (value.valueType() != ConfigValueType.STRING) {
      return value;
    }
    String text = (String) value.unwrapped();
    String redacted = of(text);
    return redacted.equals(text)
        ? value
        : ConfigValueFactory.fromAnyRef(redacted).withOrigin(value.origin());
  }
}
