package org.metier.train;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.apache.spark.SecurityManager;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkEnv;
import org.apache.spark.TaskContext;
import org.apache.spark.network.TransportContext;
import org.apache.spark.network.client.TransportClient;
import org.apache.spark.network.client.TransportClientBootstrap;
import org.apache.spark.network.client.TransportClientFactory;
import org.apache.spark.network.crypto.AuthClientBootstrap;
import org.apache.spark.network.server.NoOpRpcHandler;
import org.apache.spark.network.util.TransportConf;
import org.metier.train.ExchangeMessage.Sender;

/**
 * A worker's end of {@link CountExchange}: one connection to the driver's {@link ExchangeServer}
 * for as long as its task runs, of its own, so that its end says that the worker has ended.
 */
final class TransportExchange implements CountExchange {
  /** The driver gives up first and says on whom; this only ends the wait for a dead driver. */
  private static final int GRACE_SECONDS = 30;

  private final ExchangeServer.Address driver;
  private final Sender sender;
  private final TransportContext context;
  private final TransportClientFactory factory;
  private final TransportClient client;
  private long exchanges;

  /** Connects a task of a gang-scheduled stage. */
  static TransportExchange ofTask(ExchangeServer.Address driver, int worker) {
    // Not BarrierTaskContext.get(), whose class starts a timer that keeps a local Spark from
    // exiting.
    TaskContext task = TaskContext.get();
    Sender sender = new Sender(task.stageId(), task.stageAttemptNumber(), worker);
    SparkEnv env = SparkEnv.get();
    return new TransportExchange(env.conf(), env.securityManager(), driver, sender);
  }

  /**
   * @param spark this process's settings
   * @param security Spark's own, as the driver's
   * @throws LostWorkerException if the driver cannot be reached
   */
  TransportExchange(
      SparkConf spark, SecurityManager security, ExchangeServer.Address driver, Sender sender) {
    this.driver = driver;
    this.sender = sender;
    TransportConf conf = ExchangeServer.transportConf(spark, driver.timeoutSeconds());
    List<TransportClientBootstrap> bootstraps =
        security.isAuthenticationEnabled()
            ? List.of(new AuthClientBootstrap(conf, security.getSaslUser(), security))
            : List.of();
    this.context = new TransportContext(conf, new NoOpRpcHandler());
    this.factory = context.createClientFactory(bootstraps);
    try {
      this.client = factory.createUnmanagedClient(driver.host(), driver.port());
    } catch (IOException | InterruptedException | RuntimeException e) {
      factory.close();
      context.close();
      if (e instanceof InterruptedException) {
        Thread.currentThread().interrupt();
      }
      throw new LostWorkerException(
          "worker %d cannot reach the exchange of expert counts on the driver, %s:%d"
              .formatted(sender.worker(), driver.host(), driver.port()),
          e);
    }
  }

  @Override
  public long[][] sum(long step, long[][] counts) {
    int experts = counts[0].length;
    long[] flat = new long[counts.length * experts];
    for (int l = 0; l < counts.length; l++) {
      System.arraycopy(counts[l], 0, flat, l * experts, experts);
    }
    ByteBuffer answer = ask(step, ExchangeMessage.counts(sender, exchanges++, step, flat));
    if (!ExchangeMessage.isCounts(answer)) {
      throw new LostWorkerException(ExchangeMessage.text(answer));
    }
    long[] sum = ExchangeMessage.counts(answer);
    long[][] byLayer = new long[counts.length][experts];
    for (int l = 0; l < counts.length; l++) {
      System.arraycopy(sum, l * experts, byLayer[l], 0, experts);
    }
    return byLayer;
  }

  private ByteBuffer ask(long step, ByteBuffer message) {
    long patience = TimeUnit.SECONDS.toMillis(driver.timeoutSeconds() + GRACE_SECONDS);
    try {
      return client.sendRpcSync(message, patience);
    } catch (RuntimeException e) {
      throw new LostWorkerException(
          "step %d: worker %d has no answer from the exchange of expert counts on the driver, %s:%d"
              .formatted(step + 1, sender.worker(), driver.host(), driver.port()),
          e);
    }
  }

  @Override
  public void fail(long step, Throwable cause) {
    String reason = String.valueOf(cause).lines().findFirst().orElse("");
    client.send(ExchangeMessage.failure(sender, step, reason));
  }

  /** Answered, so that the end of the connection, which follows, cannot overtake it. */
  @Override
  public void withdraw() {
    ask(0, ExchangeMessage.withdrawal(sender));
  }

  @Override
  public void close() {
    client.close();
    factory.close();
    context.close();
  }
}
