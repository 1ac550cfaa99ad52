package org.metier.engine.kernel.nd4j;

import org.metier.engine.tensor.Storage;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The ND4J backend's memory: one flat array on whatever device ND4J runs on.
 *
 * @param values a vector of at least {@code length} elements (ND4J has no vector of none)
 */
record Nd4jStorage(INDArray values, int length) implements Storage {}
