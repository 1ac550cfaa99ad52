package org.metier.jobs.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigParseOptions;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RecordBinderTest {
  enum Colour {
    DARK_BLUE,
    RED
  }

  record Point(int x, int y) {
    Point {
      if (x > y) {
        throw new IllegalArgumentException("x (" + x + ") exceeds y (" + y + ")");
      }
      if (x == 7) {
        throw new IllegalArgumentException("7 is taken");
      }
    }
  }

  record Everything(
      int count,
      long seed,
      double rate,
      boolean on,
      String name,
      Colour colour,
      List<String> files,
      List<Point> points,
      Point origin,
      Map<String, String> properties) {}

  private static final String COMPLETE =
      """
      count = 3
      seed = 9007199254740993
      rate = 1e-4
      on = true
      name = 1.10
      colour = dark-blue
      files = [a, b]
      points = [{ x = 1, y = 2 }]
      origin { x = 0, y = 0 }
      properties { spark.a = 1, "spark.a.b" = x }
      """;

  @Test
  void fillsEveryTypeOfComponent() {
    assertThat(bind(COMPLETE))
        .isEqualTo(
            new Everything(
                3,
                9007199254740993L, // 2^53 + 1: does not survive a detour through double
                1e-4,
                true,
                "1.10", // as written
                Colour.DARK_BLUE,
                List.of("a", "b"),
                List.of(new Point(1, 2)),
                new Point(0, 0),
                Map.of("spark.a", "1", "spark.a.b", "x")));
  }

  record Weights(Map<String, Double> weights) {}

  @Test
  void readsNumbersByName() {
    Weights weights = weights("weights { law = 1, \"a b.c\" = 2.5e6 }");
    assertThat(weights.weights()).isEqualTo(Map.of("law", 1.0, "a b.c", 2.5e6));
    assertThatThrownBy(() -> weights("weights { law = much }"))
        .hasMessageEndingWith("weights.law: expected a number, is 'much'");
  }

  private static Weights weights(String hocon) {
    return RecordBinder.bind(ConfigFactory.parseString(hocon), Weights.class);
  }

  @Test
  void takesOneValueForAListOfOne() {
    assertThat(bind(COMPLETE + "files = only").files()).containsExactly("only");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          count = 1.5                  | count: expected a whole number (32 bits), is '1.5'
          count = 3000000000           | count: expected a whole number (32 bits), is '3000000000'
          count = many                 | count: expected a whole number (32 bits), is 'many'
          count { a = 1 }              | count: expected a whole number (32 bits), found a section
          count = [1]                  | count: expected a whole number (32 bits), found a list
          seed = 1e30                  | seed: expected a whole number (64 bits), is '1e30'
          rate = fast                  | rate: expected a number, is 'fast'
          rate = NaN                   | rate: expected a number, is 'NaN'
          on = yes                     | on: expected true or false, is 'yes'
          name = [a]                   | name: expected text, found a list
          colour = DARK_BLUE           | colour: expected one of dark-blue, red, is 'DARK_BLUE'
          files { a = 1 }              | files: expected a list such as [a, b], found a section
          points = [{ x = 1, y = z }]  | points[0].y: expected a whole number (32 bits), is 'z'
          points = [{ x = 1 }]         | points[0].y: missing
          points = [{ x = 1, yy = 1 }] | points[0].yy: unknown key; did you mean points[].y?
          origin = 4                   | origin: expected a section { … }, found 4
          origin.y = null              | origin.y: missing
          origin.x = 1                 | origin.x (1) exceeds y (0)
          origin.z = 1                 | origin.z: unknown key; did you mean origin.x?
          nam = 1                      | nam: unknown key; did you mean name?
          orgin.x = 1                  | orgin.x: unknown key; did you mean origin.x?
          entirely.different = 1       | entirely.different: unknown key
          """)
  void namesLineAndKeyOfWhatIsWrong(String line, String message) {
    assertThatThrownBy(() -> bind(COMPLETE + line))
        .isInstanceOf(InvalidConfigException.class)
        .hasMessage("test:11: " + message);
  }

  @Test
  void namesTheSectionOfAViolationWithoutComponent() {
    assertThatThrownBy(() -> bind(COMPLETE + "points = [{ x = 7, y = 8 }]"))
        .hasMessage("test:11: points[0]: 7 is taken");
  }

  @Test
  void namesTheFirstOfSeveralUnknownKeys() {
    assertThatThrownBy(() -> bind(COMPLETE + "zzzz = 1\naaaa = 1"))
        .hasMessageStartingWith("test:11: zzzz: unknown key");
  }

  @Test
  void listsTheKeysOfASchema() {
    assertThat(RecordBinder.keys(Everything.class))
        .containsExactly(
            "count",
            "seed",
            "rate",
            "on",
            "name",
            "colour",
            "files",
            "points",
            "points[].x",
            "points[].y",
            "origin.x",
            "origin.y",
            "properties");
  }

  private static Everything bind(String hocon) {
    Config config =
        ConfigFactory.parseString(
            hocon, ConfigParseOptions.defaults().setOriginDescription("test"));
    return RecordBinder.bind(config.resolve(), Everything.class);
  }
}
