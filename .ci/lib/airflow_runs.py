"""Triggers DAG runs through Airflow's REST API and waits for them. METIER_AIRFLOW_URL is the API server's."""

import functools
import json
import os
import sys
import time
import urllib.request

URL = os.environ["METIER_AIRFLOW_URL"]


@functools.cache
def token():
    return call("GET", "/auth/token")["access_token"]


def call(method, path, body=None):
    request = urllib.request.Request(URL + path, method=method, data=None if body is None else json.dumps(body).encode())
    request.add_header("Content-Type", "application/json")
    if path != "/auth/token":
        request.add_header("Authorization", "Bearer " + token())
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def trigger(dag, date, conf):
    """Starts the run of a logical date; prints its id."""
    call("PATCH", f"/api/v2/dags/{dag}", {"is_paused": False})
    run = call("POST", f"/api/v2/dags/{dag}/dagRuns", {"logical_date": date, "conf": json.loads(conf)})
    print(run["dag_run_id"])


def named(dag, date):
    """Waits for the run of a logical date that somebody else has started; prints its id."""
    for _ in range(120):
        for run in call("GET", f"/api/v2/dags/{dag}/dagRuns")["dag_runs"]:
            if (run["logical_date"] or "").startswith(date):
                print(run["dag_run_id"])
                return
        time.sleep(1)
    sys.exit(f"{dag} has no run of {date}")


def wait(dag, run, seconds):
    """Waits for a run's end; prints its state and, for each task, state and number of tries."""
    for _ in range(int(seconds)):
        state = call("GET", f"/api/v2/dags/{dag}/dagRuns/{run}")["state"]
        if state in ("success", "failed"):
            tasks = call("GET", f"/api/v2/dags/{dag}/dagRuns/{run}/taskInstances")["task_instances"]
            print(state, " ".join(f"{t['task_id']}={t['state']}:{t['try_number']}" for t in tasks))
            return
        time.sleep(1)
    sys.exit(f"{dag} {run} is still {state}")


def healthy():
    """Succeeds once scheduler and DAG processor live, and the DAGs are known."""
    health = call("GET", "/api/v2/monitor/health")
    alive = all(health[part]["status"] == "healthy" for part in ("metadatabase", "scheduler", "dag_processor"))
    dags = {dag["dag_id"] for dag in call("GET", "/api/v2/dags")["dags"]}
    sys.exit(0 if alive and {"metier_train_and_analyze", "metier_by_month"} <= dags else 1)


if __name__ == "__main__":
    {"trigger": trigger, "named": named, "wait": wait, "healthy": healthy}[sys.argv[1]](*sys.argv[2:])
