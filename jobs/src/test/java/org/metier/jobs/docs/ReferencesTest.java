package org.metier.jobs.docs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.metier.jobs.ExitCode;
import org.metier.jobs.config.ConfigurationPage;

/**
 * The pages that are made from the code say what the code does. This command rewrites them:
 *
 * <pre>
 * mvn test -pl jobs -am -Dtest=ReferencesTest -Dsurefire.failIfNoSpecifiedTests=false -Dmetier.rewrite
 * </pre>
 */
class ReferencesTest {
  private static final Path DOCS = Path.of("docs");

  @Test
  void theConfigurationReferenceIsUpToDate() throws IOException {
    String page = ConfigurationPage.text();
    assertThat(page).contains("| `train.rounds` | `60` | whole number | rounds of the whole run |");
    assertThat(page).contains("`train.balance.window`", "sequence, micro-batch, step, round");
    requireSame("configuration.md", page);
  }

  @Test
  void theTablesReferenceIsUpToDate() throws IOException {
    String page = TablesPage.text();
    assertThat(page)
        .contains("## expert_domain", "| `lift` | double | share / q_E", "## train_metrics")
        .contains("| `loss` | double | mean cross-entropy, nats per token |");
    requireSame("tables.md", page);
  }

  @Test
  void everyExitCodeIsInTroubleshooting() throws IOException {
    String page = Files.readString(DOCS.resolve("troubleshooting.md"));
    for (ExitCode code : ExitCode.values()) {
      assertThat(page).contains("| %d | %s |".formatted(code.code(), code.meaning()));
      assertThat(page).contains("## Exit code " + code.code());
    }
  }

  private static void requireSame(String name, String page) throws IOException {
    Path file = DOCS.resolve(name);
    if (System.getProperty("metier.rewrite") != null) {
      Files.writeString(file, page);
    }
    assertThat(file)
        .as("jobs/docs/%s is stale: rewrite it as ReferencesTest says", name)
        .content()
        .isEqualTo(page);
  }
}
