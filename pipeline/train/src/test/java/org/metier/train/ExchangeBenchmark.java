package org.metier.train;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * Time of one exchange of expert counts between workers of this machine, over real connections:
 * {@code ExchangeBenchmark [workers] [layers] [experts]}. Prints median, 90 % and 99 % quantile.
 */
final class ExchangeBenchmark {
  private static final int WARMUP = 2_000;
  private static final int TIMED = 5_000;

  private ExchangeBenchmark() {}

  public static void main(String[] arguments) throws Exception {
    int workers = argument(arguments, 0, 2);
    int layers = argument(arguments, 1, 16);
    int experts = argument(arguments, 2, 64);
    try (LocalGang gang = new LocalGang(workers, 60)) {
      List<double[]> byWorker =
          gang.run(0, (worker, exchange) -> time(exchange, new long[layers][experts]));
      double[] milliseconds = byWorker.get(0);
      Arrays.sort(milliseconds);
      System.out.printf(
          Locale.ROOT,
          "%d workers, %d × %d counts: median %.3f ms, 90 %% %.3f ms, 99 %% %.3f ms%n",
          workers,
          layers,
          experts,
          milliseconds[TIMED / 2],
          milliseconds[TIMED * 9 / 10],
          milliseconds[TIMED * 99 / 100]);
    }
  }

  private static double[] time(CountExchange exchange, long[][] counts) {
    double[] milliseconds = new double[TIMED];
    for (int i = 0; i < WARMUP + TIMED; i++) {
      long began = System.nanoTime();
      exchange.sum(i, counts);
      if (i >= WARMUP) {
        milliseconds[i - WARMUP] = (System.nanoTime() - began) / 1e6;
      }
    }
    return milliseconds;
  }

  private static int argument(String[] arguments, int index, int otherwise) {
    return arguments.length > index ? Integer.parseInt(arguments[index]) : otherwise;
  }
}
