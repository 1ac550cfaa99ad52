package org.metier.jobs.security;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * No direct dependency is in the range of an advisory that {@code advisories.json} lists, unless
 * the same file says why that does no harm. Needs no network, and knows only what the file knows.
 */
class AdvisoriesTest {
  /** A range of versions: introduced ≤ version < fixed. */
  record Advisory(String id, String artifact, String introduced, String fixed, String source) {
    boolean affects(Map<String, String> dependencies) {
      String version = dependencies.get(artifact);
      return version != null && compare(introduced, version) <= 0 && compare(version, fixed) < 0;
    }
  }

  record Accepted(String id, String reason) {}

  record Known(String about, List<Advisory> advisories, List<Accepted> exceptions) {}

  @Test
  void noDirectDependencyIsKnownToBeVulnerable() throws IOException {
    Map<String, String> dependencies = DirectDependencies.of(Path.of(".."));
    assertThat(dependencies)
        .containsKeys("org.apache.spark:spark-core_2.12", "info.picocli:picocli")
        .doesNotContainValue("");
    Known known = known();
    List<String> accepted = known.exceptions().stream().map(Accepted::id).toList();
    List<Advisory> found = affecting(known, dependencies);
    assertThat(found).filteredOn(a -> !accepted.contains(a.id())).isEmpty();
    assertThat(accepted)
        .as("exceptions that are no longer needed")
        .isSubsetOf(found.stream().map(Advisory::id).toList());
    assertThat(known.exceptions()).allSatisfy(e -> assertThat(e.reason()).hasSizeGreaterThan(20));
    assertThat(known.advisories()).allSatisfy(a -> assertThat(a.source()).startsWith("https://"));
  }

  @Test
  void anOldVersionIsFound() throws IOException {
    Map<String, String> old = new TreeMap<>(DirectDependencies.of(Path.of("..")));
    old.put("org.apache.spark:spark-core_2.12", "3.5.1");
    old.put("com.fasterxml.jackson.core:jackson-databind", "2.13.3");
    assertThat(affecting(known(), old).stream().map(Advisory::id).collect(Collectors.toSet()))
        .contains("CVE-2025-55039", "CVE-2025-54920", "CVE-2026-50193", "CVE-2022-42003");
  }

  @ParameterizedTest
  @CsvSource({
    "3.5.7, 3.5.8, -1",
    "3.5.10, 3.5.8, 1",
    "2.13.4.1, 2.13.4, 1",
    "2.13, 2.13.0, 0",
    "0.3.28-1.5.11, 0.3.28-1.5.9, 1",
    "1.0.0-M2, 1.0.0-M2.1, -1",
    "1.0.0-M2.1, 1.0.0, -1",
    "1.0.0-beta7, 1.0.0-M1, -1"
  })
  void versionsInOrder(String a, String b, int order) {
    assertThat(Integer.signum(compare(a, b))).isEqualTo(order);
    assertThat(Integer.signum(compare(b, a))).isEqualTo(-order);
  }

  private static List<Advisory> affecting(Known known, Map<String, String> dependencies) {
    return known.advisories().stream().filter(a -> a.affects(dependencies)).toList();
  }

  private static Known known() throws IOException {
    try (InputStream in = AdvisoriesTest.class.getResourceAsStream("/advisories.json")) {
      return new ObjectMapper().readValue(in, Known.class);
    }
  }

  /** Part by part: numbers by value, a word (alpha, beta, M) before a number that is not there. */
  static int compare(String a, String b) {
    List<String> left = parts(a);
    List<String> right = parts(b);
    for (int i = 0; i < Math.max(left.size(), right.size()); i++) {
      String l = i < left.size() ? left.get(i) : "0";
      String r = i < right.size() ? right.get(i) : "0";
      boolean numbers = Character.isDigit(l.charAt(0)) && Character.isDigit(r.charAt(0));
      int order;
      if (numbers) {
        order = Long.compare(Long.parseLong(l), Long.parseLong(r));
      } else if (Character.isDigit(l.charAt(0)) || Character.isDigit(r.charAt(0))) {
        order = Character.isDigit(l.charAt(0)) ? 1 : -1;
      } else {
        order = l.compareToIgnoreCase(r);
      }
      if (order != 0) {
        return order;
      }
    }
    return 0;
  }

  private static List<String> parts(String version) {
    List<String> parts = new ArrayList<>();
    for (String part : version.split("[.-]|(?<=\\d)(?=\\D)|(?<=\\D)(?=\\d)")) {
      if (!part.isEmpty()) {
        parts.add(part);
      }
    }
    return parts;
  }
}
