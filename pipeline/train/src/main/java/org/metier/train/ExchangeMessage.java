package org.metier.train;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/**
 * What goes over the wire in an exchange. A request is a kind, the sender and either (exchange,
 * step, counts), (step, text) or nothing; a response is a kind and either counts or a text.
 */
final class ExchangeMessage {
  private static final byte COUNTS = 1;
  private static final byte FAILURE = 2;
  private static final byte WITHDRAWAL = 3;
  private static final int SENDER_BYTES = 1 + 3 * Integer.BYTES;

  private ExchangeMessage() {}

  /**
   * Who speaks: one worker in one attempt of one gang-scheduled stage.
   *
   * @param stage Spark's number of it; a later stage has a higher one
   * @param attempt Spark's number of the attempt
   */
  record Sender(int stage, int attempt, int worker) {
    /** Of the same attempt of the same stage. */
    boolean inGangOf(Sender other) {
      return stage == other.stage && attempt == other.attempt;
    }

    boolean isBefore(Sender other) {
      return stage < other.stage || (stage == other.stage && attempt < other.attempt);
    }
  }

  static ByteBuffer counts(Sender sender, long exchange, long step, long[] counts) {
    ByteBuffer buffer = ByteBuffer.allocate(SENDER_BYTES + (2 + counts.length) * Long.BYTES);
    put(buffer.put(COUNTS), sender).putLong(exchange).putLong(step);
    buffer.asLongBuffer().put(counts);
    return buffer.rewind();
  }

  static ByteBuffer failure(Sender sender, long step, String reason) {
    byte[] text = reason.getBytes(StandardCharsets.UTF_8);
    ByteBuffer buffer = ByteBuffer.allocate(SENDER_BYTES + Long.BYTES + text.length);
    return put(buffer.put(FAILURE), sender).putLong(step).put(text).rewind();
  }

  /** The sender takes no part in the exchanges that follow. */
  static ByteBuffer withdrawal(Sender sender) {
    return put(ByteBuffer.allocate(SENDER_BYTES).put(WITHDRAWAL), sender).rewind();
  }

  static ByteBuffer sum(long[] counts) {
    ByteBuffer buffer = ByteBuffer.allocate(1 + counts.length * Long.BYTES).put(COUNTS);
    buffer.asLongBuffer().put(counts);
    return buffer.rewind();
  }

  static ByteBuffer refusal(String message) {
    byte[] text = message.getBytes(StandardCharsets.UTF_8);
    return ByteBuffer.allocate(1 + text.length).put(FAILURE).put(text).rewind();
  }

  /** Reads the kind, which comes first in every message. */
  static boolean isCounts(ByteBuffer buffer) {
    return buffer.get() == COUNTS;
  }

  static Sender sender(ByteBuffer buffer) {
    return new Sender(buffer.getInt(), buffer.getInt(), buffer.getInt());
  }

  /** The counts that are the rest of the message. */
  static long[] counts(ByteBuffer buffer) {
    long[] counts = new long[buffer.remaining() / Long.BYTES];
    buffer.asLongBuffer().get(counts);
    return counts;
  }

  /** The text that is the rest of the message. */
  static String text(ByteBuffer buffer) {
    return StandardCharsets.UTF_8.decode(buffer).toString();
  }

  private static ByteBuffer put(ByteBuffer buffer, Sender sender) {
    return buffer.putInt(sender.stage).putInt(sender.attempt).putInt(sender.worker);
  }
}
