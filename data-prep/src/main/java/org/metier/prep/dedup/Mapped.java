package org.metier.prep.dedup;

import java.util.Iterator;
import java.util.function.Function;

/** An iterator over what a function makes of another's elements. */
final class Mapped<S, T> implements Iterator<T> {
  private final Iterator<S> source;
  private final Function<S, T> function;

  Mapped(Iterator<S> source, Function<S, T> function) {
    this.source = source;
    this.function = function;
  }

  @Override
  public boolean hasNext() {
    return source.hasNext();
  }

  @Override
  public T next() {
    return function.apply(source.next());
  }
}
