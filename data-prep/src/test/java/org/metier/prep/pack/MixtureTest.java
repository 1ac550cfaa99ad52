package org.metier.prep.pack;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.metier.prep.BadDataException;
import org.metier.prep.document.DocumentCounts;
import org.metier.prep.document.Split;
import org.metier.prep.pack.MixtureConfig.Method;

class MixtureTest {
  private static final List<String> DOMAINS = List.of("chess", "law", "music");
  private static final int LENGTH = 10;

  private static Buckets buckets() {
    List<Split> splits = List.of(Split.TRAIN, Split.HELD_OUT);
    return new Buckets(DOMAINS, new DocumentCounts(), splits, 1);
  }

  /** One bucket a domain and split; held-out text has five rows each. */
  private static Mixture mixture(MixtureConfig config, long... rows) {
    Buckets buckets = buckets();
    List<BucketCounts> packed = new ArrayList<>();
    for (int b = 0; b < buckets.size(); b++) {
      Bucket bucket = buckets.get(b);
      long sequences = bucket.split() == Split.TRAIN ? rows[bucket.domain()] : 5;
      packed.add(new BucketCounts(b, 1, sequences * LENGTH, sequences, 0, 0));
    }
    Mixture mixture = new Mixture(config, buckets, packed, DOMAINS, LENGTH);
    for (int b = 0; b < buckets.size(); b++) {
      requireCopies(mixture, b, packed.get(b).sequences());
    }
    return mixture;
  }

  /** Copies add up, differ by at most one from row to row, and have numbers of their own. */
  private static void requireCopies(Mixture mixture, int bucket, long rows) {
    long sum = 0;
    long least = Long.MAX_VALUE;
    long most = 0;
    Map<Long, Long> numbers = new HashMap<>();
    for (long index = 0; index < rows; index++) {
      long copies = mixture.copies(bucket, index);
      sum += copies;
      least = Math.min(least, copies);
      most = Math.max(most, copies);
      for (long copy = 0; copy < copies; copy++) {
        assertThat(numbers.put(mixture.numberOf(bucket, index, copy), index)).isNull();
      }
    }
    assertThat(sum).isEqualTo(mixture.sequencesOfDomain(bucket));
    assertThat(most - Math.min(least, most)).isLessThanOrEqualTo(1);
  }

  private static long[] got(Mixture mixture) {
    return mixture.shares().stream().mapToLong(share -> share.got() / LENGTH).toArray();
  }

  private static MixtureConfig config(
      Method method, Map<String, Double> domains, double temperature, long tokens, double repeats) {
    return new MixtureConfig(method, domains, temperature, tokens, repeats);
  }

  @Test
  void naturalIsEveryRowOnce() {
    Mixture mixture = mixture(MixtureConfig.natural(), 100, 900, 7);
    assertThat(got(mixture)).containsExactly(100, 900, 7);
    assertThat(mixture.copies(0, 55)).isOne();
    assertThat(mixture.numberOf(0, 55, 0)).isEqualTo(55);
  }

  @Test
  void temperatureIsItsFormulaToOneRow() {
    long[] rows = {100, 900, 400};
    for (double temperature : new double[] {1, 1.5, 2, 10}) {
      Mixture mixture = mixture(config(Method.TEMPERATURE, Map.of(), temperature, 0, 1e9), rows);
      double sum = 0;
      for (long size : rows) {
        sum += Math.pow(size, 1 / temperature);
      }
      for (int d = 0; d < rows.length; d++) {
        double asked = Math.pow(rows[d], 1 / temperature) / sum * 1400;
        assertThat(mixture.shares().get(d).asked()).isCloseTo(asked * LENGTH, within(1e-6));
        assertThat(got(mixture)[d]).isCloseTo(Math.round(asked), within(1L));
      }
      assertThat(got(mixture)[0] + got(mixture)[1] + got(mixture)[2]).isEqualTo(1400);
    }
  }

  @Test
  void sharesAreOfTheTokensAskedFor() {
    Map<String, Double> shares = Map.of("chess", 1.0, "law", 2.0, "music", 0.0);
    Mixture mixture = mixture(config(Method.SHARES, shares, 1, 10_000, 1e9), 100, 900, 400);
    assertThat(got(mixture)).containsExactly(333, 667, 0);
    assertThat(mixture.shares().get(0).asked()).isCloseTo(3333.3, within(0.1));
    assertThat(mixture.shares().get(0).repeats()).isCloseTo(3.33, within(1e-9));
    assertThat(mixture.sequencesOfDomain(3)).isEqualTo(5); // held-out chess
  }

  @Test
  void aBudgetIsExactToOneSequenceAndMovesNowhere() {
    Map<String, Double> budget = Map.of("chess", 1234.0, "law", 5e9, "music", 4.0);
    Mixture mixture = mixture(config(Method.BUDGET, budget, 1, 0, 2), 100, 900, 400);
    assertThat(got(mixture)).containsExactly(124, 1800, 0);
    for (Mixture.Share share : mixture.shares()) {
      boolean capped = share.domain().equals("law");
      assertThat(Math.abs(share.got() - share.asked()) < LENGTH).isEqualTo(!capped);
    }
  }

  @Test
  void whatACapTakesGoesToTheOthersInProportion() {
    Map<String, Double> shares = Map.of("chess", 8.0, "law", 1.0, "music", 1.0);
    Mixture mixture = mixture(config(Method.SHARES, shares, 1, 0, 2), 10, 500, 490);
    assertThat(got(mixture)).containsExactly(20, 490, 490);
    assertThat(mixture.shares().get(0).asked()).isCloseTo(8000, within(1e-6));
    Mixture all = mixture(config(Method.SHARES, shares, 1, 1_000_000, 1.5), 10, 501, 490);
    assertThat(got(all)).containsExactly(15, 751, 735);
  }

  @Test
  void domainsMustBeThoseOfTheCorpus() {
    assertThatThrownBy(
            () -> mixture(config(Method.SHARES, Map.of("lwa", 1.0), 1, 0, 4), 10, 10, 10))
        .isInstanceOf(BadDataException.class)
        .hasMessage("prepare.mixture.domains names lwa, but the corpus has chess, law, music");
    Map<String, Double> two = Map.of("chess", 1.0, "law", 1.0);
    assertThatThrownBy(() -> mixture(config(Method.BUDGET, two, 1, 0, 4), 10, 10, 10))
        .isInstanceOf(BadDataException.class)
        .hasMessage(
            "prepare.mixture.domains does not name music, which the corpus has; 0 leaves it out");
  }
}
