package org.metier.analysis;

import static org.apache.spark.sql.types.DataTypes.DoubleType;
import static org.apache.spark.sql.types.DataTypes.IntegerType;
import static org.apache.spark.sql.types.DataTypes.StringType;

import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import org.apache.spark.ml.clustering.KMeans;
import org.apache.spark.ml.clustering.KMeansModel;
import org.apache.spark.ml.linalg.Vector;
import org.apache.spark.ml.linalg.VectorUDT;
import org.apache.spark.ml.linalg.Vectors;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructType;

/**
 * The table {@code expert_cluster}: experts of all layers that serve the same domains.
 *
 * <p>An expert's <i>profile</i> is the mix of domains that it would see if all domains were equally
 * long: share_D / Σ_D share_D, so that the largest domain does not stand out by its size. k-means
 * over the profiles makes one cluster per domain and one more, for those who serve all; experts
 * without a token are left out.
 *
 * <ul>
 *   <li>{@code cluster}: numbered by the first expert in it, in the order of layers and experts
 *   <li>{@code label}: the domain that leads the cluster's centre, or {@code mixed} if it has less
 *       than twice an even part there
 *   <li>{@code label_part}: that domain's part of the centre
 *   <li>{@code distance}: of the expert's profile from the centre, Euclidean
 * </ul>
 */
public final class ExpertClusters {
  public static final String TABLE = "expert_cluster";

  public static final StructType SCHEMA =
      new StructType()
          .add("layer", IntegerType, false)
          .add("expert", IntegerType, false)
          .add("cluster", IntegerType, false)
          .add("label", StringType, false)
          .add("label_part", DoubleType, false)
          .add("distance", DoubleType, false);

  private static final StructType PROFILES = new StructType().add("features", new VectorUDT());

  private static final String MIXED = "mixed";

  private ExpertClusters() {}

  private record Profile(int layer, int expert, Vector mix) {}

  /** Rows by layer and expert. */
  public static List<Row> rows(SparkSession spark, Tables tables, long seed) {
    List<String> domains =
        tables.expertDomain().stream().map(ExpertDomain::domain).distinct().sorted().toList();
    List<Profile> profiles = profiles(tables, domains);
    if (profiles.size() < 2) {
      return List.of();
    }
    List<Row> points = profiles.stream().map(p -> RowFactory.create(p.mix)).toList();
    // One partition in a fixed order: the same sums, whatever the cluster.
    Dataset<Row> frame = spark.createDataFrame(points, PROFILES).coalesce(1);
    KMeansModel model =
        new KMeans()
            .setK(Math.min(domains.size() + 1, profiles.size() - 1))
            .setSeed(seed)
            .setMaxIter(50)
            .fit(frame);
    Vector[] centres = model.clusterCenters();
    TreeMap<Integer, Integer> numbers = new TreeMap<>();
    List<Row> rows = new ArrayList<>();
    for (Profile profile : profiles) {
      int centre = model.predict(profile.mix);
      int number = numbers.computeIfAbsent(centre, c -> numbers.size());
      double[] mix = centres[centre].toArray();
      int leader = 0;
      for (int d = 1; d < mix.length; d++) {
        leader = mix[d] > mix[leader] ? d : leader;
      }
      rows.add(
          RowFactory.create(
              profile.layer,
              profile.expert,
              number,
              mix[leader] * mix.length >= 2 ? domains.get(leader) : MIXED,
              mix[leader],
              Math.sqrt(Vectors.sqdist(profile.mix, centres[centre]))));
    }
    return rows;
  }

  private static List<Profile> profiles(Tables tables, List<String> domains) {
    List<Profile> profiles = new ArrayList<>();
    for (ExpertLoad load : tables.expertLoad()) {
      if (load.tokens() > 0) {
        double[] mix = new double[domains.size()];
        double sum = 0;
        for (ExpertDomain row : tables.expertDomain()) {
          if (row.layer() == load.layer() && row.expert() == load.expert()) {
            mix[domains.indexOf(row.domain())] = row.share();
            sum += row.share();
          }
        }
        for (int d = 0; d < mix.length; d++) {
          mix[d] /= sum;
        }
        profiles.add(new Profile(load.layer(), load.expert(), Vectors.dense(mix)));
      }
    }
    return profiles;
  }
}
