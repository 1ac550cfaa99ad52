# For scripts that compare runs: sourced, not run. A cell is one run, trained and analysed; one that is finished is
# reused, so that a matrix can be stopped and started again.
#
# METIER_BENCH_SEEDS   seeds of every cell (default "1")
# METIER_BENCH_RUNS    directory of the runs (default runs/bench)

home=$(cd -P "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
seeds=${METIER_BENCH_SEEDS:-1}
runs=${METIER_BENCH_RUNS:-runs/bench}
finished=()

# The quickstart's corpus, fetched and prepared.
prepare_corpus() {
  "$home/jobs/run" --version >&2 # builds, if need be
  if [ ! -e .corpus/tokens/held-out/manifest.json ]; then
    "$home/jobs/run" quickstart --run.id=corpus --run.directory="$runs/corpus" --train.rounds=1 --train.localSteps=1 \
      --analyze.maxSequences=8 >&2
  fi
}

# Trains and analyses one run: cell NAME OPTION...
cell() {
  local name=$1 log began=$SECONDS
  local options=(--conf "$home/conf/quickstart.conf" --run.id="$name" --run.directory="$runs/$name" "${@:2}" "${everywhere[@]}")
  finished+=("$runs/$name")
  if [ -e "$runs/$name/finished" ]; then
    echo "$name: reused" >&2
    return
  fi
  mkdir -p "$runs/$name"
  log="$runs/$name/console"
  echo "$name: jobs/run train ${options[*]}" >&2
  "$home/jobs/run" train "${options[@]}" --resume >"$log" 2>&1 || fail_cell "$name" "$log"
  "$home/jobs/run" analyze "${options[@]}" >>"$log" 2>&1 || fail_cell "$name" "$log"
  touch "$runs/$name/finished"
  echo "$name: $((SECONDS - began)) s, $(grep -E '^all ' "$log" | tail -n 1)" >&2
}

fail_cell() { # name log
  echo "$(basename "$0"): $1 failed: $(tail -n 1 "$2")" >&2
  exit 1
}

# One Markdown row for every cell that has run.
print_table() {
  local run options=()
  for run in "${finished[@]}"; do
    options+=(--run "$run")
  done
  "$home/jobs/run" sql --run.directory="$runs/sql" --query balance_of_batches "${options[@]}"
}
