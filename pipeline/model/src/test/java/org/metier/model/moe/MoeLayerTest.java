package org.metier.model.moe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.Random;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.metier.engine.kernel.DropPolicy;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.kernel.RouterScoring;
import org.metier.engine.kernel.reference.ReferenceKernels;
import org.metier.engine.tensor.FlatParameters;
import org.metier.engine.tensor.FlatParameters.Role;
import org.metier.engine.tensor.Tensor;
import org.metier.engine.tensor.Workspace;
import org.metier.model.ModelConfig;
import org.metier.model.Parameters;

/** The whole layer, norm and residual included, in double and against what it stands for. */
class MoeLayerTest {
  private static final int WIDTH = 10;
  private static final int HIDDEN = 7;

  /** Values are of order 1 and sums of at most a hundred terms: some hundred times 1e-16. */
  private static final double TOLERANCE = 1e-12;

  private final Kernels kernels = new ReferenceKernels();

  @ParameterizedTest
  @CsvSource({
    "23, 4, 2, true",
    "23, 4, 2, false",
    "9, 5, 1, true", // a lone normalised gate is 1, and the router gets no gradient
    "9, 5, 1, false",
    "9, 3, 3, true", // top-k = experts: a soft mixture of all
    "9, 3, 3, false",
    "1, 4, 2, true", // one token
    "2, 8, 2, true", // at least four experts without a token
    "2, 8, 2, false"
  })
  void theLayerIsALoopOverTokensAndTheirExperts(
      int tokens, int experts, int topK, boolean normalize) {
    assertLayerIsTheLoop(new Trial(tokens, experts, topK, normalize));
  }

  /** Nulls m, and widths that make one to four groups. */
  @ParameterizedTest
  @CsvSource({
    "23, 4, 4, 2, true, 7 7 7 7",
    "23, 4, 4, 2, false, 7 7 7 7",
    "9, 2, 9, 1, true, 7 7", // most tokens choose nulls alone
    "9, 3, 2, 5, true, 7 7 7", // every column is chosen
    "23, 4, 0, 2, true, 3 3 9 9",
    "23, 4, 0, 2, false, 3 9 3 9",
    "23, 3, 0, 3, true, 5 5 1",
    "23, 4, 3, 3, true, 2 8 8 4"
  })
  void theLayerIsThatLoopWithNullsAndWidths(
      int tokens, int experts, int nulls, int topK, boolean normalize, String widths) {
    List<Integer> each = Stream.of(widths.split(" ")).map(Integer::valueOf).toList();
    Trial trial = new Trial(tokens, experts, topK, normalize, nulls, each);
    assertLayerIsTheLoop(trial);
    assertThat(trial.layer.routing().complete()).isEqualTo(nulls == 0);
  }

  private static void assertLayerIsTheLoop(Trial trial) {
    int tokens = trial.x.length / WIDTH;
    int experts = trial.config.numExperts();
    trial.run(trial.x, trial.dOut);
    TokenLoop loop =
        new TokenLoop(trial.config, trial.weights(Role.VALUE), tokens).run(trial.x, trial.dOut);

    assertThat(trial.out()).as("out").containsExactly(loop.out, within(TOLERANCE));
    assertThat(trial.dX()).as("dX").containsExactly(loop.dX, within(TOLERANCE));
    TokenLoop.Weights actual = trial.weights(Role.GRADIENT);
    TokenLoop.Weights expected = loop.gradients;
    assertThat(actual.norm()).as("dNorm").containsExactly(expected.norm(), within(TOLERANCE));
    assertThat(actual.router()).as("dRouter").containsExactly(expected.router(), within(TOLERANCE));
    for (int e = 0; e < experts; e++) {
      boolean idle = trial.layer.routing().count(e) == 0;
      assertExpert("gate", e, idle, actual.gate()[e], expected.gate()[e]);
      assertExpert("up", e, idle, actual.up()[e], expected.up()[e]);
      assertExpert("down", e, idle, actual.down()[e], expected.down()[e]);
    }
  }

  /** An expert without a token keeps exactly the gradient it had: none. */
  private static void assertExpert(
      String name, int expert, boolean idle, double[] actual, double[] expected) {
    assertThat(actual).as("%s of expert %d", name, expert).containsExactly(expected, within(1e-12));
    if (idle) {
      assertThat(actual).as("%s of idle expert %d", name, expert).containsOnly(0);
    }
  }

