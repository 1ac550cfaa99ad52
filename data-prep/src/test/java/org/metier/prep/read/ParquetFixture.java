package org.metier.prep.read;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.parquet.example.data.Group;
import org.apache.parquet.example.data.simple.SimpleGroupFactory;
import org.apache.parquet.hadoop.ParquetWriter;
import org.apache.parquet.hadoop.example.ExampleParquetWriter;
import org.apache.parquet.hadoop.metadata.CompressionCodecName;
import org.apache.parquet.hadoop.util.HadoopOutputFile;
import org.apache.parquet.schema.MessageType;
import org.apache.parquet.schema.MessageTypeParser;

/** Parquet files as other tools write them. */
final class ParquetFixture {
  private ParquetFixture() {}

  /** Makes the values of a row. */
  interface Row {
    void fill(Group row, int index);
  }

  static Path write(Path file, String schema, int rows, long rowGroupBytes, Row values)
      throws IOException {
    MessageType type = MessageTypeParser.parseMessageType(schema);
    SimpleGroupFactory groups = new SimpleGroupFactory(type);
    Files.deleteIfExists(file);
    Configuration hadoop = new Configuration();
    var output = HadoopOutputFile.fromPath(new org.apache.hadoop.fs.Path(file.toString()), hadoop);
    try (ParquetWriter<Group> writer =
        ExampleParquetWriter.builder(output)
            .withConf(hadoop)
            .withType(type)
            .withRowGroupSize(rowGroupBytes)
            .withPageSize(1024)
            .withMinRowCountForPageSizeCheck(10)
            .withCompressionCodec(CompressionCodecName.ZSTD)
            .build()) {
      for (int i = 0; i < rows; i++) {
        Group row = groups.newGroup();
        values.fill(row, i);
        writer.write(row);
      }
    }
    Files.deleteIfExists(file.resolveSibling("." + file.getFileName() + ".crc"));
    return file;
  }

  /** Rows of text and domain. */
  static Path write(Path file, List<String> texts, long rowGroupBytes) throws IOException {
    return write(
        file,
        "message row { required binary text (STRING); optional binary domain (STRING); }",
        texts.size(),
        rowGroupBytes,
        (row, i) -> row.append("text", texts.get(i)).append("domain", "law"));
  }
}
