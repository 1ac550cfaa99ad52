import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.hadoop.yarn.conf.YarnConfiguration;
import org.apache.hadoop.yarn.server.MiniYARNCluster;

/** Hadoop's MiniYARNCluster, a ResourceManager and two NodeManagers: {@code YarnCluster FILE-SYSTEM CONF-DIRECTORY}. */
public class YarnCluster {
  public static void main(String[] args) throws Exception {
    YarnConfiguration conf = new YarnConfiguration();
    conf.set("fs.defaultFS", args[0]);
    conf.setInt(YarnConfiguration.NM_PMEM_MB, 16384); // what properties files ask for is not what a test uses
    conf.setInt(YarnConfiguration.RM_SCHEDULER_MINIMUM_ALLOCATION_MB, 256);
    conf.setInt(YarnConfiguration.RM_SCHEDULER_MAXIMUM_ALLOCATION_MB, 16384);
    conf.set(
        YarnConfiguration.RM_SCHEDULER,
        "org.apache.hadoop.yarn.server.resourcemanager.scheduler.fifo.FifoScheduler"); // needs no queues
    conf.setBoolean(YarnConfiguration.NM_VMEM_CHECK_ENABLED, false); // a JVM reserves far more addresses than it uses
    MiniYARNCluster cluster = new MiniYARNCluster("metier", 2, 1, 1);
    cluster.init(conf);
    cluster.start();
    Path directory = Files.createDirectories(Path.of(args[1]));
    try (OutputStream out = Files.newOutputStream(directory.resolve("yarn-site.xml.partial"))) {
      cluster.getConfig().writeXml(out);
    }
    Files.move(directory.resolve("yarn-site.xml.partial"), directory.resolve("yarn-site.xml"));
    System.out.println("YARN is up");
    Thread.sleep(Long.MAX_VALUE);
  }
}
