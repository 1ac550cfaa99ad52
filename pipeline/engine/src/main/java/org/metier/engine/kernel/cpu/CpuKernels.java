package org.metier.engine.kernel.cpu;

import org.metier.engine.kernel.AdamWStep;
import org.metier.engine.kernel.AttentionShape;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.kernel.Routing;
import org.metier.engine.tensor.Storage;
import org.metier.engine.tensor.Tensor;

/**
 * The fast backend: float numbers on the Java heap, matrix products by OpenBLAS, everything else by
 * fused loops in the Vector API. Each op pair has a file of its own; this one only lists them.
 * Steady state allocates nothing that grows with the data.
 *
 * <p>Results depend on the shapes alone: work is cut into tasks by shape, so any number of threads
 * gives the same bits.
 */
public final class CpuKernels implements Kernels {
  private final Team team;
  private final Elements elements;
  private final Embedding embedding;
  private final RmsNorm rmsNorm;
  private final Linear linear;
  private final HeadNormRotary headNormRotary;
  private final Attention attention;
  private final Router router;
  private final Experts experts;
  private final CrossEntropy crossEntropy;
  private final AdamW adamW;

  /**
   * @param threads threads that share the work, the caller's included; at least 1
   */
  public CpuKernels(int threads) {
    this(threads, Blas.best(), Rows.best());
  }

  CpuKernels(int threads, Blas library, Rows rows) {
    Blas blas = library.tunedFor(rows.vectorLength());
    team = new Team(threads);
    elements = new Elements(team, rows);
    embedding = new Embedding(team, rows);
    rmsNorm = new RmsNorm(team, rows);
    linear = new Linear(team, blas);
    headNormRotary = new HeadNormRotary(team, rows);
    attention = new Attention(team, rows, blas);
    router = new Router(team, rows);
    experts = new Experts(team, rows, blas);
    crossEntropy = new CrossEntropy(team, rows, blas);
    adamW = new AdamW(team, rows);
  }

  @Override
  public String name() {
    return "cpu";
  }

  @Override
  public void close() {
    team.close();
  }

  @Override
  public Storage allocate(int length) {
    return FloatStorage.allocate(length);
  }

  @Override
  public void upload(Tensor target, float[] source, int sourceOffset) {
    System.arraycopy(source, sourceOffset, FloatStorage.of(target), target.offset(), target.size());
  }

  @Override
  public void upload(Tensor target, double[] source, int sourceOffset) {
    float[] values = FloatStorage.of(target);
    for (int i = 0; i < target.size(); i++) {
      values[target.offset() + i] = (float) source[sourceOffset + i];
    }
  }

  @Override
  public void download(float[] target, int targetOffset, Tensor source) {
    System.arraycopy(FloatStorage.of(source), source.offset(), target, targetOffset, source.size());
  }

  @Override
  public void download(double[] target, int targetOffset, Tensor source) {
    float[] values = FloatStorage.of(source);
    for (int i = 0; i < source.size(); i++) {
      target[targetOffset + i] = values[source.offset() + i];
    }
  }

  @Override
  public void fill(Tensor target, double value) {
    elements.fill(target, value);
  }

  @Override
  public void copy(Tensor target, Tensor source) {
    elements.copy(target, source);
  }

  @Override
  public void addScaled(Tensor target, double factor, Tensor source) {
    elements.addScaled(target, factor, source);
  }

  @Override
  public void jitter(Tensor out, Tensor x, double epsilon, int seed, boolean add) {
    elements.jitter(out, x, epsilon, seed, add);
  }

  @Override
  public double squaredNorm(Tensor x) {
    return elements.squaredNorm(x);
  }

  @Override
  public void embedding(Tensor out, Tensor table, int[] tokens) {
    embedding.forward(out, table, tokens);
  }

  @Override
  public void embeddingBackward(Tensor dTable, Tensor dOut, int[] tokens) {
    embedding.backward(dTable, dOut, tokens);
  }

  @Override
  public void rmsNorm(Tensor out, Tensor inverseRms, Tensor x, Tensor weight, double epsilon) {
    rmsNorm.forward(out, inverseRms, x, weight, epsilon);
  }

  @Override
  public void rmsNormBackward(
      Tensor dX, Tensor dWeight, Tensor dOut, Tensor inverseRms, Tensor x, Tensor weight) {
    rmsNorm.backward(dX, dWeight, dOut, inverseRms, x, weight);
  }

  @Override
  public void linear(Tensor out, Tensor x, Tensor w, boolean add) {
    linear.forward(out, x, w, add);
  }

