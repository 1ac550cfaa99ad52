package org.metier.train;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.Serializable;
import java.nio.ByteBuffer;
import org.apache.spark.serializer.DeserializationStream;
import org.apache.spark.serializer.SerializationStream;
import org.apache.spark.serializer.Serializer;
import org.apache.spark.serializer.SerializerInstance;
import org.metier.train.SliceReduce.Contribution;
import scala.reflect.ClassTag;

/**
 * Slices on their way through a shuffle: slice, worker, tokens, length, then the bytes in one
 * piece. Java's serialisation is no slower, but it remembers every object until its stream is
 * closed, and so would keep a whole model in the heap of each worker that writes one. Knows keys
 * and values of this one shuffle and nothing else.
 */
final class ContributionSerializer extends Serializer implements Serializable {
  private static final long serialVersionUID = 1L;

  @Override
  public SerializerInstance newInstance() {
    return new Instance();
  }

  /** For one thread. */
  private static final class Instance extends SerializerInstance {
    @Override
    public SerializationStream serializeStream(OutputStream out) {
      return new Writing(new DataOutputStream(out));
    }

    @Override
    public DeserializationStream deserializeStream(InputStream in) {
      return new Reading(new DataInputStream(in));
    }

    @Override
    public <T> ByteBuffer serialize(T value, ClassTag<T> type) {
      throw new UnsupportedOperationException("streams only");
    }

    @Override
    public <T> T deserialize(ByteBuffer bytes, ClassTag<T> type) {
      throw new UnsupportedOperationException("streams only");
    }

    @Override
    public <T> T deserialize(ByteBuffer bytes, ClassLoader loader, ClassTag<T> type) {
      throw new UnsupportedOperationException("streams only");
    }
  }

  /** Keys and values in turn. */
  private static final class Writing extends SerializationStream {
    private final DataOutputStream out;

    Writing(DataOutputStream out) {
      this.out = out;
    }

    @Override
    public <T> SerializationStream writeObject(T value, ClassTag<T> type) {
      try {
        if (value instanceof Contribution contribution) {
          out.writeInt(contribution.worker());
          out.writeLong(contribution.tokens());
          out.writeInt(contribution.data().length);
          out.write(contribution.data());
        } else {
          out.writeInt((Integer) value);
        }
        return this;
      } catch (IOException e) {
        throw ContributionSerializer.<RuntimeException>rethrown(e);
      }
    }

    @Override
    public void flush() {
      try {
        out.flush();
      } catch (IOException e) {
        throw ContributionSerializer.<RuntimeException>rethrown(e);
      }
    }

    @Override
    public void close() {
      try {
        out.close();
      } catch (IOException e) {
        throw ContributionSerializer.<RuntimeException>rethrown(e);
      }
    }
  }

  /** Keys and values in turn, until the stream ends. */
  private static final class Reading extends DeserializationStream {
    private final DataInputStream in;

    Reading(DataInputStream in) {
      this.in = in;
    }

    @Override
    @SuppressWarnings("unchecked")
    public <T> T readKey(ClassTag<T> type) {
      try {
        return (T) (Integer) in.readInt();
      } catch (IOException e) {
        throw ContributionSerializer.<RuntimeException>rethrown(e);
      }
    }

    @Override
    @SuppressWarnings("unchecked")
    public <T> T readValue(ClassTag<T> type) {
      try {
        int worker = in.readInt();
        long tokens = in.readLong();
        byte[] data = new byte[in.readInt()];
        in.readFully(data);
        return (T) new Contribution(worker, tokens, data);
      } catch (IOException e) {
        throw ContributionSerializer.<RuntimeException>rethrown(e);
      }
    }

    @Override
    public <T> T readObject(ClassTag<T> type) {
      throw new UnsupportedOperationException("keys and values only");
    }

    @Override
    public void close() {
      try {
        in.close();
      } catch (IOException e) {
        throw ContributionSerializer.<RuntimeException>rethrown(e);
      }
    }
  }

  /** Throws {@code e} as it is: Scala declares nothing, and Spark waits for an EOFException. */
  @SuppressWarnings("unchecked")
  private static <E extends Throwable> RuntimeException rethrown(IOException e) throws E {
    throw (E) e;
  }
}
