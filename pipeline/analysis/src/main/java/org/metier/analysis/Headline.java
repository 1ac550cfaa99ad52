package org.metier.analysis;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/**
 * The tables in a few words: which experts belong to which domains, how far routing depends on the
 * domain, how well each domain is predicted.
 *
 * @param experts for every domain and layer the expert that is most its own, by domain and layer
 * @param layers {@code layer_summary}
 * @param losses {@code domain_loss}, all domains last
 */
public record Headline(
    List<TopExpert> experts, List<LayerSummary> layers, List<DomainLoss> losses) {

  private static final int MOST_DOMAINS = 8;
  private static final int MOST_LAYERS = 8;

  /**
   * The expert of a layer that adds most to what the domain says about the expert: the largest term
   * share·ln(lift) of Σ_E q_{E|D}·ln(q_{E|D}/q_E). High lift alone would name experts that hardly
   * anyone uses, high frequency alone those that everyone uses.
   *
   * @param frequency share of the domain's tokens that reach it
   * @param lift how many times its share overall
   */
  public record TopExpert(
      String domain, int layer, int expert, double frequency, double lift, double contribution) {

    /** "layer 2 expert 7 takes 71 % of its tokens (4.2x its share overall)". */
    String words() {
      return "layer %d expert %d takes %s of its tokens (%.1fx its share overall)"
          .formatted(layer, expert, percent(frequency), lift);
    }
  }

  public Headline {
    experts = List.copyOf(experts);
    layers = List.copyOf(layers);
    losses = List.copyOf(losses);
  }

  public static Headline of(Tables tables) {
    Map<String, Map<Integer, TopExpert>> best = new TreeMap<>();
    for (ExpertDomain row : tables.expertDomain()) {
      double contribution = row.share() > 0 ? row.share() * Math.log(row.lift()) : 0;
      TopExpert candidate =
          new TopExpert(
              row.domain(), row.layer(), row.expert(), row.frequency(), row.lift(), contribution);
      best.computeIfAbsent(row.domain(), domain -> new TreeMap<>())
          .merge(
              row.layer(),
              candidate,
              (old, next) -> next.contribution() > old.contribution() ? next : old);
    }
    List<TopExpert> experts = new ArrayList<>();
    best.values().forEach(layers -> experts.addAll(layers.values()));
    return new Headline(experts, tables.layerSummary(), tables.domainLoss());
  }

  /** For every domain the best of its experts over all layers, in alphabetical order. */
  public List<TopExpert> bestPerDomain() {
    Map<String, TopExpert> best = new TreeMap<>();
    for (TopExpert expert : experts) {
      best.merge(
          expert.domain(),
          expert,
          (old, next) -> next.contribution() > old.contribution() ? next : old);
    }
    return List.copyOf(best.values());
  }

  /** Layers whose mutual information exceeds the 99 % quantile under shuffled labels. */
  public long specialisedLayers() {
    return layers.stream()
        .filter(layer -> layer.mutualInformation() > layer.permutationQ99())
        .count();
  }

  /** Plain aligned text of at most 25 lines, for a terminal. */
  public String text() {
    List<String> lines = new ArrayList<>();
    addDomains(lines);
    if (!lines.isEmpty() && !layers.isEmpty()) {
      lines.add("");
    }
    addLayers(lines);
    return String.join("\n", lines) + "\n";
  }

  private void addDomains(List<String> lines) {
    List<TopExpert> best = bestPerDomain();
    Map<String, DomainLoss> lossOf = new TreeMap<>();
    losses.forEach(loss -> lossOf.put(loss.domain(), loss));
    if (best.isEmpty() && losses.isEmpty()) {
      return;
    }
    lines.add(
        format(
            "%-14s %10s %7s %8s %7s %10s  %s",
            "domain", "tokens", "loss", "unigram", "gain", "bits/byte", "the expert most its own"));
    List<String> names = new ArrayList<>();
    best.stream()
        .sorted(Comparator.comparingDouble(TopExpert::contribution).reversed())
        .limit(MOST_DOMAINS)
        .forEach(expert -> names.add(expert.domain()));
    if (best.isEmpty()) {
      lossOf.keySet().stream()
          .filter(name -> !name.equals(RoutingSchema.ALL_DOMAINS))
          .limit(MOST_DOMAINS)
          .forEach(names::add);
    }
    names.sort(Comparator.naturalOrder());
    names.add(RoutingSchema.ALL_DOMAINS);
    for (String name : names) {
      String words =
          best.stream()
              .filter(expert -> expert.domain().equals(name))
              .map(TopExpert::words)
              .findFirst()
              .orElse("");
      lines.add(domainLine(name, lossOf.get(name), words).stripTrailing());
    }
    int domains = Math.max(best.size(), losses.size() - 1);
    if (domains > MOST_DOMAINS) {
      lines.add("... and %d more domains".formatted(domains - MOST_DOMAINS));
    }
  }

  private static String domainLine(String name, DomainLoss loss, String words) {
    String label = name.length() > 14 ? name.substring(0, 13) + "~" : name;
    if (loss == null) {
      return format("%-14s %10s %7s %8s %7s %10s  %s", label, "", "", "", "", "", words);
    }
    return format(
        "%-14s %,10d %7.3f %8.3f %7.3f %10.3f  %s",
        label,
        loss.tokens(),
        loss.loss(),
        loss.unigramEntropy(),
        loss.gain(),
        loss.bitsPerByte(),
        words);
  }

  private void addLayers(List<String> lines) {
    if (layers.isEmpty()) {
      return;
    }
    lines.add(
        format(
            "%5s  %-26s %-24s %-7s %8s %7s %5s",
            "layer",
            "information (bits, share)",
            "shuffled (mean, 99 %)",
            "p",
            "entropy",
            "MaxVio",
            "dead"));
    int shown = Math.min(layers.size(), MOST_LAYERS);
    for (int i = 0; i < shown; i++) {
      int index = shown == 1 ? 0 : (int) Math.round(i * (layers.size() - 1.0) / (shown - 1));
      LayerSummary layer = layers.get(index);
      lines.add(
          format(
              "%5d  %-26s %-24s %-7.4f %8.3f %7.2f %5d",
              layer.layer(),
              format(
                  "%.4f  %5.1f %%",
                  layer.mutualInformation(), 100 * layer.mutualInformationNormalised()),
              format("%.4f  %.4f", layer.permutationMean(), layer.permutationQ99()),
              layer.permutationP(),
              layer.loadEntropy(),
              layer.maxVio(),
              layer.deadExperts()));
    }
    if (layers.size() > shown) {
      lines.add("... and %d more layers".formatted(layers.size() - shown));
    }
    lines.add(
        "Domain and expert share more information than shuffled labels' 99 %% quantile in %d of %d layers."
            .formatted(specialisedLayers(), layers.size()));
  }

  /** Sentences for the report, without the experts. */
  List<String> sentences() {
    List<String> sentences = new ArrayList<>();
    losses.stream()
        .filter(loss -> loss.domain().equals(RoutingSchema.ALL_DOMAINS))
        .findFirst()
        .ifPresent(
            all ->
                sentences.add(
                    format(
                        "On %,d held-out tokens of %d domains the model loses %.3f nats per token"
                            + " (perplexity %.1f, %.3f bits per byte): %.2f nats %s guessing from"
                            + " the tokens' own frequencies.",
                        all.tokens(),
                        losses.size() - 1,
                        all.loss(),
                        all.perplexity(),
                        all.bitsPerByte(),
                        Math.abs(all.gain()),
                        all.gain() >= 0 ? "better than" : "worse than")));
    layers.stream()
        .max(Comparator.comparingDouble(LayerSummary::mutualInformation))
        .ifPresent(
            most -> {
              sentences.add(
                  format(
                      "The choice of expert depends on the domain beyond what shuffled labels"
                          + " produce in %d of %d layers. Layer %d depends most: %.3f bits of mutual"
                          + " information, %s of what is possible, where shuffled labels stay"
                          + " below %.3f.",
                      specialisedLayers(),
                      layers.size(),
                      most.layer(),
                      most.mutualInformation(),
                      percent(most.mutualInformationNormalised()),
                      most.permutationQ99()));
              sentences.add(loadSentence());
            });
    return sentences;
  }

  private String loadSentence() {
    LayerSummary uneven =
        layers.stream().max(Comparator.comparingDouble(LayerSummary::maxVio)).orElseThrow();
    int dead = layers.stream().mapToInt(LayerSummary::deadExperts).sum();
    return format(
        "The busiest expert of all, in layer %d, handles %.2f times the mean load; %s.",
        uneven.layer(),
        1 + uneven.maxVio(),
        dead == 0
            ? "no expert is idle"
            : dead == 1 ? "one expert is idle" : dead + " experts are idle");
  }

  private static String percent(double share) {
    return format(share < 0.0995 ? "%.1f %%" : "%.0f %%", 100 * share);
  }

  private static String format(String pattern, Object... arguments) {
    return String.format(Locale.ROOT, pattern, arguments);
  }
}
