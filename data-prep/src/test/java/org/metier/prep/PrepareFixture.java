package org.metier.prep;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.metier.prep.pack.MixtureConfig;
import org.metier.prep.pack.PackingConfig;
import org.metier.prep.pack.PackingConfig.Method;
import org.metier.prep.read.ReadingConfig;
import org.metier.prep.tokenize.TokenizerConfig;

/** Configurations for tests: small, and told apart by what a test sets. */
public final class PrepareFixture {
  private final List<String> input = new ArrayList<>();
  private final String output;
  private String textField = "text";
  private String domainField = "domain";
  private int minCharacters = 1;
  private int vocabSize = 300;
  private TokenizerConfig tokenizer = TokenizerConfig.trained();
  private int sequenceLength = 8;
  private Method packing = Method.SEQUENTIAL;
  private MixtureConfig mixture = MixtureConfig.natural();
  private int sequencesPerShard = 10;
  private double heldOutShare = 0.1;
  private double validationShare = 0;
  private double maxRejectedShare = 0.01;
  private long seed = 42;
  private ReadingConfig reading = ReadingConfig.defaults();

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

  public PrepareFixture tokenizer(TokenizerConfig value) {
    tokenizer = value;
    return this;
  }

  public PrepareFixture packing(Method value) {
    packing = value;
    return this;
  }

  public PrepareFixture mixture(MixtureConfig value) {
    mixture = value;
    return this;
  }

  public PrepareFixture validationShare(double value) {
    validationShare = value;
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

  public PrepareFixture reading(ReadingConfig value) {
    reading = value;
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
        tokenizer,
        sequenceLength,
        new PackingConfig(packing),
        mixture,
        sequencesPerShard,
        heldOutShare,
        validationShare,
        maxRejectedShare,
        seed,
        reading);
  }
}
