package org.metier.jobs.config;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RedactionTest {
  @ParameterizedTest
  @CsvSource({
    "spark.hadoop.fs.s3a.secret.key, planted1",
    "spark.hadoop.fs.s3a.access.key, planted2",
    "spark.authenticate.secret, planted3",
    "spark.ssl.keyPassword, planted4",
    "spark.hadoop.fs.azure.account.key.x, planted5",
    "spark.openlineage.transport.auth.apiKey, planted6",
    "spark.driver.extraJavaOptions, -Dmy.password=planted7",
  })
  void aSparkPropertyThatLooksLikeASecretIsHidden(String key, String value) {
    ConfigLayers layers =
        ConfigLayers.load(Optional.empty(), List.of("spark.conf." + key + "=" + value));
    assertThat(layers.toHocon()).doesNotContain("planted").contains("*********(redacted)");
    assertThat(layers.toJson()).doesNotContain("planted").contains("*********(redacted)");
    assertThat(layers.settings().spark().conf()).as("Spark is told").containsEntry(key, value);
  }

  @Test
  void theUserOfAnAddressIsHiddenWhereverItStands() {
    ConfigLayers layers =
        ConfigLayers.load(
            Optional.empty(),
            List.of(
                "prepare.input=[\"s3a://AKIA:planted8@corpus/a\", \"/plain\"]",
                "run.directory=s3a://AKIA:planted9@runs/x"));
    assertThat(layers.toHocon())
        .doesNotContain("planted", "AKIA")
        .contains(
            "s3a://*********(redacted)@runs/x", "s3a://*********(redacted)@corpus/a", "/plain");
    assertThat(Redaction.of("s3a://AKIA:planted@b/x: no such file"))
        .isEqualTo("s3a://*********(redacted)@b/x: no such file");
  }

  /** Nothing else is touched: what is printed can be read again. */
  @Test
  void aConfigurationWithoutSecretsStaysAsItIs() {
    ConfigLayers layers =
        ConfigLayers.load(Optional.empty(), List.of("train.data=hdfs://host:8020/tokens"));
    assertThat(layers.toHocon())
        .contains("hdfs://host:8020/tokens", "tokens")
        .doesNotContain("redacted");
  }
}
