package org.metier.prep;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Configurations for tests: small, and told apart by what a test sets. */
public final class PrepareFixture {
  private final List<String> input = new ArrayList<>();
  private final String output;
  private String textField = "text";
  private String domainField = "domain";
  private int minCharacters = 1;
  private int vocabSize = 300;
  private int sequenceLength = 8;
  private int sequencesPerShard = 10;
  private double heldOutShare = 0.1;
  private double maxRejectedShare = 0.01;
  private long seed = 42;

  public PrepareFixture(Path output, Path... input) {
    this.output = output.toString();
    input(input);
  }

  public PrepareFixture input(Path... paths) {
    input.clear();
    for (Path path : paths) {
      input.add(path.toString());
    }
    return this;
  }

  public PrepareFixture textField(String value) {
    textField = value;
    return this;
  }

  public PrepareFixture domainField(String value) {
    domainField = value;
    return this;
  }

  public PrepareFixture minCharacters(int value) {
    minCharacters = value;
    return this;
  }

  public PrepareFixture vocabSize(int value) {
    vocabSize = value;
    return this;
  }

  public PrepareFixture sequenceLength(int value) {
    sequenceLength = value;
    return this;
  }

  public PrepareFixture sequencesPerShard(int value) {
    sequencesPerShard = value;
    return this;
  }

  public PrepareFixture heldOutShare(double value) {
    heldOutShare = value;
    return this;
  }

  public PrepareFixture maxRejectedShare(double value) {
    maxRejectedShare = value;
    return this;
  }

  public PrepareFixture seed(long value) {
    seed = value;
    return this;
  }

  public PrepareConfig config() {
    return new PrepareConfig(
        input,
        output,
        textField,
        domainField,
        minCharacters,
        vocabSize,
        sequenceLength,
        sequencesPerShard,
        heldOutShare,
        maxRejectedShare,
        seed);
  }
}
