package org.metier.analysis;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.SparkSession;

/**
 * One HTML file that needs no network: page, style, script, data and the chart library (Apache
 * ECharts, from its webjar) in one.
 */
final class HtmlPage {
  private static final String ECHARTS = "/META-INF/resources/webjars/echarts/5.5.0/echarts.min.js";
  private static final Pattern SLOT = Pattern.compile("\\{\\{([a-z]+)}}");
  static final ObjectMapper JSON = new ObjectMapper();

  private HtmlPage() {}

  /**
   * Fills the slots {@code {{title}}}, {@code {{summary}}}, {@code {{data}}} and {@code {{script}}}
   * of a page, and those of style and charts.
   *
   * @param page resource beside this class
   * @param scripts likewise, joined in this order
   * @param summary HTML; what comes from users is {@link #escaped}
   */
  static String of(
      String page, List<String> scripts, String title, String summary, ObjectNode data) {
    Map<String, String> parts = new HashMap<>();
    parts.put("title", escaped(title));
    parts.put("style", resource("report.css"));
    parts.put("summary", summary);
    parts.put("data", json(data));
    parts.put("charts", resource(ECHARTS).replace("</script", "<\\/script"));
    parts.put("script", scripts.stream().map(HtmlPage::resource).collect(Collectors.joining("\n")));
    // One pass: what is filled in is never searched for slots.
    return SLOT.matcher(resource(page))
        .replaceAll(slot -> Matcher.quoteReplacement(parts.get(slot.group(1))));
  }

  /** Safe inside a script element: no {@code <} is left that could close it. */
  private static String json(ObjectNode data) {
    try {
      return JSON.writeValueAsString(data)
          .replace("<", "\\u003c")
          .replace("\u2028", "\\u2028")
          .replace("\u2029", "\\u2029");
    } catch (JsonProcessingException e) {
      throw new UncheckedIOException(e);
    }
  }

  static String escaped(String text) {
    return text.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace("\"", "&quot;")
        .replace("'", "&#39;");
  }

  private static String resource(String name) {
    try (InputStream in = HtmlPage.class.getResourceAsStream(name)) {
      if (in == null) {
        throw new IllegalStateException("not on the classpath: " + name);
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Beside the target first, so that no half page is ever found; replaces an older one. */
  static void save(SparkSession spark, String html, Path output) {
    save(spark, html.getBytes(StandardCharsets.UTF_8), output);
  }

  /** The same of a picture. */
  static void save(SparkSession spark, byte[] content, Path output) {
    Path staging = new Path(output.getParent(), "." + output.getName() + ".writing");
    try {
      FileSystem files = output.getFileSystem(spark.sessionState().newHadoopConf());
      try (OutputStream out = files.create(staging, true)) {
        out.write(content);
      }
      TableDirectory.replace(files, staging, output);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot write %s: %s".formatted(output, e.getMessage()), e);
    }
  }
}
