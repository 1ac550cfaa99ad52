"""prepare -> train -> analyze -> report as Airflow tasks, for the DAGs beside this file.

What makes retries safe: every launch names the same run (its id is made of the DAG's id and the run's logical date), and
every job is idempotent. A second launch while one lives exits with 6 and trains nothing, a launch after a failure goes on
from the newest checkpoint, and a launch after success finds its result and exits with 0.

What belongs to the place is told by Airflow Variables, once: metier_home (a directory with conf/ and metier-spark.jar, or
this repository), metier_store (receives tokens/ and runs/, on any file system that Spark and Airflow both see) and
metier_corpus. What belongs to a run is told by its params.
"""

import os
from datetime import timedelta

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk import Param, task

from metier_checks import check_against_last, corpus_has_changed

# the same for every try of a DAG run, and for a run that is cleared and run again
RUN_ID = "{{ dag.dag_id }}-{{ (dag_run.logical_date or dag_run.run_after) | ts_nodash }}"
STORE = "{{ params.store or var.value.metier_store }}"
CORPUS = "{{ params.corpus or var.value.metier_corpus }}"
JAR = "{{ var.value.get('metier_jar', var.value.metier_home ~ '/metier-spark.jar') }}"
PROPERTIES = "{{ var.value.get('metier_properties', var.value.metier_home ~ '/conf/spark/standalone.properties') }}"

TOKENS = f"{STORE}/tokens/{RUN_ID}"
RUN = f"{STORE}/runs/{RUN_ID}"

PARAMS = {
    "corpus": Param(None, type=["null", "string"], description="JSONL files or directories of them; empty: metier_corpus"),
    "store": Param(None, type=["null", "string"], description="receives tokens/ and runs/; empty: metier_store"),
    "rounds": Param(60, type="integer", minimum=1, description="rounds of the whole run: train.rounds"),
    "workers": Param(2, type="integer", minimum=1, description="replicas side by side: train.workers"),
    "options": Param([], type="array", items={"type": "string"}, description="further keys for every job: --key=value"),
    "force": Param(False, type="boolean", description="train even if the corpus is that of the last accepted run"),
    "max_loss_increase": Param(
        0.02, type="number", minimum=0, description="held-out loss may be higher than the last run's by this share"
    ),
    "max_specialisation_decrease": Param(
        0.2, type="number", minimum=0, maximum=1, description="mutual information may be lower by this share"
    ),
}

# A killed driver holds its run until its lease expires (run.leaseSeconds, a minute); a try before that exits with 6.
DEFAULT_ARGS = {
    "retries": 4,
    "retry_delay": timedelta(seconds=int(os.environ.get("METIER_RETRY_SECONDS", "90"))),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=10),
}


class MetierOperator(SparkSubmitOperator):
    """SparkSubmitOperator for one of Metier's jobs; ``params.options`` follow the job's own arguments."""

    def __init__(self, *, job: str, arguments: list[str], **kwargs):
        super().__init__(
            application=JAR,
            java_class=f"org.metier.jobs.{job}",
            properties_file=PROPERTIES,
            name=f"metier {RUN_ID}",
            application_args=[f"--run-id={RUN_ID}", f"--run.directory={RUN}", *arguments],
            **kwargs,
        )

    def execute(self, context):
        self.application_args = [*self.application_args, *context["params"]["options"]]
        super().execute(context)


def pipeline(corpus: str = CORPUS):
    """The tasks of one DAG run, in a DAG that is open (``with DAG(...)``).

    :param corpus: templated; where this DAG run's text lies
    """
    settings = [
        f"--prepare.input={corpus}",
        f"--prepare.output={TOKENS}",
        "--train.rounds={{ params.rounds }}",
        "--train.workers={{ params.workers }}",
    ]

    @task.short_circuit(task_id="corpus_has_changed")
    def freshness(corpus: str, store: str, run: str, params: dict | None = None) -> bool:
        return params["force"] or corpus_has_changed(corpus, store, run)

    @task(task_id="check_against_last_run")
    def check(store: str, run: str, params: dict | None = None) -> dict:
        return check_against_last(store, run, params["max_loss_increase"], params["max_specialisation_decrease"])

    jobs = [
        MetierOperator(task_id=name, job=f"{name.capitalize()}Job", arguments=settings)
        for name in ("prepare", "train", "analyze", "report")
    ]
    chain = freshness(corpus, STORE, RUN_ID)
    for job in jobs:
        chain >> job
        chain = job
    chain >> check(STORE, RUN_ID)
