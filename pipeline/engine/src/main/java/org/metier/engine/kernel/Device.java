package org.metier.engine.kernel;

import java.util.Optional;

/**
 * What one worker computes on.
 *
 * @param gpu address of a GPU as the machine's scheduler names it, its number as a rule; none is
 *     whatever the backend computes on by itself, the processor but for ND4J's CUDA backends
 */
public record Device(Optional<String> gpu) {
  /** No GPU was given. */
  public static final Device CPU = new Device(Optional.empty());

  public static Device gpu(String address) {
    return new Device(Optional.of(address));
  }

  /** {@code cpu} or {@code gpu 1}. */
  @Override
  public String toString() {
    return gpu.map(address -> "gpu " + address).orElse("cpu");
  }
}
