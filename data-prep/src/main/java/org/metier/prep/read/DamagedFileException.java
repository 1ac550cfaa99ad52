package org.metier.prep.read;

import java.io.IOException;
import org.metier.prep.document.RejectReason;

/** The rest of a file cannot be read, and never will be: its content is damaged. */
final class DamagedFileException extends IOException {
  private static final long serialVersionUID = 1L;

  private final RejectReason reason;

  DamagedFileException(RejectReason reason, Throwable cause) {
    super(reason.label(), cause);
    this.reason = reason;
  }

  RejectReason reason() {
    return reason;
  }
}
