package org.metier.engine.kernel.reference;

import static org.metier.engine.kernel.reference.View.of;

import org.metier.engine.kernel.AdamWStep;
import org.metier.engine.kernel.AttentionShape;
import org.metier.engine.kernel.Kernels;
import org.metier.engine.kernel.Routing;
import org.metier.engine.tensor.Storage;
import org.metier.engine.tensor.Tensor;

/**
 * The specification of {@link Kernels} in code: every op is a plain loop in double precision,
 * written straight from its formula, one op pair per file. Never tuned, and proved by finite
 * differences; the fast backends are held to it.
 *
 * <p>Unlike a fast backend it checks everything: a wrong shape, an index out of range or a
 * destination that overlaps a source is an {@link IllegalArgumentException} that names op and
 * argument. So a model that runs here uses the kernels as they are meant.
 */
public final class ReferenceKernels implements Kernels {

  @Override
  public String name() {
    return "reference";
  }

  @Override
  public Storage allocate(int length) {
    return new DoubleStorage(new double[length]);
  }

  @Override
  public void upload(Tensor target, float[] source, int sourceOffset) {
    View view = of(target);
    HostArrays.requireLength("upload source", source.length - sourceOffset, view.size());
    for (int i = 0; i < view.size(); i++) {
      view.set(i, source[sourceOffset + i]);
    }
  }

  @Override
  public void upload(Tensor target, double[] source, int sourceOffset) {
    View view = of(target);
    HostArrays.requireLength("upload source", source.length - sourceOffset, view.size());
    for (int i = 0; i < view.size(); i++) {
      view.set(i, source[sourceOffset + i]);
    }
  }

  @Override
  public void download(float[] target, int targetOffset, Tensor source) {
    View view = of(source);
    HostArrays.requireLength("download target", target.length - targetOffset, view.size());
    for (int i = 0; i < view.size(); i++) {
      target[targetOffset + i] = (float) view.get(i);
    }
  }

  @Override
  public void download(double[] target, int targetOffset, Tensor source) {
    View view = of(source);
    HostArrays.requireLength("download target", target.length - targetOffset, view.size());
    for (int i = 0; i < view.size(); i++) {
      target[targetOffset + i] = view.get(i);
    }
  }

  @Override
  public void fill(Tensor target, double value) {
    of(target).fill(value);
  }

  @Override
  public void copy(Tensor target, Tensor source) {
    Elementwise.copy(of(target), of(source));
  }

  @Override
  public void addScaled(Tensor target, double factor, Tensor source) {
    Elementwise.addScaled(of(target), factor, of(source));
  }

  @Override
  public void jitter(Tensor out, Tensor x, double epsilon, int seed, boolean add) {
    Elementwise.jitter(of(out), of(x), epsilon, seed, add);
  }

  @Override
  public double squaredNorm(Tensor x) {
    return Elementwise.squaredNorm(of(x));
  }

  @Override
  public void embedding(Tensor out, Tensor table, int[] tokens) {
    Embedding.forward(of(out), of(table), tokens);
  }

  @Override
  public void embeddingBackward(Tensor dTable, Tensor dOut, int[] tokens) {
    Embedding.backward(of(dTable), of(dOut), tokens);
  }

  @Override
  public void rmsNorm(Tensor out, Tensor inverseRms, Tensor x, Tensor weight, double epsilon) {
    RmsNorm.forward(of(out), of(inverseRms), of(x), of(weight), epsilon);
  }

  @Override
  public void rmsNormBackward(
      Tensor dX, Tensor dWeight, Tensor dOut, Tensor inverseRms, Tensor x, Tensor weight) {
    RmsNorm.backward(of(dX), of(dWeight), of(dOut), of(inverseRms), of(x), of(weight));
  }

  @Override
  public void linear(Tensor out, Tensor x, Tensor w, boolean add) {
    Linear.forward(of(out), of(x), of(w), add);
  }

  @Override
  public void linearInputGradient(Tensor dX, Tensor dOut, Tensor w, boolean add) {
    Linear.inputGradient(of(dX), of(dOut), of(w), add);
  }

  @Override
  public void linearWeightGradient(Tensor dW, Tensor dOut, Tensor x) {
    Linear.weightGradient(of(dW), of(dOut), of(x));
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
    HeadNormRotary.forward(
        of(out),
        of(inverseRms),
        of(qkv),
        of(queryWeight),
        of(keyWeight),
        shape,
        ropeTheta,
        epsilon);
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
    HeadNormRotary.backward(
        of(dQkv),
        of(dQueryWeight),
        of(dKeyWeight),
        of(dOut),
        of(inverseRms),
        of(qkv),
        of(queryWeight),
        of(keyWeight),
        shape,
        ropeTheta);
  }

  @Override
  public void attention(
      Tensor out, Tensor logSumExp, Tensor qkv, int[] documentStart, AttentionShape shape) {
    CausalAttention.forward(of(out), of(logSumExp), of(qkv), documentStart, shape);
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
    CausalAttention.backward(
        of(dQkv), of(dOut), of(out), of(logSumExp), of(qkv), documentStart, shape);
  }

  @Override
  public void route(
      Tensor probabilities,
      Tensor gates,
      Routing routing,
      Tensor logits,
      double[] selectionBias,
      boolean normalize) {
    Router.forward(of(probabilities), of(gates), routing, of(logits), selectionBias, normalize);
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
        of(dLogits),
        of(dGates),
        of(probabilities),
        of(gates),
        routing,
        of(logits),
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
    Experts.forward(
        of(out),
        of(gateUp),
        of(residual),
        of(x),
        of(gates),
        of(gateUpWeight),
        of(downWeight),
        routing);
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
        of(dX),
        of(dGates),
        of(dGateUpWeight),
        of(dDownWeight),
        of(dOut),
        of(gateUp),
        of(x),
        of(gates),
        of(gateUpWeight),
        of(downWeight),
        routing);
  }

  @Override
  public void crossEntropy(double[] losses, Tensor x, Tensor head, int[] targets) {
    CrossEntropy.forward(losses, of(x), of(head), targets);
  }

  @Override
  public void crossEntropyAndArgMax(
      double[] losses, int[] argMax, Tensor x, Tensor head, int[] targets) {
    CrossEntropy.forward(losses, of(x), of(head), targets);
    CrossEntropy.argMax(argMax, of(x), of(head), targets);
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
    CrossEntropy.forwardBackward(losses, of(dX), of(dHead), of(x), of(head), targets, scale);
  }

  @Override
  public void adamW(
      Tensor value, Tensor gradient, Tensor firstMoment, Tensor secondMoment, AdamWStep step) {
    AdamW.update(of(value), of(gradient), of(firstMoment), of(secondMoment), step);
  }
}
