package org.metier.engine.kernel.contract;

import org.metier.engine.kernel.Kernels;
import org.metier.engine.kernel.Routing;
import org.metier.engine.tensor.Tensor;

/**
 * A mixture-of-experts layer put together from the ops, for the identities: router, and experts on
 * top of the residual. Kept here and not taken from the model, so that a backend is judged by its
 * kernels alone.
 */
final class ExpertLayer {
  final double[] out;
  final double[] dX;
  final double[] dRouter;
  final double[] dIn;
  final double[] dOutWeight;
  final Routing routing;

  /**
   * One forward and one backward pass.
   *
   * @param x [T, d]
   * @param router [E, d]
   * @param in [E, 2f, d]
   * @param outWeight [E, d, f]
   * @param dOut [T, d]
   */
  ExpertLayer(
      Trial trial, int topK, Tensor x, Tensor router, Tensor in, Tensor outWeight, Tensor dOut) {
    Kernels k = trial.kernels();
    int tokens = x.dim(0);
    int width = x.dim(1);
    int experts = router.dim(0);
    int hidden = outWeight.dim(2);
    int rows = tokens * topK;
    routing = Routings.used(tokens, experts, topK);

    Tensor logits = trial.output("logits", tokens, experts);
    Tensor probabilities = trial.output("probabilities", tokens, experts);
    Tensor gates = trial.output("gates", tokens, topK);
    Tensor gateUp = trial.output("gateUp", rows, 2 * hidden);
    Tensor outTensor = trial.output("out", tokens, width);
    Tensor work = trial.working("work", rows, width);
    k.linear(logits, x, router, false);
    k.route(probabilities, gates, routing, logits, new double[experts], true);
    k.experts(outTensor, gateUp, work, x, x, gates, in, outWeight, routing);

    Tensor dGates = trial.output("dGates", tokens, topK);
    Tensor dLogits = trial.output("dLogits", tokens, experts);
    Tensor dXTensor = trial.output("dX", tokens, width);
    Tensor dRouterTensor = zeros(trial, "dRouter", router);
    Tensor dInTensor = zeros(trial, "dIn", in);
    Tensor dOutWeightTensor = zeros(trial, "dOutWeight", outWeight);
    k.expertsBackward(
        dXTensor,
        dGates,
        dInTensor,
        dOutWeightTensor,
        work,
        dOut,
        gateUp,
        x,
        gates,
        in,
        outWeight,
        routing);
    double[] noBalance = new double[experts];
    k.routeBackward(dLogits, dGates, probabilities, gates, routing, logits, true, noBalance, 0);
    k.linearWeightGradient(dRouterTensor, dLogits, x);
    k.linearInputGradient(dXTensor, dLogits, router, true);
    k.addScaled(dXTensor, 1, dOut);

    out = trial.read(outTensor);
    dX = trial.read(dXTensor);
    dRouter = trial.read(dRouterTensor);
    dIn = trial.read(dInTensor);
    dOutWeight = trial.read(dOutWeightTensor);
  }

  private static Tensor zeros(Trial trial, String name, Tensor like) {
    return trial.accumulator(name, new float[like.size()], like.shape());
  }
}
