"""Trains a model on each month's text, which lies in CORPUS/2026-01, CORPUS/2026-02 and so on. For months that are past:

    airflow backfill create --dag-id metier_by_month --from-date 2026-01-01 --to-date 2026-03-31 --max-active-runs 1

A month that has been trained already is found finished, job by job, and costs a few seconds. A DAG that is unpaused also starts the
month that ended last by itself; METIER_MONTHS_UNTIL in the DAG processor's environment, a date, ends the schedule there.
"""

import os

import pendulum
from airflow.sdk import DAG, CronDataIntervalTimetable

from metier_pipeline import CORPUS, DEFAULT_ARGS, PARAMS, pipeline

with DAG(
    dag_id="metier_by_month",
    description="a model for each month's text; made for backfills",
    schedule=CronDataIntervalTimetable("@monthly", timezone="UTC"),  # when its month is over
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    end_date=pendulum.parse(until) if (until := os.environ.get("METIER_MONTHS_UNTIL")) else None,
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    params=PARAMS,
    doc_md=__doc__,
    tags=["metier"],
):
    pipeline(corpus=f"{CORPUS}/{{{{ data_interval_start.strftime('%Y-%m') }}}}")
