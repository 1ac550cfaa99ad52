package org.metier.prep.filter;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.metier.prep.clean.Cleaned;
import org.metier.prep.clean.CleaningConfig;
import org.metier.prep.document.RejectReason;

class FiltersTest {
  private static final GopherQualityFilter QUALITY = CleaningConfig.defaults().gopherQuality();
  private static final GopherRepetitionFilter REPETITION =
      CleaningConfig.defaults().gopherRepetition();
  private static final C4Filter C4 = CleaningConfig.defaults().c4();

  /**
   * So many different words, among them two stop words of Gopher's; 3 to 10 characters on average.
   */
  private static String words(int count) {
    StringBuilder text = new StringBuilder("the and");
    Random random = new Random(count);
    for (int i = 2; i < count; i++) {
      text.append(i % 15 == 0 ? "\n" : " ");
      for (int c = 0; c < 5; c++) {
        text.append((char) ('a' + random.nextInt(26)));
      }
    }
    return text.toString();
  }

  private static void rejects(DocumentFilter filter, RejectReason reason, String text) {
    assertThat(filter.reject(text)).as(text).contains(reason);
  }

  private static void keeps(DocumentFilter filter, String text) {
    assertThat(filter.reject(text)).as(text).isEmpty();
  }

  @Test
  void gopherCountsWords() {
    keeps(QUALITY, words(50));
    rejects(QUALITY, RejectReason.GOPHER_TOO_FEW_WORDS, words(49));
    rejects(QUALITY, RejectReason.GOPHER_TOO_FEW_WORDS, words(49) + " -- *** ...");
    keeps(QUALITY, words(100_000));
    rejects(QUALITY, RejectReason.GOPHER_TOO_MANY_WORDS, words(100_001));
  }

  @Test
  void gopherMeasuresWords() {
    rejects(QUALITY, RejectReason.GOPHER_MEAN_WORD_LENGTH, "to be ".repeat(30));
    rejects(QUALITY, RejectReason.GOPHER_MEAN_WORD_LENGTH, "incomprehensible ".repeat(60));
    // 14 of 60 words without a letter: 23 %
    rejects(QUALITY, RejectReason.GOPHER_ALPHABETIC_WORDS, words(46) + " 12345".repeat(14));
    keeps(QUALITY, words(52) + " 12345".repeat(13));
    rejects(QUALITY, RejectReason.GOPHER_STOP_WORDS, words(60).replace("and", "und"));
    keeps(QUALITY, words(60).replace("the and", "\"The\" (with)"));
    // the same stop word twice is one
    rejects(QUALITY, RejectReason.GOPHER_STOP_WORDS, words(60).replace("the and", "the the"));
  }

  @Test
  void gopherCountsSymbols() {
    keeps(QUALITY, words(60) + "#".repeat(6));
    rejects(QUALITY, RejectReason.GOPHER_SYMBOLS, words(60) + "#".repeat(7));
    rejects(
        QUALITY, RejectReason.GOPHER_SYMBOLS, words(60).replaceFirst(" ", "... ") + "…".repeat(6));
    keeps(QUALITY, words(60) + ".".repeat(18));
  }

  @Test
  void gopherLooksAtLines() {
    String lines = words(150); // 10 lines
    rejects(QUALITY, RejectReason.GOPHER_BULLET_LINES, "- " + lines.replace("\n", "\n\n • "));
    keeps(QUALITY, lines.replace("\n", "\n • "));
    rejects(QUALITY, RejectReason.GOPHER_ELLIPSIS_LINES, lines.replace("\n", " … \n"));
    keeps(QUALITY, lines.replaceFirst("\n", "...\n").replaceFirst("h\n", "…\n"));
  }

  @Test
  void gopherFindsRepeatedLinesAndParagraphs() {
    keeps(REPETITION, words(300));
    String[] lines = words(150).split("\n");
    // 4 of 10 lines had come before, but short ones
    String twice = String.join("\n", lines) + "\nab cd".repeat(7);
    rejects(REPETITION, RejectReason.GOPHER_DUPLICATE_LINES, twice);
    rejects(
        REPETITION,
        RejectReason.GOPHER_DUPLICATE_LINE_CHARACTERS,
        words(150) + ("\n" + words(60).replace('\n', ' ')).repeat(2) + "\nx\ny\nz\nu\nv");
    rejects(
        REPETITION,
        RejectReason.GOPHER_DUPLICATE_PARAGRAPHS,
        words(300) + "\n\nab" + "\n\nab cd".repeat(3));
    rejects(
        REPETITION,
        RejectReason.GOPHER_DUPLICATE_PARAGRAPH_CHARACTERS,
        words(90) + "\n\n" + words(60) + "\n\nb\n\nc\n\nd\n\n" + words(60));
  }

