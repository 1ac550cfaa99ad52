package org.metier.prep;

import java.util.stream.Collectors;
import org.apache.hadoop.conf.Configuration;
import org.metier.prep.document.RejectReason;
import org.metier.prep.read.InputFiles;
import org.metier.prep.read.ReadCounts;
import org.metier.prep.read.ReadCounts.BadRecord;

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
   * @throws BadDataException if too many records are unreadable or none is a document
   */
  void require(ReadCounts counts) {
    if (counts.unreadable() > config.maxRejectedShare() * counts.records()) {
      throw new BadDataException(
          String.format(
              "%s; %d of %d records (%.2f %%) are unreadable, more than"
                  + " prepare.maxRejectedShare = %s",
              place(counts.firstUnreadable()),
              counts.unreadable(),
              counts.records(),
              100.0 * counts.unreadable() / counts.records(),
              config.maxRejectedShare()));
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
              "prepare.domainField: %s has %d different values, more than %d domains",
              config.domainField(), domains, MAX_DOMAINS));
    }
  }

  private String place(BadRecord record) {
    long line = input.lineAt(record.file(), record.offset(), hadoop);
    return input.files().get(record.file()).name()
        + " line "
        + line
        + ": "
        + describe(record.reason());
  }

  private String describe(RejectReason reason) {
    return switch (reason) {
      case MISSING_TEXT ->
          reason.label() + " (no string in prepare.textField = " + config.textField() + ")";
      case MISSING_DOMAIN ->
          reason.label() + " (no string in prepare.domainField = " + config.domainField() + ")";
      default -> reason.label();
    };
  }
}
