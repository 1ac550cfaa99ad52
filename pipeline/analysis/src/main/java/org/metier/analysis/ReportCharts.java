package org.metier.analysis;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import javax.imageio.ImageIO;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The report's main charts as PNG images for papers, on white, at twice the size of a screen. Same
 * tables, same pixels, on machines with the same fonts.
 */
final class ReportCharts {
  private static final Logger LOG = LoggerFactory.getLogger(ReportCharts.class);
  private static final int SCALE = 2;
  private static final int CELL = 22;
  private static final int LEFT = 120;
  private static final int GAP = 14;
  private static final Color INK = new Color(0x1c2230);
  private static final Color SOFT = new Color(0x5b6474);
  private static final Color[] RUNS = {
    new Color(0x1f5fa8), new Color(0xc8641b), new Color(0x2a9d8f)
  };

  /** From paper to deep blue, as in the page's style sheet. */
  private static final int[] RAMP = {
    0xf4f3ef, 0xd7e4ec, 0xa9cbdf, 0x6ba3c8, 0x3577ad, 0x1d4f86, 0x0f2b55
  };

  private ReportCharts() {}

  /** By name, those that there are tables for; none on a machine that cannot draw text. */
  static Map<String, byte[]> of(List<ReportData> runs) {
    System.setProperty("java.awt.headless", "true");
    Map<String, byte[]> charts = new LinkedHashMap<>();
    try {
      for (int i = 0; i < runs.size(); i++) {
        ReportData run = runs.get(i);
        if (!run.tables().expertDomain().isEmpty()) {
          charts.put("experts" + (i == 0 ? "" : "-" + (i + 1)), png(experts(run)));
        }
      }
      if (runs.stream().anyMatch(run -> !run.tables().layerSummary().isEmpty())) {
        charts.put("information", png(information(runs)));
      }
      if (runs.stream().anyMatch(run -> !run.tables().domainLoss().isEmpty())) {
        charts.put("loss", png(losses(runs)));
      }
    } catch (LinkageError | InternalError noFonts) { // a JDK without its font libraries
      LOG.warn("no PNG charts: {}", noFonts.toString());
      charts.clear();
    }
    return charts;
  }

  /** Domain × expert by layer, coloured by share. */
  private static BufferedImage experts(ReportData run) {
    List<ExpertDomain> rows = run.tables().expertDomain();
    List<String> domains = rows.stream().map(ExpertDomain::domain).distinct().sorted().toList();
    List<Integer> layers = rows.stream().map(ExpertDomain::layer).distinct().toList();
    int experts = 1 + rows.stream().mapToInt(ExpertDomain::expert).max().orElse(0);
    double most = rows.stream().mapToDouble(ExpertDomain::share).max().orElse(1);
    int panel = domains.size() * CELL + 34 + GAP;
    BufferedImage image = image(LEFT + experts * CELL + GAP, 40 + layers.size() * panel);
    Graphics2D g = graphics(image);
    text(g, "Share of each domain's choices, " + run.run(), GAP, 24, 15, INK);
    for (int l = 0; l < layers.size(); l++) {
      int top = 62 + l * panel;
      text(g, "layer " + layers.get(l), LEFT, top - 6, 12, SOFT);
      for (int d = 0; d < domains.size(); d++) {
        textEndingAt(g, domains.get(d), LEFT - 8, top + d * CELL + 15, 12);
      }
      for (ExpertDomain row : rows) {
        if (row.layer() == layers.get(l)) {
          g.setColor(ramp(row.share() / most));
          int y = top + domains.indexOf(row.domain()) * CELL;
          g.fillRect(LEFT + row.expert() * CELL, y, CELL - 1, CELL - 1);
        }
      }
    }
    g.dispose();
    return image;
  }

  private static BufferedImage information(List<ReportData> runs) {
    List<Integer> layers =
        runs.stream()
            .flatMap(run -> run.tables().layerSummary().stream().map(LayerSummary::layer))
            .distinct()
            .sorted()
            .toList();
    Bars bars =
        new Bars("Mutual information of domain and expert, bits (line: shuffled, 99 %)", runs);
    for (int layer : layers) {
      bars.group("layer " + layer);
      for (int i = 0; i < runs.size(); i++) {
        int run = i;
        runs.get(i).tables().layerSummary().stream()
            .filter(row -> row.layer() == layer)
            .forEach(row -> bars.bar(run, row.mutualInformation(), row.permutationQ99()));
      }
    }
    return bars.draw();
  }

  private static BufferedImage losses(List<ReportData> runs) {
    List<String> domains =
        runs.stream()
            .flatMap(run -> run.tables().domainLoss().stream().map(DomainLoss::domain))
            .distinct()
            .toList();
    Bars bars =
        new Bars("Held-out loss, nats per token (line: entropy of token frequencies)", runs);
    for (String domain : domains) {
      bars.group(domain);
      for (int i = 0; i < runs.size(); i++) {
        int run = i;
        runs.get(i).tables().domainLoss().stream()
            .filter(row -> row.domain().equals(domain))
            .forEach(row -> bars.bar(run, row.loss(), row.unigramEntropy()));
      }
    }
    return bars.draw();
  }