  @Test
  void gopherFindsRepeatedWords() {
    // "foo bar" is 2 of 12 words, but far more than a fifth of the characters with 8 of them
    String top = words(20).replace('\n', ' ') + " incredibly frequent".repeat(3);
    rejects(REPETITION, RejectReason.GOPHER_TOP_NGRAM, top);
    String phrase = " " + words(12).replace('\n', ' ');
    String apart = words(40).replace('\n', ' ');
    rejects(REPETITION, RejectReason.GOPHER_DUPLICATE_NGRAMS, apart + phrase + " xyz" + phrase);
    keeps(REPETITION, words(200).replace('\n', ' ') + phrase + " xyz" + phrase);
    // one 2-gram in few words is no repetition
    keeps(REPETITION, "three small words");
    keeps(REPETITION, "");
  }

  @Test
  void longTextsTakeLittleMemory() {
    String line = "a line of words that are all the same\n";
    rejects(REPETITION, RejectReason.GOPHER_DUPLICATE_PARAGRAPHS, "\n\nab".repeat(3_000_000));
    rejects(REPETITION, RejectReason.GOPHER_DUPLICATE_LINES, line.repeat(200_000));
    StringBuilder numbers = new StringBuilder();
    for (int i = 0; i < 1_500_000; i++) {
      numbers.append(i).append('\n');
    }
    keeps(REPETITION, numbers.toString()); // 1.5 million lines and words, each of its own
  }

  @Test
  void c4KeepsLinesThatAreSentences() {
    String good = "This is a line of text.\nIs this one, as well? Yes, it is!\n";
    String bad =
        "a menu without an end\nToo short.\nThis line trails off somewhere...\n"
            + "Please enable JavaScript to see this page.\nThis site makes use of cookies, as all do.\n"
            + "A line with one word that is "
            + "long".repeat(251)
            + ".\n";
    assertThat(C4.apply(bad + good + "He said: \"That is the end.\"[12]\n" + bad))
        .isEqualTo(
            new Cleaned.Kept(
                "This is a line of text.\nIs this one, as well? Yes, it is!\n"
                    + "He said: \"That is the end.\""));
    assertThat(C4.apply(bad + "This is a line of text. This is another."))
        .isEqualTo(new Cleaned.Rejected(RejectReason.C4_TOO_FEW_SENTENCES));
    C4Filter anyEnd = new C4Filter(3, 5, 1000, false, List.of());
    assertThat(anyEnd.apply(good + "a menu without an end"))
        .isEqualTo(new Cleaned.Kept(good + "a menu without an end"));
  }

  @Test
  void c4DropsWholeDocuments() {
    String good = "One is a line of text. Two is one, as well. Three is the last of them.\n";
    assertThat(C4.apply(good + "if (x) {"))
        .isEqualTo(new Cleaned.Rejected(RejectReason.C4_CURLY_BRACKET));
    assertThat(C4.apply(good + "Lorem Ipsum dolor"))
        .isEqualTo(new Cleaned.Rejected(RejectReason.C4_LOREM_IPSUM));
    C4Filter words = new C4Filter(3, 5, 1000, true, List.of("darn it", "drat"));
    assertThat(words.apply(good + "Drat!"))
        .isEqualTo(new Cleaned.Rejected(RejectReason.C4_BAD_WORDS));
    assertThat(words.apply(good + "He drats and hydrats.")).isInstanceOf(Cleaned.Kept.class);
  }

  @Test
  void languagesAreTold() {
    String english = "The weather was fine this morning, and so we went out to look for mushrooms.";
    String german =
        "Heute morgen war das Wetter schön, und so gingen wir hinaus, um Pilze zu suchen.";
    String japanese = "今朝は天気がよかったので、きのこを探しに出かけました。";
    LanguageFilter onlyEnglish = new LanguageFilter(new LanguageConfig(List.of("eng"), 0));
    keeps(onlyEnglish, english);
    rejects(onlyEnglish, RejectReason.LANGUAGE, german);
    rejects(onlyEnglish, RejectReason.LANGUAGE, japanese);
    LanguageFilter others = new LanguageFilter(new LanguageConfig(List.of("deu", "jpn"), 0));
    keeps(others, german.repeat(100));
    keeps(others, japanese);
    rejects(others, RejectReason.LANGUAGE, english);
    for (String nothing : List.of("", " \n ", "!?", "12 34", "😀")) {
      rejects(
          new LanguageFilter(new LanguageConfig(List.of("eng"), 0.5)),
          RejectReason.LANGUAGE,
          nothing);
    }
    LanguageFilter certain = new LanguageFilter(new LanguageConfig(List.of("eng"), 1));
    rejects(certain, RejectReason.LANGUAGE, english);
  }
}
