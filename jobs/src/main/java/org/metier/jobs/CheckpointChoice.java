package org.metier.jobs;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import org.apache.hadoop.fs.Path;
import org.metier.analysis.AnalyzeConfig;
import org.metier.prep.BadDataException;
import org.metier.train.Checkpoint;
import org.metier.train.RunDirectory;

/** The checkpoint that {@code analyze.checkpoint} means. */
final class CheckpointChoice {
  private static final String BEST = "checkpoints/best.json";

  private CheckpointChoice() {}

  /**
   * @param choice {@code newest}, {@code best} or an optimiser step
   * @throws BadDataException if the run has no such checkpoint
   */
  static Path of(RunDirectory run, String id, String choice) throws IOException {
    List<Path> all = run.checkpoints();
    if (all.isEmpty()) {
      throw new BadDataException(
          "%s: the run %s has no checkpoint; metier train makes one".formatted(run.root(), id));
    }
    if (choice.equals(AnalyzeConfig.NEWEST)) {
      return all.get(all.size() - 1);
    }
    return choice.equals(AnalyzeConfig.BEST) ? best(run, all) : ofStep(run, all, choice);
  }

  private static Path best(RunDirectory run, List<Path> all) throws IOException {
    Optional<String> marker = run.readText(BEST);
    if (marker.isPresent()) {
      String name = new ObjectMapper().readTree(marker.get()).path("checkpoint").asText();
      for (Path checkpoint : all) {
        if (checkpoint.getName().equals(name)) {
          return checkpoint;
        }
      }
    }
    throw new BadDataException(
        "analyze.checkpoint: %s: no %s names a checkpoint of this run; train.validateEvery makes one"
            .formatted(run.root(), BEST));
  }

  private static Path ofStep(RunDirectory run, List<Path> all, String choice) {
    long wanted = Long.parseLong(choice);
    List<Long> steps = all.stream().map(checkpoint -> Checkpoint.step(run, checkpoint)).toList();
    if (!steps.contains(wanted)) {
      throw new BadDataException(
          "analyze.checkpoint: %s: no checkpoint of step %d; there are those of %s"
              .formatted(
                  run.root(),
                  wanted,
                  String.join(", ", steps.stream().map(String::valueOf).toList())));
    }
    return all.get(steps.indexOf(wanted));
  }
}
