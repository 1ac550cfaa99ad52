package org.metier.prep.tokenize;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The published encodings of tiktoken: size of the vocabulary, special tokens, and the rule by
 * which text is cut into words (tiktoken 0.14, {@code tiktoken_ext/openai_public.py}).
 *
 * @param name as tiktoken spells it
 * @param ranks ids below this are byte sequences, but for the special tokens among them
 * @param specialTokens id of each, the separator first
 * @param pattern the words
 */
record Tiktoken(String name, int ranks, Map<String, Integer> specialTokens, String pattern) {
  private static final String GPT_2 =
      "'(?:[sdmt]|ll|ve|re)| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
  private static final String CONTRACTION = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
  private static final String CL100K =
      CONTRACTION
          + "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*"
          + "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
  private static final String UPPER = "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]";
  private static final String LOWER = "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]";
  private static final String O200K =
      ("[^\\r\\n\\p{L}\\p{N}]?" + UPPER + "*" + LOWER + "+" + CONTRACTION + "?")
          + ("|[^\\r\\n\\p{L}\\p{N}]?" + UPPER + "+" + LOWER + "*" + CONTRACTION + "?")
          + "|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

  private static final List<Tiktoken> ALL =
      List.of(
          new Tiktoken("r50k_base", 50_256, special(50_256), GPT_2),
          new Tiktoken("p50k_base", 50_281, special(50_256), GPT_2),
          new Tiktoken("cl100k_base", 100_256, cl100kSpecial(), CL100K),
          new Tiktoken("o200k_base", 199_998, o200kSpecial(), O200K));

  private static Map<String, Integer> special(int separator) {
    Map<String, Integer> tokens = new LinkedHashMap<>();
    tokens.put(Tokenizer.SEPARATOR_TEXT, separator);
    return tokens;
  }

  private static Map<String, Integer> cl100kSpecial() {
    Map<String, Integer> tokens = special(100_257);
    tokens.put("<|fim_prefix|>", 100_258);
    tokens.put("<|fim_middle|>", 100_259);
    tokens.put("<|fim_suffix|>", 100_260);
    tokens.put("<|endofprompt|>", 100_276);
    return tokens;
  }

  private static Map<String, Integer> o200kSpecial() {
    Map<String, Integer> tokens = special(199_999);
    tokens.put("<|endofprompt|>", 200_018);
    return tokens;
  }

  /** Names of all. */
  static List<String> names() {
    return ALL.stream().map(Tiktoken::name).toList();
  }

  /** The encoding of a name out of {@link #names()}. */
  static Tiktoken of(String name) {
    return ALL.stream().filter(encoding -> encoding.name.equals(name)).findFirst().orElseThrow();
  }

  int separator() {
    return specialTokens.get(Tokenizer.SEPARATOR_TEXT);
  }

  /** One more than the highest id. */
  int vocabSize() {
    return Math.max(
        ranks, 1 + specialTokens.values().stream().mapToInt(Integer::intValue).max().orElse(0));
  }
}
