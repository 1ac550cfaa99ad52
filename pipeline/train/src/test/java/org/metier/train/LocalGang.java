package org.metier.train;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.apache.spark.SecurityManager;
import org.apache.spark.SparkConf;
import org.metier.train.ExchangeMessage.Sender;
import scala.Option;

/** W workers as threads of this process, with a real exchange over the loopback interface. */
final class LocalGang implements AutoCloseable {
  private final SparkConf conf;
  private final SecurityManager security;
  private final ExchangeServer server;
  private final int workers;
  private final ExecutorService threads;

  /** What one worker does. */
  interface Work<T> {
    T run(int worker, CountExchange exchange) throws Exception;
  }

  LocalGang(int workers, int timeoutSeconds) {
    this(conf(), workers, timeoutSeconds);
  }

  LocalGang(SparkConf conf, int workers, int timeoutSeconds) {
    this.conf = conf;
    this.security = security(conf);
    this.server = new ExchangeServer(conf, security, workers, timeoutSeconds);
    this.workers = workers;
    this.threads = Executors.newFixedThreadPool(workers);
  }

  static SparkConf conf() {
    return new SparkConf(false).set("spark.driver.host", "localhost").set("spark.master", "local");
  }

  static SecurityManager security(SparkConf conf) {
    SecurityManager security =
        new SecurityManager(
            conf,
            Option.empty(),
            org.apache.spark.internal.config.package$.MODULE$.AUTH_SECRET_FILE_DRIVER());
    security.initializeAuth();
    return security;
  }

  ExchangeServer server() {
    return server;
  }

  CountExchange connect(int stage, int attempt, int worker) {
    Sender sender = new Sender(stage, attempt, worker);
    return new TransportExchange(conf, security, server.address(), sender);
  }

  /** Runs all workers side by side; results in worker order, the first failure thrown. */
  <T> List<T> run(int attempt, Work<T> work) throws Exception {
    List<Future<T>> futures = start(attempt, work);
    List<T> results = new ArrayList<>();
    for (Future<T> future : futures) {
      try {
        results.add(future.get());
      } catch (ExecutionException e) {
        throw e.getCause() instanceof Exception cause ? cause : e;
      }
    }
    return results;
  }

  <T> List<Future<T>> start(int attempt, Work<T> work) {
    List<Future<T>> futures = new ArrayList<>();
    for (int w = 0; w < workers; w++) {
      int worker = w;
      futures.add(
          threads.submit(
              () -> {
                try (CountExchange exchange = connect(0, attempt, worker)) {
                  return work.run(worker, exchange);
                }
              }));
    }
    return futures;
  }

  @Override
  public void close() {
    threads.shutdownNow();
    server.close();
  }
}
