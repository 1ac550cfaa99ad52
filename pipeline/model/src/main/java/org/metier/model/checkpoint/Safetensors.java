package org.metier.model.checkpoint;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import org.metier.engine.tensor.ParameterLayout;

/**
 * The safetensors file format for float32: eight bytes of header length, a JSON header {@code
 * {name: {dtype, shape, data_offsets}}}, then the numbers, little-endian. Readable by Hugging
 * Face's libraries.
 */
public final class Safetensors {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int CHUNK = 1 << 20;
  private static final long MAX_HEADER = 100_000_000;

  private Safetensors() {}

  /**
   * Writes one block under the layout's names; does not close {@code out}.
   *
   * @param values [layout.size()]
   */
  public static void write(OutputStream out, ParameterLayout layout, float[] values)
      throws IOException {
    ObjectNode header = JSON.createObjectNode();
    header.putObject("__metadata__").put("format", "pt");
    for (ParameterLayout.Slice slice : layout.slices()) {
      ObjectNode entry = header.putObject(slice.name());
      entry.put("dtype", "F32");
      ArrayNode shape = entry.putArray("shape");
      for (int extent : slice.shape()) {
        shape.add(extent);
      }
      long from = 4L * slice.offset();
      entry.putArray("data_offsets").add(from).add(from + 4L * slice.size());
    }
    byte[] text = JSON.writeValueAsBytes(header);
    int padding = (8 - text.length % 8) % 8;
    ByteBuffer length = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
    out.write(length.putLong(0, text.length + padding).array());
    out.write(text);
    out.write(" ".repeat(padding).getBytes(StandardCharsets.UTF_8));
    ByteBuffer chunk = ByteBuffer.allocate(CHUNK).order(ByteOrder.LITTLE_ENDIAN);
    for (int from = 0; from < values.length; from += CHUNK / 4) {
      int count = Math.min(CHUNK / 4, values.length - from);
      chunk.asFloatBuffer().put(values, from, count);
      out.write(chunk.array(), 0, 4 * count);
    }
  }

  /**
   * Reads a block that {@link #write} wrote, or any float32 safetensors file that has all of the
   * layout's names with its shapes.
   *
   * @param file what to call the file in errors
   * @throws CorruptCheckpointException if the header or the length does not fit the layout
   */
  public static float[] read(InputStream in, ParameterLayout layout, String file)
      throws IOException {
    DataInputStream data = new DataInputStream(in);
    try {
      JsonNode header = readHeader(data, file);
      float[] values = new float[layout.size()];
      long dataSize = 0;
      for (ParameterLayout.Slice slice : layout.slices()) {
        dataSize = Math.max(dataSize, checkEntry(header, slice, file));
      }
      byte[] bytes = new byte[Math.toIntExact(dataSize)];
      data.readFully(bytes);
      ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
      for (ParameterLayout.Slice slice : layout.slices()) {
        int from = header.get(slice.name()).get("data_offsets").get(0).asInt();
        buffer.position(from);
        buffer
            .slice()
            .order(ByteOrder.LITTLE_ENDIAN)
            .asFloatBuffer()
            .get(values, slice.offset(), slice.size());
      }
      return values;
    } catch (EOFException e) {
      throw new CorruptCheckpointException(file + ": the file is truncated", e);
    }
  }

  private static JsonNode readHeader(DataInputStream in, String file) throws IOException {
    long length = Long.reverseBytes(in.readLong());
    if (length < 2 || length > MAX_HEADER) {
      throw new CorruptCheckpointException(file + ": not a safetensors file");
    }
    byte[] text = new byte[(int) length];
    in.readFully(text);
    try {
      return JSON.readTree(text);
    } catch (JsonProcessingException e) {
      throw new CorruptCheckpointException(file + ": not a safetensors header", e);
    }
  }

  /** Returns where the entry's data end. */
  private static long checkEntry(JsonNode header, ParameterLayout.Slice slice, String file) {
    JsonNode entry = header.get(slice.name());
    if (entry == null) {
      throw new CorruptCheckpointException(file + ": has no tensor " + slice.name());
    }
    boolean fits =
        "F32".equals(entry.path("dtype").asText())
            && entry.path("shape").size() == slice.shape().length;
    for (int i = 0; fits && i < slice.shape().length; i++) {
      fits = entry.path("shape").get(i).asInt() == slice.shape()[i];
    }
    long from = entry.path("data_offsets").path(0).asLong(-1);
    long to = entry.path("data_offsets").path(1).asLong(-1);
    fits &= from >= 0 && to - from == 4L * slice.size();
    if (!fits) {
      throw new CorruptCheckpointException(
          "%s: tensor %s is %s, the model's is F32 %s"
              .formatted(
                  file,
                  slice.name(),
                  entry.path("dtype").asText() + " " + entry.path("shape"),
                  java.util.Arrays.toString(slice.shape())));
    }
    return to;
  }
}
