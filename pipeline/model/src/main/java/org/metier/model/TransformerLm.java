package org.metier.model;

import org.metier.engine.kernel.Kernels;
import org.metier.engine.kernel.Routing;
import org.metier.engine.tensor.FlatParameters;
import org.metier.engine.tensor.FlatParameters.Role;
import org.metier.engine.tensor.ParameterLayout;
import org.metier.engine.tensor.Tensor;
import org.metier.engine.tensor.Workspace;
import org.metier.model.layer.AttentionLayer;
import org.metier.model.layer.Parameter;
import org.metier.model.moe.MoeLayer;

/**
 * The decoder: embedding, blocks of attention and mixture of experts, final norm, output head. One
 * replica with its parameters and all its activations, laid out before the first step; a step
 * allocates no numbers.
 *
 * <p>A training step is {@link #forward}, a look at every layer's {@link #routing}, {@link
 * #backward}: the balance loss's gradient enters between the two, so that its frequencies may come
 * from anywhere.
 */
public final class TransformerLm {
  private final Kernels kernels;
  private final ModelConfig config;
  private final ActivationPolicy policy;
  private final FlatParameters parameters;
  private final Parameter embedding;
  private final Parameter finalNorm;
  private final Parameter head;
  private final AttentionLayer[] attention;
  private final MoeLayer[] experts;
  private final Activations activations;
  private final double[] losses;
  private double routerJitter;
  private long jitterSeed;

  /**
   * @param stream residual stream: before block 0, then after each half-block, [T, d] each
   * @param normed [T, d] after the final norm
   * @param inverseRms [T] of the final norm
   * @param dStream [T, d] gradient of the stream, walked backward in place
   * @param dNormed [T, d]
   */
  private record Activations(
      Tensor[] stream,
      Tensor normed,
      Tensor inverseRms,
      AttentionLayer.Saved[] attention,
      MoeLayer.Saved[] experts,
      Tensor dStream,
      Tensor dNormed,
      AttentionLayer.Gradients attentionGradients,
      MoeLayer.Scratch expertScratch) {

    static Activations take(Workspace w, ModelConfig c, int tokens, ActivationPolicy policy) {
      int layers = c.numLayers();
      Tensor[] stream = new Tensor[2 * layers + 1];
      var attention = new AttentionLayer.Saved[layers];
      var experts = new MoeLayer.Saved[layers];
      for (int i = 0; i < stream.length; i++) {
        stream[i] = w.take(tokens, c.hiddenSize());
      }
      for (int l = 0; l < layers; l++) {
        boolean shared = policy == ActivationPolicy.RECOMPUTE && l > 0;
        attention[l] = shared ? attention[0] : AttentionLayer.Saved.take(w, c, tokens);
        experts[l] =
            shared ? experts[0].withOwnRouter(w, c, tokens) : MoeLayer.Saved.take(w, c, tokens);
      }
      Tensor normed = w.take(tokens, c.hiddenSize());
      Tensor inverseRms = w.take(tokens);
      Tensor dStream = w.take(tokens, c.hiddenSize());
      Tensor dNormed = w.take(tokens, c.hiddenSize());
      // The two halves of a block never run at the same time, so what they need shares memory.
      int mark = w.mark();
      var attentionGradients = AttentionLayer.Gradients.take(w, c, tokens);
      w.release(mark);
      var expertScratch = MoeLayer.Scratch.take(w, c, tokens);
      return new Activations(
          stream,
          normed,
          inverseRms,
          attention,
          experts,
          dStream,
          dNormed,
          attentionGradients,
          expertScratch);
    }
  }

  private TransformerLm(
      Kernels kernels,
      ModelConfig config,
      FlatParameters parameters,
      int maxSequences,
      ActivationPolicy policy) {
    this.kernels = kernels;
    this.config = config;
    this.policy = policy;
    this.parameters = parameters;
    int tokens = Math.multiplyExact(maxSequences, config.sequenceLength());
    this.activations =
        Workspace.plan(kernels::allocate, w -> Activations.take(w, config, tokens, policy))
            .layout();
    this.losses = new double[tokens];
    this.embedding = Parameter.of(parameters, Parameters.EMBEDDING);
    this.finalNorm = Parameter.of(parameters, Parameters.FINAL_NORM);
    this.head = Parameter.of(parameters, Parameters.HEAD);
    this.attention = new AttentionLayer[config.numLayers()];
    this.experts = new MoeLayer[config.numLayers()];
    for (int l = 0; l < config.numLayers(); l++) {
      attention[l] =
          new AttentionLayer(
              kernels,
              config,
              parameters,
              l,
              activations.attention[l],
              activations.attentionGradients);
      experts[l] =
          new MoeLayer(
              kernels,
              config,
              parameters,
              l,
              tokens,
              activations.experts[l],
              activations.expertScratch);
    }
  }

