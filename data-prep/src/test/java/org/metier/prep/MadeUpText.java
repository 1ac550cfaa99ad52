package org.metier.prep;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** Text nobody wrote, with words that come back as words do: seeded, for tests of any size. */
public final class MadeUpText {
  private static final String[] SYLLABLES = {
    "ka", "lo", "min", "ter", "es", "vu", "ran", "pi", "do", "sche", "ing", "ö", "ño", "я", "山"
  };
  private static final String[] HARD = {
    "😀",
    "👩‍👩‍👧",
    "\u0000",
    "\r\n",
    "\t\t",
    "    ",
    "12345678",
    "½",
    "don't",
    "I'LL",
    "漢字仮名",
    "\u00A0",
    "\u2028",
    "\u3000",
    "\u001C",
    "ﬁ",
    "{}();",
    "<|endoftext|>",
    "'",
    "\"",
    "ſ",
    "é",
    "\uFEFF",
    "٣٤",
    "\n\n\n",
    " \n "
  };

  private final Random random;
  private final List<String> words = new ArrayList<>();

  public MadeUpText(long seed) {
    random = new Random(seed);
    for (int i = 0; i < 400; i++) {
      StringBuilder word = new StringBuilder();
      for (int s = random.nextInt(4); s >= 0; s--) {
        word.append(SYLLABLES[random.nextInt(SYLLABLES.length)]);
      }
      words.add(word.toString());
    }
  }

  /** A text of words, frequent ones far more often than rare ones. */
  public String prose(int wordCount) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < wordCount; i++) {
      double u = random.nextDouble();
      text.append(words.get((int) (words.size() * u * u * u)));
      text.append(random.nextInt(12) == 0 ? ".\n" : " ");
    }
    return text.toString();
  }

  /** A text in which everything that is hard to tokenize meets everything else. */
  public String hard(int pieces) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < pieces; i++) {
      switch (random.nextInt(4)) {
        case 0 -> text.append(words.get(random.nextInt(words.size())));
        case 1 -> text.append(' ');
        case 2 -> text.appendCodePoint(anyCodePoint());
        default -> text.append(HARD[random.nextInt(HARD.length)]);
      }
    }
    return text.toString();
  }

  private int anyCodePoint() {
    while (true) {
      int limit = random.nextBoolean() ? 0x300 : Character.MAX_CODE_POINT + 1;
      int codePoint = random.nextInt(limit);
      boolean surrogate = codePoint >= 0xD800 && codePoint <= 0xDFFF;
      if (!surrogate) {
        return codePoint;
      }
    }
  }
}
