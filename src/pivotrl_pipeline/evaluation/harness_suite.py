"""Tasks of the lm-evaluation-harness, its own and those of YAML files."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from pivotrl_pipeline.errors import ConfigurationError, describe_choices
from pivotrl_pipeline.evaluation.packages import check_tasks, imports_for_suite
from pivotrl_pipeline.evaluation.results import EvaluationResult, Suite
from pivotrl_pipeline.parameters.ood_evaluation import HarnessSuite
from pivotrl_pipeline.parameters.task_folder import TaskFolder
from pivotrl_pipeline.policies.base import Policy

EXTRA = "lm-eval"
GENERATIVE = "generate_until"

HarnessSample: TypeAlias = Mapping[str, object]
"""What the harness logs of a document and filter; metrics stand under their names."""


def evaluate_harness(
    policy: Policy, name: str, suite: str, parameters: HarnessSuite
) -> list[EvaluationResult]:
    """One result per task and document, by the policy called ``name``.

    Raises:
        ConfigurationError: If the package is not installed, has no such task or metric,
            a task asks for anything but a written answer, or the folder of tasks is no
            longer that of the parameters.
    """
    folder = parameters.task_folder
    if folder and TaskFolder.model_validate(folder.path) != folder:
        raise ConfigurationError(
            f"ood_evaluation.suites.{suite}: {folder.path} has changed since the run "
            f"began; run again, and both policies are asked the tasks as they are now."
        )
    with imports_for_suite(suite, extra=EXTRA):
        from lm_eval.evaluator import evaluate
        from lm_eval.tasks import TaskManager

        from pivotrl_pipeline.evaluation.harness_model import PolicyModel

    manager = TaskManager(include_path=folder.path if folder else None)
    check_tasks(suite, parameters.tasks, manager.all_tasks)
    model = PolicyModel(policy, max_new_tokens=parameters.max_new_tokens)
    results = []
    for task, metric in parameters.tasks.items():
        loaded = manager.load([task])
        for each in loaded["tasks"].values():
            _check_output_type(suite, each.task_name, each.OUTPUT_TYPE)
            if each.get_config("num_fewshot") is None:
                each.set_config(key="num_fewshot", value=0)
            each.set_fewshot_seed(seed=0)
        outcome = evaluate(
            model,
            loaded,
            limit=parameters.items_per_task,
            bootstrap_iters=0,
            system_instruction=parameters.instruction or None,
            apply_chat_template=True,
            fewshot_as_multiturn=True,
        )
        for part, samples in outcome["samples"].items():
            results += _read_samples(name, f"{suite}/{part}", metric, samples)
    return results


def _check_output_type(suite: str, task: str, output_type: str) -> None:
    if output_type != GENERATIVE:
        raise ConfigurationError(
            f"ood_evaluation.suites.{suite} names the task {task!r}, whose output_type "
            f"is {output_type!r}; a policy writes answers, so expected {GENERATIVE!r}: "
            f"choose its generative variant."
        )


def _read_samples(
    policy: str, task: str, metric: str, samples: Sequence[HarnessSample]
) -> list[EvaluationResult]:
    """Of the filter that ``metric`` names, else of the first."""
    wanted, _, named = metric.partition(",")
    filters = list(dict.fromkeys(str(sample["filter"]) for sample in samples))
    if named and named not in filters:
        raise ConfigurationError(
            f"Task {task!r} has no filter {named!r}; {describe_choices(named, filters)}"
        )
    kept = named or filters[0]
    return [
        EvaluationResult(
            policy,
            Suite.OUT_OF_DOMAIN,
            task,
            str(sample["doc_id"]),
            _read_output(sample),
            _read_score(task, wanted, sample),
            turns=1,
        )
        for sample in samples
        if sample["filter"] == kept
    ]


def _read_output(sample: HarnessSample) -> str:
    """The first answer to the first request: greedy ones are all alike."""
    responses = sample["resps"]
    while isinstance(responses, list):
        responses = responses[0]
    return str(responses)


def _read_score(task: str, metric: str, sample: HarnessSample) -> float:
    score = sample.get(metric)
    if isinstance(score, bool | int | float) and 0 <= score <= 1:
        return float(score)
    metrics = {str(each) for each in _as_list(sample["metrics"])}
    if metric not in metrics:
        choices = describe_choices(metric, metrics)
        raise ConfigurationError(f"Task {task!r} has no metric {metric!r}; {choices}")
    raise ConfigurationError(
        f"Task {task!r}: the metric {metric!r} of one document is {score!r}; expected "
        f"a number in [0, 1]: choose a metric that scores each document."
    )


def _as_list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
