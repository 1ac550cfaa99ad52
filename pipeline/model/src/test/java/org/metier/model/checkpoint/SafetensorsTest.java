package org.metier.model.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.metier.engine.tensor.ParameterLayout;

class SafetensorsTest {
  private final ParameterLayout layout =
      new ParameterLayout.Builder().matrix("a", 3, 5).scale("s", 4).matrix("b", 2, 2).build();
  private final float[] values = new float[23];

  SafetensorsTest() {
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) Math.sin(i);
    }
    values[7] = Float.NaN;
    values[8] = -0.0f;
  }

  @Test
  void writesTheFormatAndReadsTheSameBits() throws IOException {
    byte[] file = written();
    int header = (int) ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).getLong();
    assertThat(header % 8).as("header is padded to eight bytes").isZero();
    assertThat(file).hasSize(8 + header + 4 * 23);
    assertThat(new String(file, 8, header))
        .contains("\"b\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[60,76]}");
    assertThat(Safetensors.read(new ByteArrayInputStream(file), layout, "f")).isEqualTo(values);
  }

  @Test
  void aFileWithTheTensorsInAnotherOrderIsReadByName() throws IOException {
    ParameterLayout other =
        new ParameterLayout.Builder().matrix("b", 2, 2).matrix("a", 3, 5).scale("s", 4).build();
    float[] read = Safetensors.read(new ByteArrayInputStream(written()), other, "f");
    assertThat(Arrays.copyOfRange(read, 0, 4)).isEqualTo(Arrays.copyOfRange(values, 15, 19));
    assertThat(Arrays.copyOfRange(read, 4, 19)).isEqualTo(Arrays.copyOfRange(values, 0, 15));
  }

  @Test
  void aTruncatedFileIsRefusedByName() throws IOException {
    byte[] file = written();
    for (int length : new int[] {0, 5, 20, file.length - 1}) {
      byte[] cut = Arrays.copyOf(file, length);
      assertThatThrownBy(
              () -> Safetensors.read(new ByteArrayInputStream(cut), layout, "model.safetensors"))
          .isInstanceOf(CorruptCheckpointException.class)
          .hasMessage("model.safetensors: the file is truncated");
    }
  }

  @Test
  void anotherShapeIsRefusedByTensor() throws IOException {
    byte[] file = written();
    ParameterLayout other = new ParameterLayout.Builder().matrix("a", 5, 3).build();
    assertThatThrownBy(() -> Safetensors.read(new ByteArrayInputStream(file), other, "f"))
        .isInstanceOf(CorruptCheckpointException.class)
        .hasMessage("f: tensor a is F32 [3,5], the model's is F32 [5, 3]");
    ParameterLayout missing = new ParameterLayout.Builder().matrix("c", 1).build();
    assertThatThrownBy(() -> Safetensors.read(new ByteArrayInputStream(file), missing, "f"))
        .hasMessage("f: has no tensor c");
  }

  @Test
  void anyOtherFileIsRefused() {
    byte[] text = "this is no checkpoint at all".getBytes();
    assertThatThrownBy(() -> Safetensors.read(new ByteArrayInputStream(text), layout, "f"))
        .isInstanceOf(CorruptCheckpointException.class)
        .hasMessage("f: not a safetensors file");
  }

  private byte[] written() throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    Safetensors.write(out, layout, values);
    return out.toByteArray();
  }
}
