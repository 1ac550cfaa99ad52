package org.metier.prep.dedup;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.junit.jupiter.api.Test;
import org.metier.prep.LocalSpark;
import org.metier.prep.dedup.Clusters.Member;
import org.metier.prep.dedup.DeduplicationConfig.Keep;
import org.metier.prep.dedup.DeduplicationConfig.Method;
import org.metier.prep.dedup.DeduplicationConfig.Within;
import org.metier.prep.document.Document;
import org.metier.prep.document.RejectReason;
import org.metier.prep.document.Rejected;
import org.metier.prep.document.SplitShares;

class DeduplicationTest {
  private static final int SHINGLE = 5;

  /** A text and a changed copy of it, with their true similarity. */
  private record Pair(List<String> text, List<String> changed, double jaccard) {}

  private static String word(Random random) {
    StringBuilder word = new StringBuilder();
    for (int c = 3 + random.nextInt(6); c > 0; c--) {
      word.append((char) ('a' + random.nextInt(26)));
    }
    return word.toString();
  }

  private static List<String> text(Random random, int words) {
    List<String> text = new ArrayList<>();
    for (int i = 0; i < words; i++) {
      text.add(word(random));
    }
    return text;
  }

  /** Changes single words, adds some and takes some away. */
  private static Pair pair(Random random, int words, double changedShare) {
    List<String> text = text(random, words);
    List<String> changed = new ArrayList<>(text);
    int changes = (int) Math.round(changedShare * words);
    for (int i = 0; i < changes; i++) {
      int at = random.nextInt(changed.size());
      switch (random.nextInt(3)) {
        case 0 -> changed.add(at, word(random));
        case 1 -> changed.remove(at);
        default -> changed.set(at, word(random));
      }
    }
    return new Pair(text, changed, jaccard(text, changed));
  }

  private static double jaccard(List<String> a, List<String> b) {
    Set<List<String>> common = shingles(a);
    Set<List<String>> all = shingles(b);
    int size = common.size() + all.size();
    common.retainAll(all);
    return (double) common.size() / (size - common.size());
  }

  private static Set<List<String>> shingles(List<String> text) {
    Set<List<String>> shingles = new HashSet<>();
    for (int i = 0; i + SHINGLE <= text.size(); i++) {
      shingles.add(text.subList(i, i + SHINGLE));
    }
    return shingles;
  }

  private static Document document(String text, String domain, int index) {
    return Document.of(text, domain, 7, index % 3, index);
  }

  private static Clusters find(DeduplicationConfig config, List<Document> documents, int parts) {
    List<Document> shuffled = new ArrayList<>(documents);
    Collections.shuffle(shuffled, new Random(parts));
    JavaRDD<Document> rdd =
        JavaSparkContext.fromSparkContext(LocalSpark.session().sparkContext())
            .parallelize(shuffled, parts);
    return new Deduplication(LocalSpark.session(), config, parts).find(rdd);
  }

  private static Clusters find(Method method, Keep keep, Within within, Document... documents) {
    return find(DeduplicationFixture.of(method, keep, within, 0), Arrays.asList(documents), 2);
  }

  /**
   * 300 pairs of a similarity of 0.8 and more, 300 of 0.5 and less, and 600 texts alone: the
   * similar ones are found, the others are not, on whatever partitions.
   */
  @Test
  void nearDuplicatesAreFoundAndOthersAreNot() {
    Random random = new Random(20261123);
    List<Pair> pairs = new ArrayList<>();
    int similar = 0;
    int different = 0;
    while (similar < 300 || different < 300) {
      Pair pair = pair(random, 60 + random.nextInt(400), 0.002 + 0.12 * random.nextDouble());
      if (pair.jaccard >= 0.8 && pair.jaccard < 1 && similar < 300) {
        similar++;
        pairs.add(pair);
      } else if (pair.jaccard < 0.5 && pair.jaccard > 0.3 && different < 300) {
        different++;
        pairs.add(pair);
      }
    }
    List<Document> documents = new ArrayList<>();
    for (Pair pair : pairs) {
      documents.add(document(String.join(" ", pair.text), "a", documents.size()));
      documents.add(document(String.join(" ", pair.changed), "b", documents.size()));
    }
    for (int i = 0; i < 600; i++) {
      documents.add(document(String.join(" ", text(random, 200)), "a", documents.size()));
    }
    DeduplicationConfig config =
        DeduplicationFixture.of(Method.NEAR, Keep.LONGEST, Within.CORPUS, 0);
    Clusters clusters = find(config, documents, 3);
    assertThat(find(config, documents, 1).members()).isEqualTo(clusters.members());

    Map<Long, String> clusterOf = new HashMap<>();
    for (Member member : clusters.members()) {
      clusterOf.put(member.offset(), member.cluster());
    }
    int found = 0;
    int merged = 0;
    for (int i = 0; i < pairs.size(); i++) {
      String cluster = clusterOf.get(2L * i);
      boolean together = cluster != null && cluster.equals(clusterOf.get(2L * i + 1));
      found += together && pairs.get(i).jaccard >= 0.8 ? 1 : 0;
      merged += together && pairs.get(i).jaccard < 0.5 ? 1 : 0;
    }
    assertThat(found)
        .as("of 300 pairs with a similarity of 0.8 and more")
        .isGreaterThanOrEqualTo(285);
    assertThat(merged).as("of 300 pairs with a similarity below 0.5").isLessThanOrEqualTo(3);
    assertThat(clusters.members()).hasSize(2 * (found + merged)); // and no text that stands alone
  }

