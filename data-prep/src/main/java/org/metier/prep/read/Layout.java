package org.metier.prep.read;

import java.util.Locale;

/**
 * Where the records of well-known data sets carry their text and their domain. Alternatives are
 * separated by {@code |}: the first that a record has counts.
 */
public enum Layout {
  /** {@code prepare.textField} and {@code prepare.domainField}. */
  FIELDS("", "", DomainFrom.FIELD),
  /** The Pile (EleutherAI, 2020). */
  PILE("text", "meta.pile_set_name", DomainFrom.FIELD),
  /** SlimPajama-627B (Cerebras, 2023). */
  SLIMPAJAMA("text", "meta.redpajama_set_name", DomainFrom.FIELD),
  /**
   * RedPajama-Data-1T (Together, 2023): the subset beside the text, or, in the sample, the source
   * within {@code meta}, an object or a string of JSON.
   */
  REDPAJAMA("text", "red_pajama_subset | meta.red_pajama_subset | meta.source", DomainFrom.FIELD),
  /** Dolma (AI2, 2023). */
  DOLMA("text", "source", DomainFrom.FIELD),
  /** What datatrove's writers make: what a reader's {@code default_metadata} has called it. */
  DATATROVE(
      "text",
      "metadata.dataset | metadata.domain | metadata.source | dataset | domain | source",
      DomainFrom.FIELD),
  /** FineWeb (Hugging Face, 2024): the host of the page. */
  FINEWEB("text", "url | metadata.url", DomainFrom.HOST);

  private final String text;
  private final String domain;
  private final DomainFrom domainFrom;

  Layout(String text, String domain, DomainFrom domainFrom) {
    this.text = text;
    this.domain = domain;
    this.domainFrom = domainFrom;
  }

  /** The name that the configuration uses. */
  String label() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** Path of the text; empty where the configuration says it. */
  String text() {
    return text;
  }

  /** Path of the domain, or of the URL whose host it is. */
  String domain() {
    return domain;
  }

  /** What the domain is made of. */
  DomainFrom domainFrom() {
    return domainFrom;
  }
}