  @Override
  public void linearInputGradient(Tensor dX, Tensor dOut, Tensor w, boolean add) {
    linear.inputGradient(dX, dOut, w, add);
  }

  @Override
  public void linearWeightGradient(Tensor dW, Tensor dOut, Tensor x) {
    linear.weightGradient(dW, dOut, x);
  }

  @Override
  public void headNormRotary(
      Tensor out,
      Tensor inverseRms,
      Tensor qkv,
      Tensor queryWeight,
      Tensor keyWeight,
      AttentionShape shape,
      double ropeTheta,
      double epsilon) {
    headNormRotary.forward(out, inverseRms, qkv, queryWeight, keyWeight, shape, ropeTheta, epsilon);
  }

  @Override
  public void headNormRotaryBackward(
      Tensor dQkv,
      Tensor dQueryWeight,
      Tensor dKeyWeight,
      Tensor dOut,
      Tensor inverseRms,
      Tensor qkv,
      Tensor queryWeight,
      Tensor keyWeight,
      AttentionShape shape,
      double ropeTheta) {
    headNormRotary.backward(
        dQkv,
        dQueryWeight,
        dKeyWeight,
        dOut,
        inverseRms,
        qkv,
        queryWeight,
        keyWeight,
        shape,
        ropeTheta);
  }

  @Override
  public void attention(
      Tensor out, Tensor logSumExp, Tensor qkv, int[] documentStart, AttentionShape shape) {
    attention.forward(out, logSumExp, qkv, documentStart, shape);
  }

  @Override
  public void attentionBackward(
      Tensor dQkv,
      Tensor dOut,
      Tensor out,
      Tensor logSumExp,
      Tensor qkv,
      int[] documentStart,
      AttentionShape shape) {
    attention.backward(dQkv, dOut, out, logSumExp, qkv, documentStart, shape);
  }

  @Override
  public void route(
      Tensor probabilities,
      Tensor gates,
      Routing routing,
      Tensor logits,
      double[] selectionBias,
      boolean normalize) {
    router.forward(probabilities, gates, routing, logits, selectionBias, normalize);
  }

  @Override
  public void routeBackward(
      Tensor dLogits,
      Tensor dGates,
      Tensor probabilities,
      Tensor gates,
      Routing routing,
      Tensor logits,
      boolean normalize,
      double[] meanProbabilityGradient,
      double zLossCoefficient) {
    router.backward(
        dLogits,
        dGates,
        probabilities,
        gates,
        routing,
        logits,
        normalize,
        meanProbabilityGradient,
        zLossCoefficient);
  }

  @Override
  public void experts(
      Tensor out,
      Tensor gateUp,
      Tensor work,
      Tensor residual,
      Tensor x,
      Tensor gates,
      Tensor gateUpWeight,
      Tensor downWeight,
      Routing routing) {
    experts.forward(out, gateUp, work, residual, x, gates, gateUpWeight, downWeight, routing);
  }

  @Override
  public void expertsBackward(
      Tensor dX,
      Tensor dGates,
      Tensor dGateUpWeight,
      Tensor dDownWeight,
      Tensor work,
      Tensor dOut,
      Tensor gateUp,
      Tensor x,
      Tensor gates,
      Tensor gateUpWeight,
      Tensor downWeight,
      Routing routing) {
    experts.backward(
        dX,
        dGates,
        dGateUpWeight,
        dDownWeight,
        work,
        dOut,
        gateUp,
        x,
        gates,
        gateUpWeight,
        downWeight,
        routing);
  }

  @Override
  public void crossEntropy(double[] losses, Tensor x, Tensor head, int[] targets) {
    crossEntropy.loss(losses, x, head, targets);
  }

  @Override
  public void crossEntropyAndArgMax(
      double[] losses, int[] argMax, Tensor x, Tensor head, int[] targets) {
    crossEntropy.lossAndArgMax(losses, argMax, x, head, targets);
  }

  @Override
  public void crossEntropyWithGradient(
      double[] losses,
      Tensor dX,
      Tensor dHead,
      Tensor x,
      Tensor head,
      int[] targets,
      double scale) {
    crossEntropy.lossAndGradient(losses, dX, dHead, x, head, targets, scale);
  }

  @Override
  public void adamW(
      Tensor value, Tensor gradient, Tensor firstMoment, Tensor secondMoment, AdamWStep step) {
    adamW.update(value, gradient, firstMoment, secondMoment, step);
  }
}
