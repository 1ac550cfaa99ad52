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
  final double[] gates;
  final double[] out;
  final double[] dX;
  final double[] dRouter;
  final double[] dIn;
  final double[] dOutWeight;
  final Routing routing;

  /**
   * One forward and one backward pass without null experts and capacity.
   *
   * @param x [T, d]
   * @param router [E, d]
   * @param in [E, 2f, d]
   * @param outWeight [E, d, f]
   * @param dOut [T, d]
   */
  ExpertLayer(
      Trial trial, int topK, Tensor x, Tensor router, Tensor in, Tensor outWeight, Tensor dOut) {
    this(
        trial,
        Routings.used(x.dim(0), router.dim(0), topK),
        new double[router.dim(0)],
        x,
        router,
        in,
        outWeight,
        dOut);
  }

  /**
   * @param routing for T tokens, to be filled
   * @param selectionBias [n + m]
   * @param router [n + m, d]
   */
  ExpertLayer(
      Trial trial,
      Routing routing,
      double[] selectionBias,
      Tensor x,
      Tensor router,
      Tensor in,
      Tensor outWeight,
      Tensor dOut) {
    this.routing = routing;
    Kernels k = trial.kernels();
    int tokens = x.dim(0);
    int width = x.dim(1);
    int columns = router.dim(0);
    int hidden = outWeight.dim(2);
    int topK = routing.topK();

    Tensor logits = trial.output("logits", tokens, columns);
    Tensor probabilities = trial.output("probabilities", tokens, columns);
    Tensor gatesTensor = trial.output("gates", tokens, topK);
    Tensor outTensor = trial.output("out", tokens, width);
    k.linear(logits, x, router, false);
    k.route(probabilities, gatesTensor, routing, logits, selectionBias, true);
    int rows = routing.rows();
    Tensor gateUp = trial.output("gateUp", rows, 2 * hidden);
    Tensor work = trial.working("work", rows, width);
    k.experts(outTensor, gateUp, work, x, x, gatesTensor, in, outWeight, routing);

    Tensor dGates = trial.output("dGates", tokens, topK);
    Tensor dLogits = trial.output("dLogits", tokens, columns);
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
        gatesTensor,
        in,
        outWeight,
        routing);
    double[] noBalance = new double[columns];
    k.routeBackward(
        dLogits, dGates, probabilities, gatesTensor, routing, logits, true, noBalance, 0);
    k.linearWeightGradient(dRouterTensor, dLogits, x);
    k.linearInputGradient(dXTensor, dLogits, router, true);
    k.addScaled(dXTensor, 1, dOut);

    this.gates = trial.read(gatesTensor);
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
