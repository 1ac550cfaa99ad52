package org.metier.train;

import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.lang.management.MemoryType;

/** What the JVM says of its heap. */
final class JvmMemory {
  private JvmMemory() {}

  /**
   * Bytes that the threads now alive have allocated since they began, those of one thread left out.
   * Threads of JVM and collector are not among them.
   */
  static long allocatedBytes(long exceptThread) {
    var threads = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
    long[] ids = threads.getAllThreadIds();
    long[] bytes = threads.getThreadAllocatedBytes(ids);
    long sum = 0;
    for (int i = 0; i < ids.length; i++) {
      if (ids[i] != exceptThread) {
        sum += Math.max(0, bytes[i]); // -1 for a thread that has ended
      }
    }
    return sum;
  }

  static void resetPeakHeap() {
    for (MemoryPoolMXBean pool : ManagementFactory.getMemoryPoolMXBeans()) {
      pool.resetPeakUsage();
    }
  }

  /**
   * Most bytes of the heap in use since {@link #resetPeakHeap}, garbage included: the sum of the
   * generations' peaks, which need not have come at one time.
   */
  static long peakHeap() {
    long sum = 0;
    for (MemoryPoolMXBean pool : ManagementFactory.getMemoryPoolMXBeans()) {
      if (pool.getType() == MemoryType.HEAP) {
        sum += pool.getPeakUsage().getUsed();
      }
    }
    return sum;
  }
}
