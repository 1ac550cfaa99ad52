package org.metier.prep.read;

import java.util.List;
import java.util.Map;

/** Ways of reading for tests: the defaults, but for what a test sets. */
public final class ReadingFixture {
  private Layout layout = Layout.FIELDS;
  private DomainFrom domainFrom = DomainFrom.FIELD;
  private String pathPattern = "";
  private List<String> textFiles = List.of();
  private Map<String, String> domains = Map.of();
  private List<String> dropDomains = List.of();
  private UnknownDomains unknownDomains = UnknownDomains.KEEP;
  private int maxRecordMegabytes = 1;
  private int maxExpansion = 200;

  public ReadingFixture layout(Layout value) {
    layout = value;
    return this;
  }

  public ReadingFixture domainFrom(DomainFrom value) {
    domainFrom = value;
    return this;
  }

  public ReadingFixture pathPattern(String value) {
    pathPattern = value;
    return this;
  }

  public ReadingFixture textFiles(String... value) {
    textFiles = List.of(value);
    return this;
  }

  public ReadingFixture domains(Map<String, String> value) {
    domains = value;
    return this;
  }

  public ReadingFixture dropDomains(String... value) {
    dropDomains = List.of(value);
    return this;
  }

  public ReadingFixture unknownDomains(UnknownDomains value) {
    unknownDomains = value;
    return this;
  }

  public ReadingFixture maxRecordMegabytes(int value) {
    maxRecordMegabytes = value;
    return this;
  }

  public ReadingConfig config() {
    return new ReadingConfig(
        layout,
        domainFrom,
        pathPattern,
        textFiles,
        domains,
        dropDomains,
        unknownDomains,
        "rest",
        maxRecordMegabytes,
        maxExpansion);
  }
}
