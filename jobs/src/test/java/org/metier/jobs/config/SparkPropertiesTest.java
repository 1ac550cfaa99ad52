package org.metier.jobs.config;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.yaml.snakeyaml.Yaml;

/** The files of conf/spark that spark-submit and the Spark operator read. */
class SparkPropertiesTest {
  private static final Path DIRECTORY = Path.of("..", "conf", "spark");
  private static final String VECTOR = "--add-modules=jdk.incubator.vector";

  /** Those for --properties-file; log4j2's are not. */
  static List<Path> files() throws IOException {
    try (Stream<Path> all = Files.list(DIRECTORY)) {
      return all.filter(file -> file.toString().endsWith(".properties"))
          .filter(file -> !file.getFileName().toString().startsWith("log4j2"))
          .sorted()
          .toList();
    }
  }

  @Test
  void everyKindOfClusterHasAFile() throws IOException {
    assertThat(files())
        .extracting(file -> file.getFileName().toString())
        .containsExactly(
            "kubernetes-gpu.properties",
            "kubernetes.properties",
            "local.properties",
            "standalone-gpu.properties",
            "standalone.properties",
            "yarn-gpu.properties",
            "yarn.properties");
  }

  @ParameterizedTest
  @MethodSource("files")
  void everyLineHasItsReason(Path file) throws IOException {
    boolean explained = false;
    for (String line : Files.readAllLines(file)) {
      if (line.startsWith("#")) {
        explained = true;
      } else if (line.isBlank()) {
        explained = false;
      } else {
        assertThat(explained).as(file + ": a reason above " + line).isTrue();
        assertThat(line).as(file.toString()).startsWith("spark.").matches("\\S+ +\\S.*");
        explained = false;
      }
    }
  }

  @ParameterizedTest
  @MethodSource("files")
  void everyJvmIsToldToLoadTheVectorApi(Path file) throws IOException {
    Map<String, String> properties = read(file);
    assertThat(properties.get("spark.driver.extraJavaOptions")).contains(VECTOR);
    if (!file.endsWith("local.properties")) {
      assertThat(properties.get("spark.executor.extraJavaOptions")).contains(VECTOR);
      assertThat(properties).containsEntry("spark.dynamicAllocation.enabled", "false");
    }
  }

  /** The files with GPUs are those without and some lines more. */
  @ParameterizedTest
  @ValueSource(strings = {"standalone", "yarn", "kubernetes"})
  void gpusComeOnTop(String cluster) throws IOException {
    Map<String, String> gpu = read(DIRECTORY.resolve(cluster + "-gpu.properties"));
    assertThat(gpu).containsAllEntriesOf(read(DIRECTORY.resolve(cluster + ".properties")));
    assertThat(gpu)
        .containsEntry("spark.executor.resource.gpu.amount", "1")
        .containsEntry("spark.executorEnv.CUDA_DEVICE_ORDER", "PCI_BUS_ID")
        .doesNotContainKey("spark.task.resource.gpu.amount");
  }

  /** The presets in HOCON say nothing else than the files for spark-submit. */
  @ParameterizedTest
  @CsvSource({"cluster.conf, standalone.properties", "gpu.conf, kubernetes-gpu.properties"})
  void presetsFollowTheProperties(String preset, String properties) throws IOException {
    Map<String, String> said = read(DIRECTORY.resolve(properties));
    Map<String, String> spark =
        ConfigLayers.load(List.of(DIRECTORY.resolve(preset)), List.of()).settings().spark().conf();
    assertThat(spark).isNotEmpty();
    spark.forEach((key, value) -> assertThat(said.get(key)).as(key).contains(value));
  }

  /** The operator's manifest says the same as kubernetes.properties, in its own words. */
  @Test
  void theManifestFollowsTheProperties() throws IOException {
    Map<String, String> manifest = manifest();
    Map<String, String> properties = read(DIRECTORY.resolve("kubernetes.properties"));
    assertThat(manifest.remove("spec.sparkVersion"))
        .isEqualTo(org.apache.spark.package$.MODULE$.SPARK_VERSION());
    Map<String, String> names =
        Map.of(
            "spec.mode", "spark.submit.deployMode",
            "spec.image", "spark.kubernetes.container.image",
            "metadata.namespace", "spark.kubernetes.namespace",
            "spec.driver.serviceAccount", "spark.kubernetes.authenticate.driver.serviceAccountName",
            "spec.driver.javaOptions", "spark.driver.extraJavaOptions",
            "spec.driver.memory", "spark.driver.memory",
            "spec.executor.javaOptions", "spark.executor.extraJavaOptions",
            "spec.executor.memory", "spark.executor.memory",
            "spec.executor.cores", "spark.executor.cores",
            "spec.executor.instances", "spark.executor.instances");
    Map<String, String> said = new HashMap<>();
    names.forEach((here, there) -> said.put(there, manifest.get(here)));
    manifest.forEach(
        (key, value) -> {
          if (key.startsWith("spec.sparkConf.")) {
            said.put(key.substring("spec.sparkConf.".length()), value);
          }
        });
    assertThat(said).containsExactlyInAnyOrderEntriesOf(properties);
  }

  /** Its arguments are keys of ours, and its class is a job. */
  @Test
  void theManifestStartsAJob() throws Exception {
    Map<String, Object> spec = section(yaml(), "spec");
    Class.forName((String) spec.get("mainClass")).getMethod("main", String[].class);
    List<String> keys = RecordBinder.keys(Settings.class);
    for (Object argument : (List<?>) spec.get("arguments")) {
      String option = argument.toString().replaceFirst("=.*", "").substring(2);
      assertThat(option.equals("run-id") || keys.contains(option)).as(option).isTrue();
    }
  }

  private static Map<String, String> manifest() throws IOException {
    Map<String, String> flat = new HashMap<>();
    flatten("", yaml(), flat);
    return flat;
  }

  private static Map<String, Object> yaml() throws IOException {
    try (Reader reader = Files.newBufferedReader(DIRECTORY.resolve("spark-application.yaml"))) {
      return new Yaml().load(reader);
    }
  }

  private static Map<String, Object> section(Map<String, Object> map, String name) {
    Map<String, Object> section = new HashMap<>();
    ((Map<?, ?>) map.get(name)).forEach((key, value) -> section.put(key.toString(), value));
    return section;
  }

  private static void flatten(String prefix, Map<String, Object> map, Map<String, String> flat) {
    for (String key : map.keySet()) {
      if (map.get(key) instanceof Map<?, ?>) {
        flatten(prefix + key + ".", section(map, key), flat);
      } else {
        flat.put(prefix + key, String.valueOf(map.get(key)));
      }
    }
  }

  private static Map<String, String> read(Path file) throws IOException {
    Properties properties = new Properties();
    try (Reader reader = Files.newBufferedReader(file)) {
      properties.load(reader);
    }
    Map<String, String> map = new HashMap<>();
    properties.forEach((key, value) -> map.put(key.toString(), value.toString().strip()));
    return map;
  }
}