  @Test
  void oneExpertIsTheDenseFeedForwardLayer() {
    int tokens = 11;
    Trial trial = new Trial(tokens, 1, 1, true);
    trial.run(trial.x, trial.dOut);
    FlatParameters p = trial.parameters;
    Tensor norm = p.slice(Role.VALUE, Parameters.layer(0, "post_attention_layernorm.weight"));
    Tensor in = p.span(Role.VALUE, Parameters.expert(0, 0, "gate_proj"), 2 * HIDDEN, WIDTH);
    Tensor down = p.slice(Role.VALUE, Parameters.expert(0, 0, "down_proj"));

    Tensor x = tensor(trial.x, tokens, WIDTH);
    Tensor normed = zeros(tokens, WIDTH);
    Tensor inverseRms = zeros(tokens);
    Tensor gateUp = zeros(tokens, 2 * HIDDEN);
    Tensor out = tensor(trial.x, tokens, WIDTH);
    kernels.rmsNorm(normed, inverseRms, x, norm, trial.config.rmsEpsilon());
    kernels.linear(gateUp, normed, in, false);
    Tensor hidden = tensor(swiGlu(read(gateUp)), tokens, HIDDEN);
    kernels.linear(out, hidden, down, true);

    Tensor dX = tensor(trial.dOut, tokens, WIDTH);
    Tensor dHidden = zeros(tokens, HIDDEN);
    Tensor dNormed = zeros(tokens, WIDTH);
    Tensor dDown = zeros(WIDTH, HIDDEN);
    Tensor dIn = zeros(2 * HIDDEN, WIDTH);
    Tensor dNorm = zeros(WIDTH);
    kernels.linearWeightGradient(dDown, dX, hidden);
    kernels.linearInputGradient(dHidden, dX, down, false);
    Tensor dGateUp = tensor(swiGluGradient(read(dHidden), read(gateUp)), tokens, 2 * HIDDEN);
    kernels.linearWeightGradient(dIn, dGateUp, normed);
    kernels.linearInputGradient(dNormed, dGateUp, in, false);
    kernels.rmsNormBackward(dX, dNorm, dNormed, inverseRms, x, norm);

    assertThat(trial.out()).as("out").containsExactly(read(out), within(TOLERANCE));
    assertThat(trial.dX()).as("dX").containsExactly(read(dX), within(TOLERANCE));
    TokenLoop.Weights actual = trial.weights(Role.GRADIENT);
    assertThat(actual.norm()).as("dNorm").containsExactly(read(dNorm), within(TOLERANCE));
    assertThat(actual.gate()[0])
        .as("dGate")
        .containsExactly(read(dIn.firstRows(HIDDEN)), within(TOLERANCE));
    assertThat(actual.up()[0])
        .as("dUp")
        .containsExactly(read(dIn.rows(HIDDEN, HIDDEN)), within(TOLERANCE));
    assertThat(actual.down()[0]).as("dDown").containsExactly(read(dDown), within(TOLERANCE));
    assertThat(actual.router()).as("router without a choice").containsOnly(0);
  }

  /** silu(g) ⊙ u of rows [g | u]. */
  private static double[] swiGlu(double[] gateUp) {
    double[] hidden = new double[gateUp.length / 2];
    for (int i = 0; i < hidden.length; i++) {
      double g = gateUp[i + i / HIDDEN * HIDDEN];
      double u = gateUp[i + i / HIDDEN * HIDDEN + HIDDEN];
      hidden[i] = g / (1 + Math.exp(-g)) * u;
    }
    return hidden;
  }

  /** Its gradient, [dg | du]: silu'(g) = σ(g) (1 + g (1 - σ(g))). */
  private static double[] swiGluGradient(double[] dHidden, double[] gateUp) {
    double[] dGateUp = new double[gateUp.length];
    for (int i = 0; i < dHidden.length; i++) {
      int gate = i + i / HIDDEN * HIDDEN;
      int up = gate + HIDDEN;
      double g = gateUp[gate];
      double sigmoid = 1 / (1 + Math.exp(-g));
      dGateUp[gate] = dHidden[i] * gateUp[up] * sigmoid * (1 + g * (1 - sigmoid));
      dGateUp[up] = dHidden[i] * g * sigmoid;
    }
    return dGateUp;
  }

