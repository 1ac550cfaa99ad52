"""Trains on the corpus as it is, once a week, if it has changed since the last accepted run.

METIER_SCHEDULE in the DAG processor's environment is another schedule; empty: only when triggered.
"""

import os

import pendulum
from airflow.sdk import DAG

from metier_pipeline import DEFAULT_ARGS, PARAMS, pipeline

with DAG(
    dag_id="metier_train_and_analyze",
    description="prepare, train, analyze and report; fails when loss or specialisation falls against the last run",
    schedule=os.environ.get("METIER_SCHEDULE", "@weekly") or None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,  # a run is compared with the one before it
    default_args=DEFAULT_ARGS,
    params=PARAMS,
    doc_md=__doc__,
    tags=["metier"],
):
    pipeline()
