package org.metier.train;

import java.io.Serializable;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.apache.spark.SecurityManager;
import org.apache.spark.SparkConf;
import org.apache.spark.network.TransportContext;
import org.apache.spark.network.client.RpcResponseCallback;
import org.apache.spark.network.client.TransportClient;
import org.apache.spark.network.crypto.AuthServerBootstrap;
import org.apache.spark.network.netty.SparkTransportConf;
import org.apache.spark.network.server.OneForOneStreamManager;
import org.apache.spark.network.server.RpcHandler;
import org.apache.spark.network.server.StreamManager;
import org.apache.spark.network.server.TransportServer;
import org.apache.spark.network.server.TransportServerBootstrap;
import org.apache.spark.network.util.TransportConf;
import org.metier.train.ExchangeMessage.Sender;
import scala.Option;

/**
 * The driver's end of {@link CountExchange}, on Spark's own transport and under Spark's own
 * authentication and encryption. Spark's barrier allGather polls once a second and would cost more
 * than a step; here the last worker's report releases all answers at once.
 *
 * <p>It serves one gang at a time. A gang-scheduled stage that is retried comes back as a new
 * attempt, whose first report ends whatever the old one was waiting for.
 */
final class ExchangeServer implements AutoCloseable {
  private static final String MODULE = "metier";
  private static final long[] NO_COUNTS = {};
  private static final String GIVEN_UP = "this attempt of the round was given up";

  private final int workers;
  private final long timeoutNanos;
  private final TransportContext context;
  private final TransportServer server;
  private final Address address;
  private final ScheduledExecutorService clock;
  private final Map<TransportClient, Sender> senders = new HashMap<>();
  private Sender gang = new Sender(-1, 0, 0);
  private CountGathering gathering;

  /** Where workers find the driver, and how long it lets them wait. */
  record Address(String host, int port, int timeoutSeconds) implements Serializable {}

  /**
   * @param spark the driver's settings
   * @param security Spark's own; decides whether and how connections authenticate
   * @param workers W, reports that make up an exchange
   * @param timeoutSeconds longest wait for the last of them
   */
  ExchangeServer(SparkConf spark, SecurityManager security, int workers, int timeoutSeconds) {
    this.workers = workers;
    this.timeoutNanos = TimeUnit.SECONDS.toNanos(timeoutSeconds);
    this.gathering = new CountGathering(workers, timeoutNanos);
    TransportConf conf = transportConf(spark, timeoutSeconds);
    this.context = new TransportContext(conf, new Handler());
    List<TransportServerBootstrap> bootstraps =
        security.isAuthenticationEnabled()
            ? List.of(new AuthServerBootstrap(conf, security))
            : List.of();
    String host = spark.get("spark.driver.host", "localhost");
    this.server = context.createServer(spark.get("spark.driver.bindAddress", host), 0, bootstraps);
    this.address = new Address(host, server.getPort(), timeoutSeconds);
    this.clock =
        Executors.newSingleThreadScheduledExecutor(
            task -> {
              Thread thread = new Thread(task, "metier-exchange-clock");
              thread.setDaemon(true);
              return thread;
            });
    clock.scheduleWithFixedDelay(this::checkTime, 250, 250, TimeUnit.MILLISECONDS);
  }

  /** Transport settings of both ends: {@code spark.metier.io.*}, as for Spark's own modules. */
  static TransportConf transportConf(SparkConf conf, int timeoutSeconds) {
    SparkConf ours = conf.clone();
    // Spark closes a connection with an open request as dead after spark.network.timeout.
    ours.set("spark." + MODULE + ".io.connectionTimeout", timeoutSeconds + 60 + "s");
    return SparkTransportConf.fromSparkConf(ours, MODULE, 2, Option.empty());
  }

  Address address() {
    return address;
  }

  /** Why the newest gang's exchange failed, if it did. */
  synchronized Optional<String> failure() {
    return gathering.failure();
  }

  private synchronized CountGathering of(Sender sender) {
    if (gang.isBefore(sender)) {
      gathering.fail(GIVEN_UP);
      gang = sender;
      gathering = new CountGathering(workers, timeoutNanos);
    }
    return gang.inGangOf(sender) ? gathering : null;
  }

  private synchronized CountGathering current() {
    return gathering;
  }

  private void checkTime() {
    current().checkTime(System.nanoTime());
  }

  private synchronized void remember(TransportClient client, Sender sender) {
    senders.put(client, sender);
  }

  private synchronized Sender forget(TransportClient client) {
    return senders.remove(client);
  }

  private final class Handler extends RpcHandler {
    private final StreamManager noStreams = new OneForOneStreamManager();

    /** A worker's counts, answered when all have come; or its withdrawal, answered at once. */
    @Override
    public void receive(TransportClient client, ByteBuffer message, RpcResponseCallback callback) {
      boolean counts = ExchangeMessage.isCounts(message);
      Sender sender = ExchangeMessage.sender(message);
      remember(client, sender);
      CountGathering current = of(sender);
      Answer answer = new Answer(callback);
      if (current == null) {
        answer.failure(GIVEN_UP);
        return;
      }
      if (!counts) {
        current.withdraw(sender.worker());
        answer.sum(NO_COUNTS);
        return;
      }
      long exchange = message.getLong();
      long step = message.getLong();
      current.report(sender.worker(), exchange, step, ExchangeMessage.counts(message), answer);
    }

    /** A worker says that it has failed. */
    @Override
    public void receive(TransportClient client, ByteBuffer message) {
      ExchangeMessage.isCounts(message);
      Sender sender = ExchangeMessage.sender(message);
      CountGathering current = of(sender);
      if (current != null) {
        long step = message.getLong();
        current.failed(sender.worker(), step, ExchangeMessage.text(message));
      }
    }

    /** A worker is done with its round, or gone. Only if others still wait does it matter. */
    @Override
    public void channelInactive(TransportClient client) {
      Sender sender = forget(client);
      CountGathering current = sender == null ? null : of(sender);
      if (current != null) {
        current.lost(sender.worker(), "is gone: its connection was closed");
      }
    }

    @Override
    public StreamManager getStreamManager() {
      return noStreams;
    }
  }

  private record Answer(RpcResponseCallback callback) implements CountGathering.Reply {
    @Override
    public void sum(long[] counts) {
      callback.onSuccess(ExchangeMessage.sum(counts));
    }

    @Override
    public void failure(String message) {
      callback.onSuccess(ExchangeMessage.refusal(message));
    }
  }

  @Override
  public void close() {
    clock.shutdownNow();
    server.close();
    context.close();
  }
}
