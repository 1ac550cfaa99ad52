package org.metier.prep.tokenize;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.metier.prep.MadeUpText;

class PreTokenizerTest {
  /** The rule as published; with this flag Java's \s is Unicode's White_Space. */
  private static final Pattern REFERENCE =
      Pattern.compile(PreTokenizer.PATTERN, Pattern.UNICODE_CHARACTER_CLASS);

  static List<String> words(String text) {
    byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
    PreTokenizer scanner = new PreTokenizer();
    scanner.reset(utf8, utf8.length);
    List<String> words = new ArrayList<>();
    while (scanner.next()) {
      int length = scanner.to() - scanner.from();
      words.add(new String(utf8, scanner.from(), length, StandardCharsets.UTF_8));
    }
    return words;
  }

  private static List<String> referenceWords(String text) {
    List<String> words = new ArrayList<>();
    Matcher matcher = REFERENCE.matcher(text);
    while (matcher.find()) {
      words.add(matcher.group());
    }
    return words;
  }

  @Test
  void cutsAsTheRegularExpressionDoes() {
    MadeUpText text = new MadeUpText(1);
    for (int i = 0; i < 5000; i++) {
      String hard = text.hard(1 + i % 40);
      assertThat(words(hard)).as("%s", hard).isEqualTo(referenceWords(hard));
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        " ",
        "\n",
        "'",
        "''s",
        "'S'LL're'Ve'x",
        "a'",
        "'l",
        "'\u017F",
        "x\t1",
        "  1",
        " \u00A0a",
        "a  b",
        "a \n b",
        "a\r\n\r\n  b",
        "....\r\n\nx",
        " ...x",
        "1234567",
        "\u001Cx",
        "\u2028\u2028y"
      })
  void cutsTheCornersAsTheRegularExpressionDoes(String text) {
    assertThat(words(text)).isEqualTo(referenceWords(text));
  }

  @Test
  void keepsIndentationTogetherAndCutsNumbers() {
    assertThat(words("if x:\n        return 12345"))
        .containsExactly("if", " x", ":\n", "       ", " return", " ", "123", "45");
  }
}
