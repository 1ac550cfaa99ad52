package org.metier.prep.read;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.parquet.HadoopReadOptions;
import org.apache.parquet.ParquetReadOptions;
import org.apache.parquet.column.page.PageReadStore;
import org.apache.parquet.example.data.Group;
import org.apache.parquet.example.data.simple.convert.GroupRecordConverter;
import org.apache.parquet.hadoop.ParquetFileReader;
import org.apache.parquet.hadoop.metadata.BlockMetaData;
import org.apache.parquet.hadoop.util.HadoopInputFile;
import org.apache.parquet.io.ColumnIOFactory;
import org.apache.parquet.io.MessageColumnIO;
import org.apache.parquet.schema.MessageType;
import org.metier.prep.document.RejectReason;

/**
 * Rows of a Parquet file, those of the row groups whose middle lies in the slice. Of a row group
 * that breaks off, each row that is lost is a record: the footer has told how many there are.
 */
final class ParquetRecordReader implements RecordReader {
  private final FileSlice slice;
  private final ReadingConfig config;
  private final Configuration hadoop;
  private final RecordFields fields;
  private ParquetFileReader file; // null before the first record, and if there is no footer
  private MessageColumnIO columns;
  private List<ParquetColumn> texts = List.of();
  private List<ParquetColumn> domains = List.of();
  private int rowGroup = -1;
  private org.apache.parquet.io.RecordReader<Group> rows; // null once the row group broke off
  private long firstRow; // of the row group, in the file
  private long row; // in the row group
  private long rowCount; // of the row group
  private boolean ended;

  ParquetRecordReader(
      FileSlice slice, ReadingConfig config, RecordFields fields, Configuration hadoop) {
    this.slice = slice;
    this.config = config;
    this.fields = fields;
    this.hadoop = hadoop;
  }

  @Override
  public RawRecord next() throws IOException {
    if (file == null && !ended && !open()) {
      ended = true;
      return slice.start() == 0 ? unreadable(0, RejectReason.CORRUPT_FILE, "") : null;
    }
    while (!ended && row == rowCount) {
      nextRowGroup();
    }
    return ended ? null : nextRow();
  }

  /** Reads the footer; false if it is damaged. */
  private boolean open() throws IOException {
    Path path = new Path(slice.path());
    FileSystem fileSystem = path.getFileSystem(hadoop);
    HadoopInputFile input = HadoopInputFile.fromStatus(fileSystem.getFileStatus(path), hadoop);
    ParquetReadOptions options =
        HadoopReadOptions.builder(hadoop)
            .withRange(slice.start(), slice.end())
            .usePageChecksumVerification()
            .build();
    try {
      file = ParquetFileReader.open(input, options);
      prepare();
      return true;
    } catch (IOException | RuntimeException | OutOfMemoryError e) {
      requireDamage(e, fileSystem, path);
      return false;
    }
  }

  private void prepare() {
    MessageType schema = file.getFileMetaData().getSchema();
    texts = ParquetColumn.of(fields.text(), schema, config.maxRecordBytes());
    if (fields.domainFrom() != DomainFrom.PATH) {
      domains = ParquetColumn.of(fields.domain(), schema, config.maxRecordBytes());
    }
    if (texts.isEmpty()) {
      return;
    }
    List<ParquetColumn> needed = new ArrayList<>(texts);
    needed.addAll(domains);
    MessageType projection = ParquetColumn.projection(schema, needed);
    file.setRequestedSchema(projection);
    columns = new ColumnIOFactory().getColumnIO(projection, schema);
  }

  private void nextRowGroup() throws IOException {
    rowGroup++;
    List<BlockMetaData> rowGroups = file.getRowGroups();
    if (rowGroup == rowGroups.size()) {
      ended = true;
      return;
    }
    BlockMetaData block = rowGroups.get(rowGroup);
    firstRow = Math.max(0, block.getRowIndexOffset());
    row = 0;
    rowCount = Math.max(0, block.getRowCount());
    rows = null;
    if (texts.isEmpty()) {
      return; // no column to read: every row is a record without text
    }
    try {
      PageReadStore pages = file.readRowGroup(rowGroup);
      rows = columns.getRecordReader(pages, new GroupRecordConverter(columns.getType()));
    } catch (IOException | RuntimeException | OutOfMemoryError e) {
      Path path = new Path(slice.path());
      requireDamage(e, path.getFileSystem(hadoop), path);
    }
  }

  private RawRecord nextRow() {
    long offset = firstRow + row++;
    if (texts.isEmpty()) {
      return unreadable(offset, RejectReason.MISSING_TEXT, "");
    }
    if (rows == null) {
      return unreadable(offset, RejectReason.CORRUPT_FILE, "");
    }
    Group values;
    try {
      values = rows.read();
    } catch (RuntimeException | OutOfMemoryError e) {
      rows = null; // all that follows hangs on what came before
      return unreadable(offset, RejectReason.CORRUPT_FILE, "");
    }
    return record(offset, values);
  }

  private RawRecord record(long offset, Group values) {
    try {
      String text = first(texts, values);
      if (text == null) {
        return unreadable(offset, RejectReason.MISSING_TEXT, "");
      }
      if (text.length() > config.maxRecordBytes()) {
        return unreadable(offset, RejectReason.RECORD_TOO_LONG, text);
      }
      String domain = first(domains, values);
      return new RawRecord.Readable(offset, text, domain == null ? "" : domain);
    } catch (ParquetColumn.InvalidUtf8Exception e) {
      return unreadable(offset, RejectReason.INVALID_UTF8, e.excerpt());
    }
  }

  private static String first(List<ParquetColumn> alternatives, Group values)
      throws ParquetColumn.InvalidUtf8Exception {
    for (ParquetColumn column : alternatives) {
      String value = column.value(values);
      if (value != null) {
        return value;
      }
    }
    return null;
  }

  private static RawRecord unreadable(long offset, RejectReason reason, String excerpt) {
    return new RawRecord.Unreadable(offset, reason, excerpt);
  }

  /**
   * Parquet's readers say damage with exceptions of all kinds, and with an array of gigabytes if a
   * length is damaged. If the file can still be read to its end, it was not the file system.
   */
  private static void requireDamage(Throwable e, FileSystem fileSystem, Path path)
      throws IOException {
    if (!(e instanceof IOException)) {
      return;
    }
    byte[] last = new byte[1];
    long length = fileSystem.getFileStatus(path).getLen();
    try (var in = fileSystem.open(path)) {
      in.readFully(Math.max(0, length - 1), last, 0, (int) Math.min(1, length));
    }
  }

  @Override
  public void close() throws IOException {
    if (file != null) {
      file.close();
    }
  }
}
