package org.metier.prep.read;

import java.io.IOException;
import java.io.Serializable;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.TaskContext;
import org.apache.spark.util.SerializableConfiguration;
import org.apache.spark.util.TaskCompletionListener;
import org.metier.prep.BadDataException;
import org.metier.prep.PrepareConfig;
import org.metier.prep.filter.DocumentFilter;
import org.metier.prep.filter.LengthFilter;

/** Opens slices on the executors with everything that decides what a document is. */
public final class DocumentSource implements Serializable {
  private static final long serialVersionUID = 1L;

  private final ReadingConfig config;
  private final RecordFields fields;
  private final DomainMap domains;
  private final List<DocumentFilter> filters;
  private final long seed;
  private final SerializableConfiguration hadoop;

  public DocumentSource(PrepareConfig config, Configuration hadoop) {
    this.config = config.reading();
    this.fields = RecordFields.of(config);
    this.domains = new DomainMap(config.reading());
    this.filters = List.of(new LengthFilter(config.minCharacters()));
    this.seed = config.seed();
    this.hadoop = new SerializableConfiguration(hadoop);
  }

  /** The records of a slice; the file is closed behind its last record, or else with the task. */
  public DocumentReader open(FileSlice slice) {
    DocumentReader reader = read(slice);
    TaskCompletionListener close = context -> reader.close();
    TaskContext.get().addTaskCompletionListener(close);
    return reader;
  }

  /** The same outside a task: the caller closes it. */
  DocumentReader read(FileSlice slice) {
    try {
      return new DocumentReader(slice, records(slice), fields, domains, filters, seed);
    } catch (IOException e) {
      throw new BadDataException(slice.path() + " cannot be read: " + e.getMessage(), e);
    }
  }

  private RecordReader records(FileSlice slice) throws IOException {
    Configuration conf = hadoop.value();
    return switch (slice.format()) {
      case TEXT -> new TextFileReader(slice, config, conf);
      case PARQUET -> new ParquetRecordReader(slice, config, fields, conf);
      case JSON_LINES -> new JsonLinesReader(slice, config, parser(), conf);
      case JSON -> {
        if (!JsonArrayReader.isArray(slice, config, conf)) {
          yield new JsonLinesReader(slice, config, parser(), conf);
        }
        // An array can be read from its beginning only: its first slice has it all.
        yield slice.start() == 0
            ? new JsonArrayReader(slice, config, parser(), conf)
            : new NoRecords();
      }
    };
  }

  private JsonRecordParser parser() {
    return new JsonRecordParser(fields.text(), fields.domain(), config.maxRecordBytes());
  }

  private static final class NoRecords implements RecordReader {
    @Override
    public RawRecord next() {
      return null;
    }

    @Override
    public void close() {}
  }
}
