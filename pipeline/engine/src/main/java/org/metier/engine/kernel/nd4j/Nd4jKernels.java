package org.metier.engine.kernel.nd4j;

import java.util.ArrayList;
import java.util.List;
import org.metier.engine.kernel.AdamWStep;
import org.metier.engine.kernel.AttentionShape;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.kernel.Routing;
import org.metier.engine.tensor.Storage;
import org.metier.engine.tensor.Tensor;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The portable backend: the ops on {@link INDArray}, in float or double, on any device that ND4J
 * has a backend for (nd4j-native, nd4j-cuda). Between upload and download everything stays on the
 * device, but for what the seam itself wants on the host: routing, losses and norms. Written to be
 * clear and right; on a CPU the {@code cpu} backend is the fast one.
 *
 * <p>Each op frees what it allocates before it returns. Thread counts are ND4J's and hold for the
 * whole process: the element-wise ops take the number that was asked for last, matrix products
 * always one, since the BLAS setting is shared with the {@code cpu} backend.
 */
public final class Nd4jKernels implements Kernels {
  private final DataType type;
  private final List<INDArray> allocated = new ArrayList<>();
  private final HeadNormRotary headNormRotary = new HeadNormRotary();

  /**
   * @param type FLOAT or DOUBLE
   * @param threads of ND4J's element-wise ops on the processor, for the whole process; at least 1
   */
  public Nd4jKernels(DataType type, int threads) {
    if (type != DataType.FLOAT && type != DataType.DOUBLE) {
      throw new IllegalArgumentException("nd4j kernels run in FLOAT or DOUBLE, not in " + type);
    }
    this.type = type;
    // Loads the native library, so that what is missing shows now.
    Nd4j.getEnvironment().setMaxThreads(threads);
    Nd4j.getEnvironment().setMaxMasterThreads(threads);
    // ND4J sets every OpenBLAS of the process to all cores when it is loaded.
    Nd4j.factory().blas().setMaxThreads(1);
  }

  @Override
  public String name() {
    return "nd4j";
  }

  /** Frees all storage that came from here. */
  @Override
  public void close() {
    headNormRotary.close();
    allocated.forEach(INDArray::close);
    allocated.clear();
  }

  @Override
  public Storage allocate(int length) {
    INDArray values = Nd4j.create(type, Math.max(1, length));
    allocated.add(values);
    return new Nd4jStorage(values, length);
  }

  @Override
  public void upload(Tensor target, float[] source, int sourceOffset) {
    Transfer.upload(target, source, sourceOffset);
  }

  @Override
  public void upload(Tensor target, double[] source, int sourceOffset) {
    Transfer.upload(target, source, sourceOffset);
  }

  @Override
  public void download(float[] target, int targetOffset, Tensor source) {
    Transfer.download(target, targetOffset, source);
  }

  @Override
  public void download(double[] target, int targetOffset, Tensor source) {
    Transfer.download(target, targetOffset, source);
  }

  @Override
  public void fill(Tensor target, double value) {
    Elementwise.fill(target, value);
  }

  @Override
  public void copy(Tensor target, Tensor source) {
    Elementwise.copy(target, source);
  }

  @Override
  public void addScaled(Tensor target, double factor, Tensor source) {
    Elementwise.addScaled(target, factor, source);
  }

  @Override
  public void jitter(Tensor out, Tensor x, double epsilon, int seed, boolean add) {
    Elementwise.jitter(out, x, epsilon, seed, add);
  }

  @Override
  public double squaredNorm(Tensor x) {
    return Elementwise.squaredNorm(x);
  }

  @Override
  public void embedding(Tensor out, Tensor table, int[] tokens) {
    Embedding.forward(out, table, tokens);
  }

  @Override
  public void embeddingBackward(Tensor dTable, Tensor dOut, int[] tokens) {
    Embedding.backward(dTable, dOut, tokens);
  }

  @Override
  public void rmsNorm(Tensor out, Tensor inverseRms, Tensor x, Tensor weight, double epsilon) {
    RmsNorm.forward(out, inverseRms, x, weight, epsilon);
  }

  @Override
  public void rmsNormBackward(
      Tensor dX, Tensor dWeight, Tensor dOut, Tensor inverseRms, Tensor x, Tensor weight) {
    RmsNorm.backward(dX, dWeight, dOut, inverseRms, x, weight);
  }

  @Override
  public void linear(Tensor out, Tensor x, Tensor w, boolean add) {
    Linear.forward(out, x, w, add);
  }

  @Override
  public void linearInputGradient(Tensor dX, Tensor dOut, Tensor w, boolean add) {
    Linear.inputGradient(dX, dOut, w, add);
  }

  @Override
  public void linearWeightGradient(Tensor dW, Tensor dOut, Tensor x) {
    Linear.weightGradient(dW, dOut, x);
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
    CausalAttention.forward(out, logSumExp, qkv, documentStart, shape);
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
    CausalAttention.backward(dQkv, dOut, out, logSumExp, qkv, documentStart, shape);
  }

  @Override
  public void route(
      Tensor probabilities,
      Tensor gates,
      Routing routing,
      Tensor logits,
      double[] selectionBias,
      boolean normalize) {
    Router.forward(probabilities, gates, routing, logits, selectionBias, normalize);
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
    Router.backward(
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
    Experts.forward(out, gateUp, work, residual, x, gates, gateUpWeight, downWeight, routing);
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
    Experts.backward(
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
    CrossEntropy.forward(losses, x, head, targets);
  }

  @Override
  public void crossEntropyAndArgMax(
      double[] losses, int[] argMax, Tensor x, Tensor head, int[] targets) {
    CrossEntropy.forwardAndArgMax(losses, argMax, x, head, targets);
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
    CrossEntropy.forwardBackward(losses, dX, dHead, x, head, targets, scale);
  }

  @Override
  public void adamW(
      Tensor value, Tensor gradient, Tensor firstMoment, Tensor secondMoment, AdamWStep step) {
    AdamW.update(value, gradient, firstMoment, secondMoment, step);
  }
}