  /** Horizontal bars in groups, one bar per run, each with a mark. */
  private static final class Bars {
    private static final int THICK = 14;
    private static final int LONG = 460;

    private record Bar(int run, double value, double mark) {}

    private final String title;
    private final List<ReportData> runs;
    private final Map<String, List<Bar>> groups = new LinkedHashMap<>();
    private String current = "";

    Bars(String title, List<ReportData> runs) {
      this.title = title;
      this.runs = runs;
    }

    void group(String name) {
      current = name;
      groups.put(name, new java.util.ArrayList<>());
    }

    void bar(int run, double value, double mark) {
      groups.get(current).add(new Bar(run, value, mark));
    }

    BufferedImage draw() {
      int height = 60 + groups.values().stream().mapToInt(b -> b.size() * THICK + GAP).sum();
      double most = Math.max(largest(Bar::value), largest(Bar::mark));
      BufferedImage image = image(LEFT + LONG + 70, height);
      Graphics2D g = graphics(image);
      text(g, title, GAP, 24, 15, INK);
      int legend = GAP;
      for (int i = 0; i < runs.size() && runs.size() > 1; i++) {
        text(g, runs.get(i).run(), legend, 42, 12, RUNS[i % RUNS.length]);
        legend += 24 + g.getFontMetrics().stringWidth(runs.get(i).run());
      }
      int y = 54;
      for (Map.Entry<String, List<Bar>> group : groups.entrySet()) {
        textEndingAt(g, group.getKey(), LEFT - 8, y + 12, 12);
        for (Bar bar : group.getValue()) {
          int length = (int) Math.round(LONG * bar.value / most);
          int mark = LEFT + (int) Math.round(LONG * bar.mark / most);
          g.setColor(RUNS[bar.run % RUNS.length]);
          g.fillRect(LEFT, y, length, THICK - 2);
          g.setColor(INK);
          g.setStroke(new BasicStroke(1.5f));
          g.drawLine(mark, y - 1, mark, y + THICK - 2);
          String number = String.format(Locale.ROOT, "%.3f", bar.value);
          text(g, number, LEFT + Math.max(length, mark - LEFT) + 6, y + 11, 11, SOFT);
          y += THICK;
        }
        y += GAP;
      }
      g.dispose();
      return image;
    }

    private double largest(ToDoubleFunction<Bar> number) {
      return groups.values().stream().flatMap(List::stream).mapToDouble(number).max().orElse(1);
    }
  }

  private static BufferedImage image(int width, int height) {
    return new BufferedImage(SCALE * width, SCALE * height, BufferedImage.TYPE_INT_RGB);
  }

  private static Graphics2D graphics(BufferedImage image) {
    Graphics2D g = image.createGraphics();
    g.setColor(Color.WHITE);
    g.fillRect(0, 0, image.getWidth(), image.getHeight());
    g.scale(SCALE, SCALE);
    g.setRenderingHint(RenderingHints.KEY_ANTIALIASING, RenderingHints.VALUE_ANTIALIAS_ON);
    g.setRenderingHint(
        RenderingHints.KEY_TEXT_ANTIALIASING, RenderingHints.VALUE_TEXT_ANTIALIAS_ON);
    return g;
  }

  private static void text(Graphics2D g, String text, int x, int y, int size, Color colour) {
    g.setFont(new Font(Font.SANS_SERIF, Font.PLAIN, size));
    g.setColor(colour);
    g.drawString(text, x, y);
  }

  private static void textEndingAt(Graphics2D g, String text, int x, int y, int size) {
    g.setFont(new Font(Font.SANS_SERIF, Font.PLAIN, size));
    g.setColor(INK);
    g.drawString(text, x - g.getFontMetrics().stringWidth(text), y);
  }

  /** A colour between 0 (nothing) and 1 (most). */
  private static Color ramp(double part) {
    double place = Math.max(0, Math.min(1, part)) * (RAMP.length - 1);
    int below = Math.min((int) place, RAMP.length - 2);
    double rest = place - below;
    int[] channels = new int[3];
    for (int c = 0; c < 3; c++) {
      int shift = 16 - 8 * c;
      int from = RAMP[below] >> shift & 255;
      int to = RAMP[below + 1] >> shift & 255;
      channels[c] = (int) Math.round(from + rest * (to - from));
    }
    return new Color(channels[0], channels[1], channels[2]);
  }

  private static byte[] png(BufferedImage image) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try {
      ImageIO.write(image, "png", bytes);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.toByteArray();
  }
}