  /**
   * A replica with gradients and moments; values are zero until set or initialised.
   *
   * @param maxSequences most sequences of a batch
   */
  public static TransformerLm forTraining(
      Kernels kernels, ModelConfig config, int maxSequences, ActivationPolicy policy) {
    ParameterLayout layout = Parameters.layout(config);
    FlatParameters parameters = FlatParameters.forTraining(layout, kernels::allocate);
    return new TransformerLm(kernels, config, parameters, maxSequences, policy);
  }

  /** A replica that keeps all activations. */
  public static TransformerLm forTraining(Kernels kernels, ModelConfig config, int maxSequences) {
    return forTraining(kernels, config, maxSequences, ActivationPolicy.KEEP);
  }

  /** A replica with values only; {@link #backward} is refused. */
  public static TransformerLm forEvaluation(Kernels kernels, ModelConfig config, int maxSequences) {
    ParameterLayout layout = Parameters.layout(config);
    FlatParameters parameters = FlatParameters.forEvaluation(layout, kernels::allocate);
    // nothing runs backward, so nothing is ever computed again
    return new TransformerLm(kernels, config, parameters, maxSequences, ActivationPolicy.RECOMPUTE);
  }

  /** Elements of all activations for micro-batches of up to {@code maxSequences}. */
  public static long activationSize(ModelConfig config, int maxSequences, ActivationPolicy policy) {
    int tokens = Math.multiplyExact(maxSequences, config.sequenceLength());
    return Workspace.count(w -> Activations.take(w, config, tokens, policy));
  }

  public ModelConfig config() {
    return config;
  }

  public FlatParameters parameters() {
    return parameters;
  }

  /** One layer's routing in the last forward pass. */
  public Routing routing(int layer) {
    return experts[layer].routing();
  }

  /** One layer's gates [T, k] in the last forward pass. */
  public Tensor gates(int layer) {
    return experts[layer].gates();
  }

  /** One layer's router probabilities [T, E] in the last forward pass. */
  public Tensor probabilities(int layer) {
    return experts[layer].probabilities();
  }

  /** One layer's router logits [T, E] in the last forward pass. */
  public Tensor logits(int layer) {
    return experts[layer].logits();
  }

  /**
   * Sets what all passes from now on add to the routers' scores for the choice of experts alone.
   *
   * @param bias [L][E]
   */
  public void selectionBias(double[][] bias) {
    for (int l = 0; l < experts.length; l++) {
      experts[l].selectionBias(bias[l]);
    }
  }

  /**
   * Multiplies the routers' inputs by noise in {@link #forward}, {@link #route} and {@link
   * #backward} from now on; evaluations never have any.
   *
   * @param epsilon factors are uniform in [1 - ε, 1 + ε), drawn for each layer by itself; 0 is none
   * @param seed decides them
   */
  public void routerJitter(double epsilon, long seed) {
    this.routerJitter = epsilon;
    this.jitterSeed = seed;
  }

  /** One layer's {@link MoeLayer#selectionBias}. */
  public double[] selectionBias(int layer) {
    return experts[layer].selectionBias();
  }

  /** Loss of each token of the last pass, nats; valid up to the batch's token count. */
  public double[] losses() {
    return losses;
  }

  /** Sets all gradients to zero. */
  public void clearGradients() {
    kernels.fill(parameters.block(Role.GRADIENT), 0);
  }

  /**
   * Forward pass of a training step; also runs the head's backward, which shares its tiles.
   *
   * @return mean cross-entropy over the counted targets, nats per token
   */
  public double forward(Batch batch) {
    return forward(batch, batch.countedTargets());
  }

  /**
   * The same for one of several micro-batches whose gradients add up to those of one step.
   *
   * @param counted targets that count in the whole step
   * @return this micro-batch's share of the step's mean cross-entropy
   */
  public double forward(Batch batch, int counted) {
    Tensor normed = hidden(batch, routerJitter);
    kernels.crossEntropyWithGradient(
        losses,
        activations.dNormed.firstRows(batch.tokens()),
        head.gradient(),
        normed,
        head.value(),
        batch.targets(),
        counted == 0 ? 0 : 1.0 / counted);
    return counted == 0 ? 0 : sumOfLosses(batch) / counted;
  }