  @Test
  void permutingTokensPermutesOutputs() {
    int tokens = 19;
    Trial straight = new Trial(tokens, 6, 2, true);
    Trial permuted = new Trial(tokens, 6, 2, true);
    straight.run(straight.x, straight.dOut);
    permuted.run(rotate(straight.x), rotate(straight.dOut));

    // A token's own numbers take part in the same sums whatever its place: the same bits.
    assertThat(permuted.out()).containsExactly(rotate(straight.out()));
    assertThat(permuted.dX()).containsExactly(rotate(straight.dX()));
    double[] gradients = straight.download(Role.GRADIENT);
    assertThat(permuted.download(Role.GRADIENT)).containsExactly(gradients, within(TOLERANCE));
  }

  /** Row t of the result is row 5t + 3 (modulo the rows) of the matrix. */
  private static double[] rotate(double[] matrix) {
    int rows = matrix.length / WIDTH;
    double[] rotated = new double[matrix.length];
    for (int t = 0; t < rows; t++) {
      System.arraycopy(matrix, (5 * t + 3) % rows * WIDTH, rotated, t * WIDTH, WIDTH);
    }
    return rotated;
  }

  private Tensor zeros(int... shape) {
    return new Tensor(kernels.allocate(Tensor.sizeOf(shape)), 0, shape);
  }

  private Tensor tensor(double[] values, int... shape) {
    Tensor tensor = zeros(shape);
    kernels.upload(tensor, values, 0);
    return tensor;
  }

  private double[] read(Tensor tensor) {
    double[] values = new double[tensor.size()];
    kernels.download(values, 0, tensor);
    return values;
  }

  /** A layer with weights and inputs drawn from a seed, and what its two passes made of them. */
  private final class Trial {
    final ModelConfig config;
    final FlatParameters parameters;
    final MoeLayer layer;
    final double[] x;
    final double[] dOut;
    private final Tensor out;
    private final Tensor dX;

    Trial(int tokens, int experts, int topK, boolean normalize) {
      this(tokens, experts, topK, normalize, 0, List.of());
    }

    Trial(int tokens, int experts, int topK, boolean normalize, int nulls, List<Integer> widths) {
      config =
          new ModelConfig(
              2,
              WIDTH,
              1,
              1,
              1,
              2,
              experts,
              topK,
              HIDDEN,
              tokens,
              normalize,
              10_000,
              1e-6,
              0.4,
              RouterScoring.SOFTMAX,
              nulls,
              0,
              DropPolicy.PROBABILITY,
              widths);
      parameters = FlatParameters.forTraining(Parameters.layout(config), kernels::allocate);
      Random random = new Random(17);
      kernels.upload(
          parameters.block(Role.VALUE), normals(random, parameters.layout().size(), 0.6), 0);
      x = normals(random, tokens * WIDTH, 1);
      dOut = normals(random, tokens * WIDTH, 1);
      out = zeros(tokens, WIDTH);
      dX = zeros(tokens, WIDTH);
      layer =
          new MoeLayer(
              kernels,
              config,
              parameters,
              0,
              tokens,
              planned(w -> MoeLayer.Saved.take(w, config, tokens)),
              planned(w -> MoeLayer.Scratch.take(w, config, tokens)));
    }

    private <T> T planned(Function<Workspace, T> layout) {
      return Workspace.plan(kernels::allocate, layout).layout();
    }

    void run(double[] input, double[] outputGradient) {
      Tensor in = tensor(input, x.length / WIDTH, WIDTH);
      layer.forward(out, in);
      kernels.upload(dX, outputGradient, 0);
      layer.backward(dX, in, new double[config.routerColumns()], 0, new double[0]);
    }

    double[] out() {
      return read(out);
    }

    double[] dX() {
      return read(dX);
    }

    double[] download(Role role) {
      return read(parameters.block(role));
    }

    TokenLoop.Weights weights(Role role) {
      TokenLoop.Weights w = TokenLoop.Weights.zeros(config);
      copy(w.norm(), role, Parameters.layer(0, "post_attention_layernorm.weight"));
      copy(w.router(), role, Parameters.router(0));
      for (int e = 0; e < config.numExperts(); e++) {
        copy(w.gate()[e], role, Parameters.expert(0, e, "gate_proj"));
        copy(w.up()[e], role, Parameters.expert(0, e, "up_proj"));
        copy(w.down()[e], role, Parameters.expert(0, e, "down_proj"));
      }
      return w;
    }

    private void copy(double[] target, Role role, String name) {
      kernels.download(target, 0, parameters.slice(role, name));
    }
  }

  private static double[] normals(Random random, int length, double deviation) {
    double[] values = new double[length];
    for (int i = 0; i < length; i++) {
      values[i] = deviation * random.nextGaussian();
    }
    return values;
  }
}
