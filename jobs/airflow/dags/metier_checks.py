"""What the DAGs ask of files: is the corpus another one, and is a run's model as good as the last accepted one.

Knows no Airflow: paths are local or URLs of any file system that fsspec knows (s3://, gs://, hdfs:// ...).
"""

import json
import posixpath
import tempfile

import duckdb
import fsspec

ACCEPTED = "accepted.json"

# Of the newest analysed step: loss over all held-out tokens, and how much an expert says about the domain.
METRICS = """
SELECT
  max(s.step) AS step,
  (SELECT max(step) FROM read_parquet('{tables}/train_metrics/**/*.parquet')) AS trained_step,
  (SELECT loss FROM read_parquet('{tables}/domain_loss/**/*.parquet', hive_partitioning = true)
   WHERE domain = 'all' AND step = max(s.step)) AS loss,
  avg(s.mutual_information) AS specialisation
FROM read_parquet('{tables}/layer_summary/**/*.parquet', hive_partitioning = true) AS s
WHERE s.step = (SELECT max(step) FROM read_parquet('{tables}/layer_summary/**/*.parquet', hive_partitioning = true))
"""

VERDICT = """
SELECT
  $loss <= $last_loss * (1 + $max_loss_increase) AS loss_holds,
  $specialisation >= $last_specialisation * (1 - $max_specialisation_decrease) AS specialisation_holds
"""


def last_accepted(store: str, run_id: str) -> str | None:
    """The accepted run before this one: of the same DAG, by the date in its name, whenever it has run."""
    files, root = fsspec.core.url_to_fs(f"{store}/runs")
    if not files.exists(root):
        return None
    series = run_id.rsplit("-", 1)[0]
    names = (posixpath.basename(path.rstrip("/")) for path in files.ls(root, detail=False))
    earlier = [name for name in names if name.rsplit("-", 1)[0] == series and name < run_id]
    return max((name for name in earlier if files.exists(f"{root}/{name}/{ACCEPTED}")), default=None)


def corpus_has_changed(corpus: str, store: str, run_id: str) -> bool:
    """Whether the corpus has files that the last accepted run was not made from; true if there is no such run."""
    last = last_accepted(store, run_id)
    if last is None:
        print("no accepted run yet")
        return True
    report = json.loads(_read(f"{store}/tokens/{last}/report.json"))
    before = {(posixpath.basename(file["name"]), file["bytes"], file["modified"] // 1000) for file in report["inputs"]}
    now = _listing(corpus)
    print(f"{len(now - before)} files are new or have changed and {len(before - now)} are gone since {last}")
    return now != before


def check_against_last(store: str, run_id: str, max_loss_increase: float, max_specialisation_decrease: float) -> dict:
    """Accepts a run, or raises ValueError: its tables are older than its model, its loss is higher than that of the last
    accepted run by more than a share, or its mutual information is lower.

    Only an accepted run is a measure for later ones, so that two small losses do not pass as none.
    """
    now = metrics(f"{store}/runs/{run_id}/tables")
    if now["step"] != now["trained_step"]:
        raise ValueError(f"{run_id}: the tables are of step {now['step']}, the model is of step {now['trained_step']}")
    last = last_accepted(store, run_id)
    if last is not None:
        then = metrics(f"{store}/runs/{last}/tables")
        holds = duckdb.execute(
            VERDICT,
            {
                "loss": now["loss"],
                "last_loss": then["loss"],
                "max_loss_increase": max_loss_increase,
                "specialisation": now["specialisation"],
                "last_specialisation": then["specialisation"],
                "max_specialisation_decrease": max_specialisation_decrease,
            },
        ).fetchone()
        for name, held in zip(("loss", "specialisation"), holds):
            print(f"{name}: {now[name]:.6g}, was {then[name]:.6g} in {last}: {'holds' if held else 'has fallen back'}")
            if not held:
                raise ValueError(
                    f"{run_id}: {name} is {now[name]:.6g}, was {then[name]:.6g} in {last}; allowed are "
                    f"{max_loss_increase:.1%} more loss and {max_specialisation_decrease:.1%} less specialisation"
                )
    accepted = {**now, "against": last}
    files, path = fsspec.core.url_to_fs(f"{store}/runs/{run_id}/{ACCEPTED}")
    with files.open(path, "w") as out:
        json.dump(accepted, out)
    return accepted


def metrics(tables: str) -> dict:
    """Step, loss and mean mutual information (bits) of a run's newest analysis, by SQL over its Parquet tables."""
    files, root = fsspec.core.url_to_fs(tables)
    with tempfile.TemporaryDirectory() as local:
        for table in ("layer_summary", "domain_loss", "train_metrics"):  # some kilobytes each
            files.get(f"{root}/{table}", f"{local}/{table}", recursive=True)
        names = ("step", "trained_step", "loss", "specialisation")
        return dict(zip(names, duckdb.sql(METRICS.format(tables=local)).fetchone()))


def _listing(corpus: str) -> set[tuple[str, int, int]]:
    """Name, bytes and second of change of every file that prepare would read."""
    files, root = fsspec.core.url_to_fs(corpus)
    endings = tuple(f"{ending}{packed}" for ending in (".jsonl", ".ndjson", ".json") for packed in ("", ".gz"))
    found = set()
    for path, info in files.find(root, detail=True).items():
        parts = path[len(root) :].lstrip("/").split("/")
        if not any(part.startswith((".", "_")) for part in parts) and path.lower().endswith(endings):
            found.add((posixpath.basename(path), info["size"], int(files.modified(path).timestamp())))
    return found


def _read(url: str) -> bytes:
    files, path = fsspec.core.url_to_fs(url)
    return files.cat_file(path)
