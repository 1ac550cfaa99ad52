package org.metier.analysis;

import static org.apache.spark.sql.types.DataTypes.DoubleType;
import static org.apache.spark.sql.types.DataTypes.IntegerType;
import static org.apache.spark.sql.types.DataTypes.createArrayType;

import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.mllib.linalg.Matrix;
import org.apache.spark.mllib.linalg.Vector;
import org.apache.spark.mllib.linalg.Vectors;
import org.apache.spark.mllib.linalg.distributed.RowMatrix;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructType;
import scala.Tuple2;

/**
 * The table {@code router_map}: each layer's experts on a plane, near each other if their rows of
 * the router are alike, so that they ask for the same kind of token: the first two principal
 * components of the rows, centred. {@code explained} is the part of the variance that the plane
 * holds. A component's sign says nothing; it is set so that its largest coordinate is positive.
 */
public final class RouterMap {
  public static final String TABLE = "router_map";

  public static final StructType SCHEMA =
      new StructType()
          .add("layer", IntegerType, false)
          .add("expert", IntegerType, false)
          .add("x", DoubleType, false)
          .add("y", DoubleType, false)
          .add("explained", DoubleType, false);

  /** Rows of the routers: {@code weights [d]} of each layer and expert. */
  public static final StructType ROUTERS =
      new StructType()
          .add("layer", IntegerType, false)
          .add("expert", IntegerType, false)
          .add("weights", createArrayType(DoubleType, false), false);

  private RouterMap() {}

  /**
   * Rows by layer and expert; none for a layer of a single expert.
   *
   * @param routers {@link #ROUTERS}
   */
  public static List<Row> rows(SparkSession spark, Dataset<Row> routers) {
    TreeMap<Integer, TreeMap<Integer, double[]>> layers = new TreeMap<>();
    for (Row row : RoutingSchema.conform("routers", routers, ROUTERS).collectAsList()) {
      List<Double> weights = row.getList(2);
      layers
          .computeIfAbsent(row.getInt(0), layer -> new TreeMap<>())
          .put(row.getInt(1), weights.stream().mapToDouble(Double::doubleValue).toArray());
    }
    List<Row> rows = new ArrayList<>();
    layers.forEach((layer, experts) -> addLayer(spark, rows, layer, experts));
    return rows;
  }

  private static void addLayer(
      SparkSession spark, List<Row> rows, int layer, TreeMap<Integer, double[]> experts) {
    double[][] centred = centred(List.copyOf(experts.values()));
    int width = centred[0].length;
    if (experts.size() < 2 || width < 2) {
      return;
    }
    List<Vector> vectors = new ArrayList<>();
    for (double[] weights : centred) {
      vectors.add(Vectors.dense(weights));
    }
    JavaSparkContext context = JavaSparkContext.fromSparkContext(spark.sparkContext());
    RowMatrix matrix = new RowMatrix(context.parallelize(vectors, 1).rdd());
    Tuple2<Matrix, Vector> components = matrix.computePrincipalComponentsAndExplainedVariance(2);
    double[][] plane = new double[2][];
    for (int axis = 0; axis < 2; axis++) {
      plane[axis] = coordinates(centred, components._1(), axis);
    }
    double explained = components._2().apply(0) + components._2().apply(1);
    int i = 0;
    for (int expert : experts.keySet()) {
      rows.add(RowFactory.create(layer, expert, plane[0][i], plane[1][i], explained));
      i++;
    }
  }

  /** [E] coordinates along one component, the largest of them positive. */
  private static double[] coordinates(double[][] centred, Matrix components, int axis) {
    double[] coordinates = new double[centred.length];
    double largest = 0;
    for (int e = 0; e < centred.length; e++) {
      for (int i = 0; i < centred[e].length; i++) {
        coordinates[e] += centred[e][i] * components.apply(i, axis);
      }
      largest = Math.abs(coordinates[e]) > Math.abs(largest) ? coordinates[e] : largest;
    }
    for (int e = 0; e < coordinates.length && largest < 0; e++) {
      coordinates[e] = -coordinates[e];
    }
    return coordinates;
  }

  private static double[][] centred(List<double[]> rows) {
    double[][] centred = new double[rows.size()][];
    double[] mean = new double[rows.get(0).length];
    for (double[] row : rows) {
      for (int i = 0; i < mean.length; i++) {
        mean[i] += row[i] / rows.size();
      }
    }
    for (int e = 0; e < centred.length; e++) {
      centred[e] = rows.get(e).clone();
      for (int i = 0; i < mean.length; i++) {
        centred[e][i] -= mean[i];
      }
    }
    return centred;
  }
}
