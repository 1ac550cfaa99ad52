package org.metier.jobs.console;

import java.util.Locale;

/** Numbers as people read them. */
public final class Quantity {
  private static final String[] SUFFIXES = {"", "k", "M", "G", "T"};

  private Quantity() {}

  /** Three digits at most: 950, 3.2k, 41k, 1.2M. */
  public static String count(double amount) {
    double scaled = amount;
    int suffix = 0;
    while (scaled >= 999.5 && suffix < SUFFIXES.length - 1) {
      scaled /= 1000;
      suffix++;
    }
    String digits = scaled < 9.95 && suffix > 0 ? "%.1f" : "%.0f";
    return String.format(Locale.ROOT, digits, scaled) + SUFFIXES[suffix];
  }

  /** 0:07, 2:10, 1:02:03. */
  public static String duration(double seconds) {
    long whole = Math.round(seconds);
    return whole < 3600
        ? String.format(Locale.ROOT, "%d:%02d", whole / 60, whole % 60)
        : String.format(Locale.ROOT, "%d:%02d:%02d", whole / 3600, whole / 60 % 60, whole % 60);
  }
}