  /**
   * Forward pass without any gradient.
   *
   * @return sum of the cross-entropy over the counted targets, nats
   */
  public double evaluate(Batch batch) {
    Tensor normed = hidden(batch, 0);
    kernels.crossEntropy(losses, normed, head.value(), batch.targets());
    return sumOfLosses(batch);
  }

  /**
   * The same, with the token that the model finds most likely at each position.
   *
   * @param argMax [T], at least as long as the batch; -1 where the target does not count
   */
  public double evaluate(Batch batch, int[] argMax) {
    Tensor normed = hidden(batch, 0);
    kernels.crossEntropyAndArgMax(losses, argMax, normed, head.value(), batch.targets());
    return sumOfLosses(batch);
  }

  /** The part of a forward pass that fills every layer's {@link #routing}. */
  public void route(Batch batch) {
    hidden(batch, routerJitter);
  }

  /**
   * Backward pass of the last {@link #forward}; adds to the gradients.
   *
   * @param meanProbabilityGradients [L][S·E] gradient of the balance loss with respect to each
   *     layer's mean router probabilities over S equal runs of tokens
   * @param zLossCoefficient weight of each layer's z-loss
   */
  public void backward(Batch batch, double[][] meanProbabilityGradients, double zLossCoefficient) {
    double[][] none = new double[config.numLayers()][0];
    backward(batch, meanProbabilityGradients, zLossCoefficient, none);
  }

  /**
   * The same with losses over single tokens.
   *
   * @param tokenGradients [L][T·E] their gradient with respect to each layer's router logits; a
   *     layer's may be empty
   */
  public void backward(
      Batch batch,
      double[][] meanProbabilityGradients,
      double zLossCoefficient,
      double[][] tokenGradients) {
    int tokens = batch.tokens();
    Tensor dX = activations.dStream.firstRows(tokens);
    kernels.fill(dX, 0);
    kernels.rmsNormBackward(
        dX,
        finalNorm.gradient(),
        activations.dNormed.firstRows(tokens),
        activations.inverseRms.firstRows(tokens),
        stream(2 * config.numLayers(), tokens),
        finalNorm.value());
    for (int l = config.numLayers() - 1; l >= 0; l--) {
      // the last block's activations are still there
      boolean again = policy == ActivationPolicy.RECOMPUTE && l < config.numLayers() - 1;
      if (again) {
        experts[l].forward(stream(2 * l + 2, tokens), stream(2 * l + 1, tokens));
      }
      experts[l].backward(
          dX,
          stream(2 * l + 1, tokens),
          meanProbabilityGradients[l],
          zLossCoefficient,
          tokenGradients[l]);
      if (again) {
        attention[l].forward(stream(2 * l + 1, tokens), stream(2 * l, tokens), batch);
      }
      attention[l].backward(dX, stream(2 * l, tokens), batch);
    }
    kernels.embeddingBackward(embedding.gradient(), dX, batch.inputs());
  }

  /** Everything up to the final norm. */
  private Tensor hidden(Batch batch, double jitter) {
    int tokens = batch.tokens();
    if (tokens > losses.length) {
      throw new IllegalArgumentException(
          "a batch of %d tokens exceeds this replica's %d".formatted(tokens, losses.length));
    }
    kernels.embedding(stream(0, tokens), embedding.value(), batch.inputs());
    for (int l = 0; l < config.numLayers(); l++) {
      attention[l].forward(stream(2 * l + 1, tokens), stream(2 * l, tokens), batch);
      experts[l].routerJitter(jitter, seedOf(l));
      experts[l].forward(stream(2 * l + 2, tokens), stream(2 * l + 1, tokens));
    }
    Tensor normed = activations.normed.firstRows(tokens);
    kernels.rmsNorm(
        normed,
        activations.inverseRms.firstRows(tokens),
        stream(2 * config.numLayers(), tokens),
        finalNorm.value(),
        config.rmsEpsilon());
    return normed;
  }

  private int seedOf(int layer) {
    return Long.hashCode((jitterSeed * 31 + layer) * 0x9E3779B97F4A7C15L);
  }

  private Tensor stream(int halfBlock, int tokens) {
    return activations.stream[halfBlock].firstRows(tokens);
  }

  private double sumOfLosses(Batch batch) {
    double sum = 0;
    for (int t = 0; t < batch.tokens(); t++) {
      sum += losses[t];
    }
    return sum;
  }
}
