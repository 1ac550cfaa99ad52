package org.metier.train;

import java.util.ArrayList;
import java.util.List;

/** An array with one number per parameter that lives on from round to round. */
public enum Block {
  /** Parameters. */
  VALUE("model.safetensors"),
  /** Adam's m. */
  FIRST_MOMENT("first_moment.safetensors"),
  /** Adam's v. */
  SECOND_MOMENT("second_moment.safetensors"),
  /** DiLoCo's momentum of the outer gradient. */
  OUTER_MOMENTUM("outer_momentum.safetensors"),
  /** FedSpeed's ĝ, one per worker. */
  DUAL("dual.safetensors");

  private final String file;

  Block(String file) {
    this.file = file;
  }

  /** Its file in a checkpoint, or in a worker's directory of one. */
  String file() {
    return file;
  }

  /**
   * Where a run keeps its blocks. What is neither shared, nor the driver's, nor resident is set to
   * zero at the start of each round.
   *
   * @param shared broadcast to all workers, then averaged
   * @param driver kept by the driver alone
   * @param resident kept by each worker for itself
   */
  record Plan(List<Block> shared, List<Block> driver, List<Block> resident) {

    static Plan of(TrainConfig config) {
      List<Block> moments = List.of(FIRST_MOMENT, SECOND_MOMENT);
      List<Block> shared = new ArrayList<>(List.of(VALUE));
      List<Block> resident = new ArrayList<>();
      switch (config.optimizer().moments()) {
        case AVERAGE -> shared.addAll(moments);
        case KEEP -> resident.addAll(moments);
        case RESET -> {}
      }
      if (config.averaging().outer() == AveragingConfig.Outer.FEDSPEED) {
        resident.add(DUAL);
      }
      List<Block> driver = OuterOptimizer.of(config.averaging()).state();
      return new Plan(List.copyOf(shared), driver, List.copyOf(resident));
    }

    /** Blocks of a {@link TrainState}. */
    List<Block> ofState() {
      List<Block> all = new ArrayList<>(shared);
      all.addAll(driver);
      return all;
    }

    /** Blocks of a worker that nobody need send. */
    List<Block> clearedByWorker() {
      List<Block> cleared = new ArrayList<>(List.of(FIRST_MOMENT, SECOND_MOMENT));
      cleared.removeAll(shared);
      cleared.addAll(resident.contains(DUAL) ? List.of(DUAL) : List.of());
      return cleared;
    }

    /** Blocks that a worker starts from and leaves behind. */
    List<Block> ofWorker() {
      List<Block> all = new ArrayList<>(shared);
      all.addAll(resident);
      return all;
    }
  }
}
