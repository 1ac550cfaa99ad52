package org.metier.prep.pack;

import java.util.Iterator;
import java.util.function.LongConsumer;
import org.metier.prep.document.Document;
import org.metier.prep.document.SplitShares;
import org.metier.prep.tokenize.Encoder;
import org.metier.prep.tokenize.Tokenizer;
import scala.Tuple2;

/** Documents as token ids, separator first, each under the key that brings it to its bucket. */
public final class EncodedDocuments implements Iterator<Tuple2<DocumentKey, int[]>> {
  private final Iterator<Document> documents;
  private final Encoder encoder;
  private final int[] separator;
  private final Buckets buckets;
  private final SplitShares splits;
  private final LongConsumer bytes;

  /**
   * @param bytes told the bytes of each document's text
   */
  public EncodedDocuments(
      Iterator<Document> documents,
      Tokenizer tokenizer,
      Buckets buckets,
      SplitShares splits,
      LongConsumer bytes) {
    this.documents = documents;
    this.encoder = tokenizer.newEncoder();
    this.separator = new int[] {tokenizer.separator()};
    this.buckets = buckets;
    this.splits = splits;
    this.bytes = bytes;
  }

  @Override
  public boolean hasNext() {
    return documents.hasNext();
  }

  @Override
  public Tuple2<DocumentKey, int[]> next() {
    Document document = documents.next();
    int bucket = buckets.indexOf(document, splits.of(document));
    int[] tokens = encoder.encode(document.utf8(), document.utf8().length, separator);
    bytes.accept(document.utf8().length);
    return new Tuple2<>(new DocumentKey(bucket, document), tokens);
  }
}
