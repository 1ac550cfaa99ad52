package org.metier.prep.read;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.apache.parquet.example.data.Group;
import org.apache.parquet.io.api.Binary;
import org.apache.parquet.schema.GroupType;
import org.apache.parquet.schema.MessageType;
import org.apache.parquet.schema.PrimitiveType.PrimitiveTypeName;
import org.apache.parquet.schema.Type;
import org.apache.parquet.schema.Type.Repetition;

/** One alternative of a value in a Parquet file: a column of strings, or a field of JSON in one. */
final class ParquetColumn {
  private final List<String> column; // names from the outside in
  private final JsonRecordParser json; // null if the column itself is the value

  private ParquetColumn(List<String> column, JsonRecordParser json) {
    this.column = column;
    this.json = json;
  }

  /** The alternatives that a file of this schema can have, in their order. */
  static List<ParquetColumn> of(FieldPaths paths, MessageType schema, int maxRecordBytes) {
    List<ParquetColumn> found = new ArrayList<>();
    for (List<String> path : paths.alternatives()) {
      String whole = String.join(".", path);
      int depth = path.size() > 1 && isString(schema, whole) ? -1 : depthOfString(schema, path);
      if (depth < 0) {
        found.add(new ParquetColumn(List.of(whole), null)); // a column whose name has dots
      } else if (depth > 0) {
        List<String> rest = path.subList(depth, path.size());
        FieldPaths within = new FieldPaths(List.of(rest));
        found.add(
            new ParquetColumn(
                path.subList(0, depth),
                rest.isEmpty() ? null : new JsonRecordParser(within, within, maxRecordBytes)));
      }
    }
    return found;
  }

  private static boolean isString(GroupType group, String name) {
    if (!group.containsField(name)) {
      return false;
    }
    Type type = group.getType(name);
    return type.isPrimitive()
        && !type.isRepetition(Repetition.REPEATED)
        && type.asPrimitiveType().getPrimitiveTypeName() == PrimitiveTypeName.BINARY;
  }

  /** How many names of a path lead to a column of strings; 0 if they lead to none. */
  private static int depthOfString(MessageType schema, List<String> path) {
    GroupType group = schema;
    for (int depth = 0; depth < path.size(); depth++) {
      String name = path.get(depth);
      if (isString(group, name)) {
        return depth + 1;
      }
      if (!group.containsField(name)
          || group.getType(name).isPrimitive()
          || group.getType(name).isRepetition(Repetition.REPEATED)) {
        return 0;
      }
      group = group.getType(name).asGroupType();
    }
    return 0;
  }

  /** The part of a schema that the columns need. */
  static MessageType projection(MessageType schema, List<ParquetColumn> columns) {
    MessageType needed = columns.get(0).only(schema);
    for (ParquetColumn column : columns) {
      needed = needed.union(column.only(schema));
    }
    return needed;
  }

  private MessageType only(MessageType schema) {
    return new MessageType(schema.getName(), only(schema, 0).getFields());
  }

  private GroupType only(GroupType group, int depth) {
    Type field = group.getType(column.get(depth));
    Type needed = field.isPrimitive() ? field : only(field.asGroupType(), depth + 1);
    return group.withNewFields(List.of(needed));
  }

  /** The bytes of the column in a row; null if they are absent. */
  private byte[] bytes(Group row) {
    Group group = row;
    for (int depth = 0; ; depth++) {
      int field = group.getType().getFieldIndex(column.get(depth));
      if (group.getFieldRepetitionCount(field) == 0) {
        return null;
      }
      if (depth + 1 == column.size()) {
        Binary value = group.getBinary(field, 0);
        return value.getBytes();
      }
      group = group.getGroup(field, 0);
    }
  }

  /**
   * The value in a row; empty if it is absent, and so is an empty text, which no document is made
   * of.
   *
   * @throws InvalidUtf8Exception if it is no text
   */
  String value(Group row) throws InvalidUtf8Exception {
    byte[] bytes = bytes(row);
    if (bytes == null) {
      return null;
    }
    if (!Utf8.isValid(bytes, 0, bytes.length)) {
      throw new InvalidUtf8Exception(new String(bytes, StandardCharsets.UTF_8));
    }
    String value = new String(bytes, StandardCharsets.UTF_8);
    if (json == null) {
      return value;
    }
    json.parse(value);
    return json.text();
  }

  /** A column of strings holds bytes that are none. */
  static final class InvalidUtf8Exception extends Exception {
    private static final long serialVersionUID = 1L;
    private final String excerpt;

    InvalidUtf8Exception(String excerpt) {
      super("invalid UTF-8", null, false, false);
      this.excerpt = excerpt;
    }

    String excerpt() {
      return excerpt;
    }
  }
}
