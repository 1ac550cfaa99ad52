package org.metier.jobs.config;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * The {@code compare} section: a matrix of runs that differ in named options and seeds alone.
 *
 * @param axes the matrix's axes; its cells are all combinations of one variant of each
 * @param seeds every cell is trained with each of them
 * @param baseline name of the cell that the others are compared with; empty for the first
 * @param sideBySide whether cells train at the same time where Spark has slots for all their
 *     workers; off if their step times are to be compared
 */
public record CompareConfig(
    List<Axis> axes, List<Long> seeds, String baseline, boolean sideBySide) {

  /**
   * One dimension of the matrix.
   *
   * @param variants at least one
   */
  public record Axis(List<Variant> variants) {
    public Axis {
      variants = List.copyOf(variants);
      require(!variants.isEmpty(), "variants must not be empty");
    }
  }

  /**
   * One way to train.
   *
   * @param name part of the cell's name; may be empty in an axis with one variant
   * @param set {@code key=value} as on the command line; keys of train, model, engine and analyze
   */
  public record Variant(String name, List<String> set) {
    public Variant {
      set = List.copyOf(set);
      require(
          name.matches("[A-Za-z0-9._-]*"),
          "name must be made of letters, digits, dots, dashes and underscores, is '" + name + "'");
      for (String option : set) {
        require(
            option.matches("(?s)(train|model|engine|analyze)\\.[\\w.-]+=.*"),
            "set: '"
                + option
                + "' is not KEY=VALUE with a key of train, model, engine or analyze: cells share all"
                + " else");
        require(
            !option.matches("(?s)train\\.(data|seed)=.*"),
            "set: '" + option + "': cells share their data, and compare.seeds has the seeds");
      }
    }
  }

  /**
   * A combination of one variant of each axis.
   *
   * @param name the variants' names, joined by dashes
   * @param set all their options, those of the first axis first
   */
  public record Cell(String name, List<String> set) {}

  public CompareConfig {
    axes = List.copyOf(axes);
    seeds = List.copyOf(seeds);
    require(!seeds.isEmpty(), "seeds must not be empty");
    require(new HashSet<>(seeds).size() == seeds.size(), "seeds has a seed twice, is " + seeds);
  }

  /**
   * The matrix, the last axis running fastest.
   *
   * @throws InvalidConfigException if two cells have one name, one has none, or the baseline is
   *     none of them
   */
  public List<Cell> cells() {
    if (axes.isEmpty()) {
      throw new InvalidConfigException(
          "compare.axes: nothing to compare; conf/compare has matrices");
    }
    List<Cell> cells = List.of(new Cell("", List.of()));
    for (Axis axis : axes) {
      List<Cell> longer = new ArrayList<>();
      for (Cell cell : cells) {
        for (Variant variant : axis.variants()) {
          longer.add(join(cell, variant));
        }
      }
      cells = longer;
    }
    Set<String> names = new HashSet<>();
    for (Cell cell : cells) {
      if (cell.name().isEmpty()) {
        throw new InvalidConfigException("compare.axes: a cell of the matrix has no name");
      }
      if (!names.add(cell.name())) {
        throw new InvalidConfigException(
            "compare.axes: two cells of the matrix are called '" + cell.name() + "'");
      }
    }
    if (!baseline.isEmpty() && !names.contains(baseline)) {
      throw new InvalidConfigException(
          "compare.baseline: no cell is called '" + baseline + "'; there are " + names(cells));
    }
    return cells;
  }

  /** The cell that the others are compared with. */
  public String baselineOf(List<Cell> cells) {
    return baseline.isEmpty() ? cells.get(0).name() : baseline;
  }

  private static Cell join(Cell cell, Variant variant) {
    List<String> set = new ArrayList<>(cell.set());
    set.addAll(variant.set());
    boolean one = cell.name().isEmpty() || variant.name().isEmpty();
    return new Cell(cell.name() + (one ? "" : "-") + variant.name(), set);
  }

  private static String names(List<Cell> cells) {
    return String.join(", ", cells.stream().map(Cell::name).toList());
  }

  private static void require(boolean condition, String message) {
    if (!condition) {
      throw new IllegalArgumentException(message);
    }
  }
}
