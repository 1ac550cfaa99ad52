package org.metier.prep;

import java.util.TreeSet;
import java.util.stream.Collectors;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.metier.prep.clean.CleaningConfig.DomainSteps;
import org.metier.prep.document.RejectReason;
import org.metier.prep.document.Rejected;
import org.metier.prep.read.InputFiles;
import org.metier.prep.read.ReadCounts;
import org.metier.prep.read.RecordFields;

/** Stops the job if the input is not what its configuration takes it for. */
final class ReadCheck {
  /** More "domains" than this are identifiers, not domains. */
  private static final int MAX_DOMAINS = 4096;

  private final PrepareConfig config;
  private final InputFiles input;
  private final Configuration hadoop;

  ReadCheck(PrepareConfig config, InputFiles input, Configuration hadoop) {
    this.config = config;
    this.input = input;
    this.hadoop = hadoop;
  }

  /**
   * @param rejected where all rejected records are listed
   * @throws BadDataException if too many records are unreadable or none is a document
   */
  void require(ReadCounts counts, Path rejected) {
    Rejected unknown = counts.first().get(RejectReason.UNKNOWN_DOMAIN);
    if (unknown != null) {
      throw new BadDataException(
          String.format(
              "%s: prepare.reading.domains does not name its domain '%s', and"
                  + " prepare.reading.unknownDomains = stop",
              place(unknown), unknown.domain()));
    }
    if (counts.unreadable() > config.maxRejectedShare() * counts.records()) {
      Rejected first = counts.firstUnreadable();
      throw new BadDataException(
          String.format(
              "%s: %s; %d of %d records (%.2f %%) are unreadable, more than"
                  + " prepare.maxRejectedShare = %s; all of them: %s",
              place(first),
              describe(first.reason()),
              counts.unreadable(),
              counts.records(),
              100.0 * counts.unreadable() / counts.records(),
              config.maxRejectedShare(),
              rejected));
    }
    if (counts.documents() == 0) {
      String reasons =
          counts.rejected().entrySet().stream()
              .map(entry -> entry.getValue() + " " + entry.getKey().label())
              .collect(Collectors.joining(", "));
      throw new BadDataException(
          "prepare.input: no document in "
              + counts.records()
              + " records of "
              + String.join(", ", config.input())
              + (reasons.isEmpty() ? "" : " (" + reasons + ")"));
    }
    int domains = counts.byDomain().size();
    if (domains > MAX_DOMAINS) {
      throw new BadDataException(
          String.format(
              "%s has %d different values, more than %d domains; prepare.reading.domains can merge"
                  + " them, and prepare.reading.unknownDomains = rest the others",
              RecordFields.domainSource(config), domains, MAX_DOMAINS));
    }
    requireCleanedDomains(counts);
  }

  /** A misspelt domain would be cleaned as all others are, and nobody would notice. */
  private void requireCleanedDomains(ReadCounts counts) {
    TreeSet<String> met = new TreeSet<>(counts.byDomain().keySet());
    met.addAll(counts.rejectedByDomain().keySet());
    for (DomainSteps domain : config.cleaning().domains()) {
      if (!met.contains(domain.domain())) {
        throw new BadDataException(
            "prepare.cleaning.domains names "
                + domain.domain()
                + ", which no record has; there are "
                + String.join(", ", met));
      }
    }
  }

  private String place(Rejected record) {
    return input.place(record.file(), record.offset(), hadoop);
  }

  private String describe(RejectReason reason) {
    return switch (reason) {
      case MISSING_TEXT ->
          reason.label() + " (no string in " + RecordFields.textSource(config) + ")";
      case MISSING_DOMAIN ->
          reason.label() + " (no string in " + RecordFields.domainSource(config) + ")";
      case RECORD_TOO_LONG ->
          reason.label()
              + " (prepare.reading.maxRecordMegabytes = "
              + config.reading().maxRecordMegabytes()
              + ")";
      default -> reason.label();
    };
  }
}
