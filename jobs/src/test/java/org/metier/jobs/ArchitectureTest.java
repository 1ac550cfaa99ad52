package org.metier.jobs;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaCall.Predicates.target;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.core.domain.properties.HasName.Predicates.nameMatching;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchRule;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/** Who may know whom: the fine rules that Maven's modules cannot express, and the coarse ones. */
class ArchitectureTest {
  private static final JavaClasses OURS =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .importPackages("org.metier");

  @Test
  void modulesAreOnTheClasspath() {
    for (String module : List.of("engine", "model", "train", "prep", "jobs")) {
      assertThat(OURS).as(module).anyMatch(resideInAPackage("org.metier." + module + ".."));
    }
  }

  @Test
  void dependenciesPointOneWay() {
    knowsOnly("engine");
    knowsOnly("model", "engine");
    knowsOnly("prep");
    knowsOnly("analysis");
    knowsOnly("train", "model", "engine", "prep");
  }

  /** Besides itself, a module may know these modules of ours and no other. */
  private static void knowsOnly(String module, String... known) {
    String[] allowed = new String[known.length + 1];
    allowed[0] = "org.metier." + module + "..";
    for (int i = 0; i < known.length; i++) {
      allowed[i + 1] = "org.metier." + known[i] + "..";
    }
    check(
        noClasses()
            .that()
            .resideInAPackage(allowed[0])
            .should()
            .dependOnClassesThat(
                resideInAPackage("org.metier..").and(not(resideInAnyPackage(allowed)))));
  }

  @Test
  void arithmeticNeverSeesSpark() {
    check(
        noClasses()
            .that()
            .resideInAnyPackage("org.metier.engine..", "org.metier.model..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("org.apache.spark..", "org.apache.hadoop..", "scala.."));
  }

  @Test
  void balanceIsAFunctionFromCountsToASignal() {
    check(
        classes()
            .that()
            .resideInAPackage("org.metier.model.balance..")
            .should()
            .onlyDependOnClassesThat()
            .resideInAnyPackage("java..", "org.metier.model.balance.."));
  }

  @Test
  void theVectorApiStaysInTheRowLoops() {
    assertThat(usersOf("jdk.incubator.vector.."))
        .isSubsetOf(
            "org.metier.engine.kernel.cpu.VectorRows",
            "org.metier.engine.kernel.cpu.VectorNormRows");
  }

  @Test
  void theBlasStaysInOneFile() {
    assertThat(usersOf("dev.ludovic.netlib..", "org.bytedeco.."))
        .isSubsetOf("org.metier.engine.kernel.cpu.Blas");
  }

  @Test
  void nd4jStaysInItsBackendAndInTheReducerOnIt() {
    check(
        noClasses()
            .that()
            .resideOutsideOfPackage("org.metier.engine.kernel.nd4j..")
            .and()
            .doNotHaveFullyQualifiedName("org.metier.train.Dl4jReducer")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("org.nd4j..", "org.deeplearning4j.."));
  }

  /** An incubator API and native code may change or fail: few files to look at, then. */
  private static Set<String> usersOf(String... packages) {
    Set<String> files = new TreeSet<>();
    for (JavaClass user : OURS) {
      boolean uses =
          user.getDirectDependenciesFromSelf().stream()
              .anyMatch(use -> resideInAnyPackage(packages).test(use.getTargetClass()));
      if (uses) {
        files.add(topLevel(user));
      }
    }
    return files;
  }

  private static String topLevel(JavaClass javaClass) {
    return javaClass.getName().replaceFirst("\\$.*", "");
  }

  @Test
  void kernelsAreReachedThroughTheirSeam() {
    check(
        noClasses()
            .that()
            .resideInAPackage("org.metier.model..")
            .should()
            .dependOnClassesThat()
            .resideInAPackage("org.metier.engine.kernel.*.."));
  }

  /** A file that somebody else has written must not decide which classes are made. */
  @Test
  void noJavaSerialisedDataIsReadFromFiles() {
    check(
        noClasses()
            .should()
            .dependOnClassesThat()
            .areAssignableTo(java.io.ObjectInputStream.class)
            .orShould()
            .callMethodWhere(
                target(
                    nameMatching(
                        "objectFile|saveAsObjectFile|readUnshared|activateDefaultTyping"))));
  }

  @Test
  void jobsAreNoLibrary() {
    check(
        noClasses()
            .that()
            .resideOutsideOfPackage("org.metier.jobs..")
            .should()
            .dependOnClassesThat()
            .resideInAPackage("org.metier.jobs.."));
  }

  private static void check(ArchRule rule) {
    // a package may come later than its rule
    rule.allowEmptyShould(true).check(OURS);
  }
}