  @Test
  void equalTextsAreEqualButForCaseAndWhitespace() {
    Document first = document("One  text.\n", "law", 0);
    Document second = document("one TEXT.", "music", 1);
    Document third = document("one text", "law", 2);
    Document fourth = document("onetext.", "law", 3);
    Clusters clusters = find(Method.EXACT, Keep.FIRST, Within.CORPUS, first, second, third, fourth);
    assertThat(clusters.size()).isEqualTo(1);
    Selection selection = clusters.selection();
    assertThat(selection.apply(first)).isEqualTo(first);
    assertThat(selection.apply(second))
        .isEqualTo(Rejected.of(RejectReason.EXACT_DUPLICATE, second));
    assertThat(selection.apply(third)).isEqualTo(third);
    assertThat(selection.apply(fourth)).isEqualTo(fourth);
  }

  @Test
  void survivorsAreChosenByTheRule() {
    Random random = new Random(5);
    List<String> words = text(random, 100);
    Document shorter = document(String.join(" ", words.subList(0, 97)), "law", 0);
    Document longest = document(String.join(" ", words), "law", 1);
    Document copy = document(String.join("  ", words.subList(0, 97)), "music", 2);

    Selection byLength =
        find(Method.NEAR, Keep.LONGEST, Within.CORPUS, shorter, longest, copy).selection();
    // two spaces between words make the copy the longest
    assertThat(reasons(byLength, shorter, longest, copy))
        .containsExactly("exact-duplicate", "near-duplicate", "stays");
    Selection byOrder =
        find(Method.NEAR, Keep.FIRST, Within.CORPUS, shorter, longest, copy).selection();
    assertThat(reasons(byOrder, shorter, longest, copy))
        .containsExactly("stays", "near-duplicate", "exact-duplicate");
    Selection byDomain =
        find(Method.NEAR, Keep.FIRST, Within.DOMAIN, shorter, longest, copy).selection();
    assertThat(reasons(byDomain, shorter, longest, copy))
        .containsExactly("stays", "near-duplicate", "stays");
    requireOneSide(byDomain, shorter, copy);
    Selection all = find(Method.NEAR, Keep.ALL, Within.CORPUS, shorter, longest, copy).selection();
    assertThat(reasons(all, shorter, longest, copy)).containsOnly("stays");
    requireOneSide(all, shorter, longest, copy);
  }

  private static List<String> reasons(Selection selection, Document... documents) {
    return Arrays.stream(documents)
        .map(selection::apply)
        .map(outcome -> outcome instanceof Rejected rejected ? rejected.reason().label() : "stays")
        .toList();
  }

  private static void requireOneSide(Selection selection, Document... documents) {
    for (int percent = 1; percent < 100; percent++) {
      SplitShares shares = new SplitShares(0, percent / 100.0);
      assertThat(Arrays.stream(documents).map(d -> shares.of((Document) selection.apply(d))))
          .as("of " + shares)
          .containsOnly(shares.of((Document) selection.apply(documents[0])));
    }
  }

  @Test
  void aLargeGroupOfCopiesIsOneCluster() {
    Random random = new Random(9);
    String text = String.join(" ", text(random, 80));
    List<Document> documents = new ArrayList<>();
    for (int i = 0; i < 2000; i++) {
      documents.add(document(text + " " + word(random), "a", i));
    }
    documents.add(document("???", "a", 2000));
    documents.add(document("!!!", "a", 2001));
    DeduplicationConfig config = DeduplicationFixture.of(Method.NEAR, Keep.FIRST, Within.CORPUS, 0);
    Clusters clusters = find(config, documents, 4);
    assertThat(clusters.size()).isEqualTo(1);
    assertThat(clusters.members()).hasSize(2000);
    assertThat(clusters.members().stream().filter(member -> member.dropped().isEmpty())).hasSize(1);
  }

  @Test
  void contaminatedTrainingDocumentsAreFound() {
    Random random = new Random(3);
    List<String> heldOutText = text(random, 100);
    List<String> phrase = text(random, 13);
    Document heldOut =
        document(String.join(" ", heldOutText) + " " + String.join(" ", phrase), "a", 0);
    List<Document> training = new ArrayList<>();
    List<String> start = text(random, 50);
    start.addAll(heldOutText.subList(40, 53));
    training.add(document(String.join(", ", start).toUpperCase(), "b", 1)); // 13 words of it
    List<String> less = text(random, 50);
    less.addAll(heldOutText.subList(40, 52));
    training.add(document(String.join(" ", less), "b", 2)); // 12 words
    training.add(
        document(String.join(" ", heldOutText.subList(0, 5)), "b", 3)); // too short to tell
    for (int i = 0; i < 11; i++) { // a phrase, since 11 training documents have it
      training.add(
          document(String.join(" ", text(random, 5)) + " " + String.join(" ", phrase), "b", 4 + i));
    }
    JavaSparkContext spark = JavaSparkContext.fromSparkContext(LocalSpark.session().sparkContext());
    for (int parts : new int[] {1, 4}) {
      long[] found =
          new Decontaminator(
                  LocalSpark.session(), new DeduplicationConfig.Decontamination(13, 10), parts)
              .find(spark.parallelize(training, parts), spark.parallelize(List.of(heldOut), 1));
      assertThat(found).containsExactly(Selection.key(training.get(0)));
      Selection selection = Selection.without(found);
      assertThat(reasons(selection, training.get(0), training.get(1)))
          .containsExactly("contaminated", "stays");
    }
  }
}
