package org.metier.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import org.junit.jupiter.api.Test;

/** MaxVio of batches: two experts, one layer unless said otherwise, by hand. */
class MaxViolationsTest {
  private static final double EXACT = 1e-12;

  @Test
  void theGlobalBatchIsBalancedWhereItsMicroBatchesAreNot() {
    MaxViolations v = of(worker(0, batch(8, 0)), worker(1, batch(0, 8)));
    assertThat(v.microBatch().mean()).isEqualTo(1);
    assertThat(v.step().mean()).isZero();
  }

  @Test
  void meanLargestAndLastAreOverTheRoundsSteps() {
    // MaxVio of (c, 8 - c) is max(c, 8 - c) / 4 - 1; the last quarter of five steps is two.
    WorkerReport one = worker(0, batch(8, 0), batch(6, 2), batch(4, 4), batch(5, 3), batch(7, 1));
    MaxViolations v = of(one);
    assertThat(v.step().mean()).isCloseTo((1 + .5 + 0 + .25 + .75) / 5, within(EXACT));
    assertThat(v.step().largest()).isEqualTo(1);
    assertThat(v.step().last()).isCloseTo((.25 + .75) / 2, within(EXACT));
    assertThat(v.microBatch()).isEqualTo(v.step());
  }

  @Test
  void aStepIsAllItsMicroBatchesAndTheMeanIsOverLayers() {
    BatchLoads loads = new BatchLoads();
    loads.beginStep(2, 2);
    loads.add(new long[][] {{8, 0}, {4, 4}});
    loads.add(new long[][] {{0, 8}, {8, 0}});
    MaxViolations v =
        of(TrainFixture.report(0, 0, new long[][] {{8, 8}, {12, 4}}, new long[0][][], loads));
    assertThat(v.microBatch().mean()).isCloseTo((.5 + 1) / 2, within(EXACT));
    assertThat(v.step().mean()).isCloseTo((0 + .5) / 2, within(EXACT));
  }

  @Test
  void workersCountAlikeAndTheLargestIsAnyones() {
    MaxViolations v = of(worker(0, batch(8, 0), batch(4, 4)), worker(1, batch(6, 2), batch(4, 4)));
    assertThat(v.microBatch().mean()).isCloseTo((1 + 0 + .5 + 0) / 4, within(EXACT));
    assertThat(v.microBatch().largest()).isEqualTo(1);
    assertThat(v.step().largest()).isCloseTo(14 / 8. - 1, within(EXACT));
  }

  @Test
  void aWorkerThatRefusesItsFirstBatchCanStillReport() {
    BatchLoads loads = new BatchLoads();
    loads.beginStep(2, 2);
    assertThat(loads.microBatches().mean()).isNaN();
  }

  private static MaxViolations of(WorkerReport... reports) {
    return MaxViolations.of(List.of(reports));
  }

  private static long[] batch(long... counts) {
    return counts;
  }

  /** One micro-batch a step. */
  private static WorkerReport worker(int worker, long[]... batches) {
    BatchLoads loads = new BatchLoads();
    long[][] sum = new long[1][2];
    for (long[] batch : batches) {
      loads.beginStep(1, 2);
      loads.add(new long[][] {batch});
      sum[0][0] += batch[0];
      sum[0][1] += batch[1];
    }
    return TrainFixture.report(0, worker, sum, new long[0][][], loads);
  }
}
