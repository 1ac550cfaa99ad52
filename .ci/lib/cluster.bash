# Sourced by the end-to-end scripts: a real Spark installation, a standalone cluster and an HDFS of processes of their own
# on this machine. Whatever is started here is ended when the script ends, however it ends.
#
# METIER_E2E_CACHE  keeps what is installed between calls (default target/e2e)

home=$(cd -P "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
cache=${METIER_E2E_CACHE:-$home/target/e2e}
spark_version=$(sed -n 's|.*<spark.version>\(.*\)</spark.version>.*|\1|p' "$home/pom.xml")
hadoop_version=$(sed -n 's|.*<hadoop.version>\(.*\)</hadoop.version>.*|\1|p' "$home/pom.xml")
work=$(mktemp -d "${TMPDIR:-/tmp}/metier e2e.XXXXXX")
plain=$(mktemp -d "${TMPDIR:-/tmp}/metier-hadoop.XXXXXX") # Hadoop's servers take no directory with a space in its name
groups=() # process groups that we lead
trap 'stop_all' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

fail() {
  echo "FAILED: $1" >&2
  local log
  for log in "$work"/logs/*; do
    [ ! -s "$log" ] || { echo "-- $log" && tail -n 15 "$log"; } >&2
  done
  exit 1
}

say() {
  printf '%4d s  %s\n' "$SECONDS" "$1"
}

# Runs a server in a process group of its own, its output in $work/logs/NAME; leaves the group in $group.
start() { # name, command ...
  local name=$1
  shift
  mkdir -p "$work/logs"
  setsid "$@" >"$work/logs/$name" 2>&1 </dev/null &
  group=$!
  groups+=("$group")
}

# TERM, so that Spark's Worker ends its executors; KILL for who does not listen.
stop_group() {
  local poll
  kill -TERM -- "-$1" 2>/dev/null || return 0
  for poll in {1..100}; do
    kill -0 -- "-$1" 2>/dev/null || return 0
    sleep 0.1
  done
  kill -KILL -- "-$1" 2>/dev/null || true
}

# What has left its group, as Airflow's tasks do: whoever names our directory in its arguments or environment.
stop_strays() {
  local process
  for process in /proc/[0-9]*; do
    if [ "${process#/proc/}" -ne $$ ] && [ "${process#/proc/}" -ne "$BASHPID" ] &&
      cat "$process/cmdline" "$process/environ" 2>/dev/null | grep -qzF -e "$work" -e "$plain"; then
      kill -KILL "${process#/proc/}" 2>/dev/null || true
    fi
  done
}

stop_all() {
  local code=$? i
  for ((i = ${#groups[@]} - 1; i >= 0; i--)); do
    stop_group "${groups[i]}"
  done
  stop_strays
  rm -rf "$work" "$plain" 2>/dev/null || { sleep 2 && rm -rf "$work" "$plain"; }
  exit "$code"
}

# Prints what a pattern's first group matches in a log, once it is there; polls are counted, not the clock. Gives up as soon as
# what has been started last has ended.
await() { # name of the log, seconds, sed pattern with one group
  local poll found
  for ((poll = 0; poll < $2 * 5; poll++)); do
    found=$(sed -n "s|.*$3.*|\1|p" "$work/logs/$1" 2>/dev/null | head -n 1)
    if [ -n "$found" ]; then
      echo "$found"
      return 0
    fi
    kill -0 -- "-$group" 2>/dev/null || return 1
    sleep 0.2
  done
  return 1
}

# A Python of our own with DuckDB, which reads the tables as a stranger does; $cache/python/bin/python.
install_python() {
  [ ! -d "$cache/python" ] || return 0
  mkdir -p "$cache"
  rm -rf "$cache/python.partial"
  python3 -m venv "$cache/python.partial"
  "$cache/python.partial/bin/python" -m pip install -q --disable-pip-version-check duckdb==1.4.1
  mv "$cache/python.partial" "$cache/python"
}

# A distribution of Spark as its users install it, from Python's package index; sets SPARK_HOME.
install_spark() {
  local into="$cache/spark-$spark_version"
  install_python
  if [ ! -d "$into" ]; then
    say "installing Spark $spark_version"
    rm -rf "$into.partial"
    "$cache/python/bin/python" -m pip install -q --disable-pip-version-check --no-deps --target "$into.partial" "pyspark==$spark_version"
    mv "$into.partial" "$into"
  fi
  export SPARK_HOME="$into/pyspark"
  unset HADOOP_HOME HADOOP_CONF_DIR SPARK_CONF_DIR
}

# Our jars, built if any source is newer; sets $assembly.
build_assembly() {
  "$home/jobs/run" --version >/dev/null
  assembly=$(find "$home/jobs/target" -maxdepth 1 -name 'metier-*-spark.jar' | head -n 1)
  [ -n "$assembly" ] || fail "the build made no metier-VERSION-spark.jar"
}

# A standalone Master and its Workers; sets $master. Needs install_spark.
start_standalone() { # workers, cores of each, memory of each
  local w port class="$SPARK_HOME/bin/spark-class"
  export SPARK_LOCAL_IP=127.0.0.1 SPARK_DAEMON_MEMORY=256m SPARK_DAEMON_JAVA_OPTS="-XX:+UseSerialGC -Dspark.worker.timeout=3600"
  start master "$class" org.apache.spark.deploy.master.Master --host 127.0.0.1 --port 0 --webui-port 0
  port=$(await master 60 "service 'sparkMaster' on port \([0-9]*\)") || fail "no Spark Master"
  master="spark://127.0.0.1:$port"
  for ((w = 1; w <= $1; w++)); do
    start "worker-$w" "$class" org.apache.spark.deploy.worker.Worker --host 127.0.0.1 --port 0 --webui-port 0 \
      --cores "$2" --memory "$3" --work-dir "$work/executors-$w" "$master"
  done
  for ((w = 1; w <= $1; w++)); do
    await "worker-$w" 60 "\(Successfully registered\) with master" >/dev/null || fail "Spark Worker $w has not registered"
  done
}

# Hadoop's servers for tests and what they need: JUnit to assert with, Bouncy Castle for the ResourceManager; sets $hadoop_servers.
install_hadoop_servers() {
  local jars="$cache/hadoop-$hadoop_version" artifact
  for artifact in org.apache.hadoop:hadoop-client-minicluster:"$hadoop_version" junit:junit:4.13.2 \
    org.bouncycastle:bcprov-jdk15on:1.70 org.bouncycastle:bcpkix-jdk15on:1.70 org.bouncycastle:bcutil-jdk15on:1.70; do
    [ -n "$(find "$jars" -name "$(cut -d: -f2 <<<"$artifact")-*.jar" 2>/dev/null)" ] ||
      (cd "$home" && mvn -q -B -N dependency:copy -Dartifact="$artifact" -DoutputDirectory="$jars")
  done
  hadoop_servers="$jars/*:$SPARK_HOME/jars/*"
}

# Hadoop's MiniDFSCluster, a NameNode and a DataNode in one process; sets $hdfs. Needs install_spark.
start_hdfs() {
  local port="" try
  install_hadoop_servers
  for try in 1 2 3 4; do # it gives itself ten seconds to start, which a busy machine may not
    start hdfs "${JAVA_HOME:+$JAVA_HOME/bin/}java" -Xmx256m -XX:+UseSerialGC "-Dtest.build.data=$plain/hdfs-$try" \
      -cp "$hadoop_servers" org.apache.hadoop.test.MiniDFSClusterManager -datanodes 1 -format -writeDetails "$work/logs/hdfs.json"
    ! port=$(await hdfs.json 120 '"namenode_port":\([0-9]*\)') || break
  done
  [ -n "$port" ] || fail "no HDFS"
  hdfs="hdfs://127.0.0.1:$port"
}

# Hadoop's MiniYARNCluster in one process, its containers in processes of their own; sets HADOOP_CONF_DIR. Needs start_hdfs.
start_yarn() {
  # Guice makes classes in java.lang's class loader
  start yarn bash -c 'cd "$0" && exec "$@"' "$plain" "${JAVA_HOME:+$JAVA_HOME/bin/}java" -Xmx512m -XX:+UseSerialGC --add-opens=java.base/java.lang=ALL-UNNAMED \
    -cp "$hadoop_servers" "$home/.ci/lib/YarnCluster.java" "$hdfs" "$plain/conf"
  await yarn 180 '\(YARN is up\)' >/dev/null || fail "no YARN"
  export HADOOP_CONF_DIR="$plain/conf"
}

# Hadoop's file system shell, out of Spark's own jars; it insists on site files.
hadoop_fs() {
  mkdir -p "$plain/client"
  tee "$plain/client/core-site.xml" "$plain/client/hdfs-site.xml" <<<'<configuration/>' >/dev/null
  "${JAVA_HOME:+$JAVA_HOME/bin/}java" -XX:TieredStopAtLevel=1 -cp "$plain/client:$SPARK_HOME/jars/*" \
    org.apache.hadoop.fs.FsShell "$@" >>"$work/logs/hadoop-fs" 2>&1
}

# The code block of a document that the line "<!-- run: NAME -->" precedes.
document_block() { # file, name
  awk -v mark="<!-- run: $2 -->" '
    $0 == mark { found = 1; next }
    found && /^```/ { if (inside) exit; inside = 1; next }
    inside { print }' "$1"
}

# Runs the commands of a document as they stand there, from what looks like the repository's root; their output in logs/BLOCK.
run_block() { # document, block
  document_block "$home/jobs/docs/$1" "$2" >"$2.bash"
  [ -s "$2.bash" ] || fail "$1 has no block $2"
  bash -euo pipefail "$2.bash" >"logs/$2" 2>&1 || fail "the commands $2 of $1"
  say "$1: $2"
}
