"""Tasks of the lm-evaluation-harness, offline: YAML and rows in a folder."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.evaluation.answering import AnsweringPolicy

from pivotrl_pipeline.errors import ConfigurationError
from pivotrl_pipeline.evaluation.harness_suite import evaluate_harness
from pivotrl_pipeline.parameters.ood_evaluation import HarnessSuite

# The harness and what it imports warn of each other.
pytestmark = pytest.mark.filterwarnings("default")

TASK = """
task: local_sums
dataset_path: json
dataset_kwargs: {{data_files: {{test: {rows}}}}}
test_split: test
output_type: {output_type}
doc_to_text: "{{{{question}}}}"
doc_to_target: "{{{{answer}}}}"
description: Add up.
generation_kwargs: {{until: ["."], max_gen_toks: 8}}
filter_list:
  - {{name: plain, filter: [{{function: take_first}}]}}
  - name: number
    filter:
      - {{function: regex, regex_pattern: "([0-9]+)"}}
      - {{function: take_first}}
metric_list:
  - {{metric: exact_match, aggregation: mean, higher_is_better: true}}
"""


def make_suite(folder: Path, **changes: Any) -> HarnessSuite:
    values = {
        "kind": "lm_eval",
        "tasks": {"local_sums": "exact_match"},
        "task_folder": str(folder),
        "items_per_task": None,
        "instruction": "",
        "max_new_tokens": 64,
    }
    return HarnessSuite.model_validate(values | changes)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    pytest.importorskip("lm_eval")
    monkeypatch.setenv("HF_DATASETS_OFFLINE", "1")
    _write_task(tmp_path, "generate_until")
    return tmp_path


def _write_task(folder: Path, output_type: str) -> None:
    rows = folder / "rows.jsonl"
    questions = [{"question": f"{n}+1?", "answer": str(n + 1)} for n in range(3)]
    rows.write_text("\n".join(map(json.dumps, questions)))
    text = TASK.format(rows=rows, output_type=output_type)
    if output_type != "generate_until":
        text = text.replace("generation_kwargs", "doc_to_choice: [a, b] #")
    (folder / "local_sums.yaml").write_text(text)


def answer(text: str) -> str:
    """Right, in words at the first question."""
    number = int(text.removeprefix("Add up.").strip().partition("+")[0]) + 1
    return (
        f"<think>so</think>it is {number}. Or 7" if number == 1 else f"{number}. Or 7"
    )


def test_documents_are_scored_by_the_metric_and_the_first_filter(folder: Path) -> None:
    policy = AnsweringPolicy(answer)

    results = evaluate_harness(policy, "initial", "harness", make_suite(folder))

    assert [result.score for result in results] == [0.0, 1.0, 1.0]
    assert [result.output for result in results] == ["it is 1", "2", "3"]
    assert [result.item_id for result in results] == ["0", "1", "2"]
    assert {result.task for result in results} == {"harness/local_sums"}
    assert policy.limits == [8]


def test_a_filter_can_be_named_and_documents_limited(folder: Path) -> None:
    suite = make_suite(
        folder, tasks={"local_sums": "exact_match,number"}, items_per_task=2
    )

    results = evaluate_harness(AnsweringPolicy(answer), "initial", "harness", suite)

    assert [result.score for result in results] == [1.0, 1.0]


def test_tasks_that_change_during_a_run_end_it(tmp_path: Path) -> None:
    _write_task(tmp_path, "generate_until")
    suite = make_suite(tmp_path)
    (tmp_path / "rows.jsonl").write_text("")

    with pytest.raises(ConfigurationError, match=r"suites\.harness: .* has changed"):
        evaluate_harness(AnsweringPolicy(answer), "initial", "harness", suite)


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        ("exact_mtch", "no metric 'exact_mtch'.*Did you mean 'exact_match'"),
        ("exact_match,numbr", "no filter 'numbr'.*Did you mean 'number'"),
    ],
)
def test_an_unknown_metric_or_filter_is_refused_with_a_near_one(
    folder: Path, metric: str, message: str
) -> None:
    suite = make_suite(folder, tasks={"local_sums": metric})

    with pytest.raises(ConfigurationError, match=message):
        evaluate_harness(AnsweringPolicy(answer), "initial", "harness", suite)


def test_an_unknown_task_is_refused_with_those_near_it(folder: Path) -> None:
    suite = make_suite(folder, tasks={"local_sum": "exact_match"})

    with pytest.raises(
        ConfigurationError, match=r"'local_sum'.*near it are local_sums"
    ):
        evaluate_harness(AnsweringPolicy(answer), "initial", "harness", suite)


def test_a_task_that_weighs_given_answers_is_refused(folder: Path) -> None:
    _write_task(folder, "multiple_choice")

    with pytest.raises(ConfigurationError, match="output_type is 'multiple_choice'"):
        evaluate_harness(
            AnsweringPolicy(answer), "initial", "harness", make_suite(folder)
        )


def test_without_the_package_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "lm_eval", None)
    monkeypatch.setitem(sys.modules, "lm_eval.evaluator", None)

    with pytest.raises(ConfigurationError, match=r"python3 install\.py lm-eval"):
        evaluate_harness(AnsweringPolicy(str), "initial", "mine", make_suite(tmp_path))
