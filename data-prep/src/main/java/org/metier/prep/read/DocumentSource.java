package org.metier.prep.read;

import java.io.Serializable;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.TaskContext;
import org.apache.spark.util.SerializableConfiguration;
import org.apache.spark.util.TaskCompletionListener;
import org.metier.prep.PrepareConfig;
import org.metier.prep.clean.Cleaning;

/** Opens slices on the executors with everything that decides what a document is. */
public final class DocumentSource implements Serializable {
  private static final long serialVersionUID = 1L;

  private final PrepareConfig config;
  private final Cleaning cleaning;
  private final SerializableConfiguration hadoop;

  public DocumentSource(PrepareConfig config, Configuration hadoop) {
    this.config = config;
    this.cleaning = new Cleaning(config.cleaning(), config.minCharacters());
    this.hadoop = new SerializableConfiguration(hadoop);
  }

  /** The documents of a slice; the file is closed behind its last line, or else with the task. */
  public DocumentReader open(FileSlice slice) {
    DocumentReader reader = new DocumentReader(slice, config, cleaning, hadoop.value());
    TaskCompletionListener close = context -> reader.close();
    TaskContext.get().addTaskCompletionListener(close);
    return reader;
  }
}
