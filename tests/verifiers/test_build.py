import sys
from typing import Any

import pytest
import yaml
from pydantic import TypeAdapter, ValidationError

from pivotrl_pipeline.parameters import verifiers as parameters
from pivotrl_pipeline.parameters.verifiers import VerifierParameters
from pivotrl_pipeline.records.messages import Action, make_tool_call
from pivotrl_pipeline.records.rollouts import VerdictReason
from pivotrl_pipeline.records.trajectories import State
from pivotrl_pipeline.verifiers.build import build_verifiers

ADAPTER: TypeAdapter[Any] = TypeAdapter(dict[str, VerifierParameters])
EXAMPLE = (parameters.__doc__ or "").split("::", 1)[1]
STATE = State((), ())
CALL = Action(tool_calls=(make_tool_call("find", {"city": "Paris", "n": 1}),))


def test_example_of_the_documentation_builds_and_judges() -> None:
    values = yaml.safe_load(EXAMPLE)["verifiers"]
    verifiers = build_verifiers(ADAPTER.validate_python(values))
    variant = Action(tool_calls=(make_tool_call("find", {"n": 1.0, "city": "PARIS"}),))

    rewards = {
        name: verifier.verify(STATE, CALL, variant).reward
        for name, verifier in verifiers.items()
    }

    assert rewards["functional"] == 1.0
    assert rewards["exact_match"] == 0.0


def test_every_verifier_refuses_what_is_no_action() -> None:
    values = yaml.safe_load(EXAMPLE)["verifiers"]
    verifiers = build_verifiers(ADAPTER.validate_python(values))
    broken = Action("<tool_call>{", parse_error="unclosed tag")

    reasons = {
        verifier.verify(STATE, broken, broken).reason for verifier in verifiers.values()
    }

    assert reasons == {VerdictReason.UNPARSEABLE_ACTION}


EVERY_KIND = """
nemo_gym:
  kind: nemo_gym
  word_threshold: 0.1
  float_tolerance: 1.0e-6
  parallel_rewarding: false
  mode: binary_strict
  allow_subset: false
  allow_superset: false
shell:
  kind: shell
  tool: execute_bash
  argument: command
  directory: /repo
  keeps_directory: false
  scoring: strict
  strings: {kind: trimmed}
  arguments:
    - {tool: "*", argument: timeout, comparator: {kind: ignore}}
code_edit:
  kind: code_edit
  tools:
    - {tool: str_replace_editor, command: view, category: read}
    - {tool: str_replace_editor, command: str_replace, category: edit}
    - {tool: execute_bash, command: "", category: run}
  root: /repo
  similarity: 0.8
  range_coverage: 0.8
sql:
  kind: sql
  tool: run_sql
  argument: query
  database: data/01_raw/{world}.db
  max_rows: 1000
  timeout_seconds: 1.0
replay: {kind: replay, max_calls: 16}
llm_judge:
  kind: llm_judge
  base_url: http://localhost:8000/v1
  model: judge
  api_key_variable: ""
  instructions: Equivalent if the user and the database end up the same.
  context_messages: 6
  swap: true
  max_tokens: 512
  timeout_seconds: 60.0
  num_attempts: 3
  retry_seconds: 1.0
  cache_path: data/08_reporting/judge
comparators:
  kind: tool_call
  scoring: f1
  strings: {kind: exact}
  arguments:
    - {tool: "*", argument: a, comparator: {kind: exact}}
    - {tool: "*", argument: b, comparator: {kind: trimmed}}
    - {tool: "*", argument: c, comparator: {kind: case_insensitive}}
    - tool: "*"
      argument: d
      comparator: {kind: numeric_tolerance, absolute: 0.0, relative: 0.01}
    - tool: "*"
      argument: e
      comparator: {kind: similarity, measure: rouge_l, threshold: 0.8}
    - {tool: "*", argument: f, comparator: {kind: path, root: /repo}}
    - {tool: "*", argument: g, comparator: {kind: date}}
    - {tool: "*", argument: h, comparator: {kind: ignore}}
    - {tool: "*", argument: i, comparator: {kind: unordered}}
    - tool: "*"
      argument: j
      comparator: {kind: shell, directory: "", keeps_directory: false}
messages: {kind: message, rule: {kind: any}}
words: {kind: message, rule: {kind: token_f1, threshold: 0.6}}
sequences: {kind: message, rule: {kind: rouge_l, threshold: 0.6}}
"""


@pytest.mark.parametrize("name", [*yaml.safe_load(EVERY_KIND)])
def test_every_kind_is_built_behind_the_guard(name: str) -> None:
    pytest.importorskip("bashlex")
    values = {name: yaml.safe_load(EVERY_KIND)[name]}
    broken = Action("<tool_call>{", parse_error="unclosed tag")

    verifier = build_verifiers(ADAPTER.validate_python(values))[name]

    assert verifier.verify(STATE, CALL, broken).reason == "unparseable_action"


def accept(state: State, demonstrated_action: Action, action: Action) -> bool:
    return True


def test_own_function_is_built_from_its_import_path(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "my_project", sys.modules[__name__])
    values = {"kind": "import_path", "path": "my_project.accept", "arguments": {}}

    verifier = build_verifiers(ADAPTER.validate_python({"own": values}))["own"]

    assert verifier.verify(STATE, CALL, Action("anything")).reward == 1.0


def test_combinations_nest() -> None:
    exact = {"kind": "exact_match"}
    values = {
        "nested": {
            "kind": "by_domain",
            "domains": {
                "a": exact,
                "*": {
                    "kind": "any_of",
                    "verifiers": [{"kind": "all_of", "verifiers": [exact]}, exact],
                },
            },
        }
    }

    verifier = build_verifiers(ADAPTER.validate_python(values))["nested"]

    assert verifier.verify(STATE, CALL, CALL).reward == 1.0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kind": "tool_cal"}, "Unknown verifier 'tool_cal'.*Did you mean 'tool_call'"),
        ({}, "Unknown verifier None; choose from: all_of"),
        ({"kind": "exact_match", "strict": True}, "strict"),
        ({"kind": "tool_call", "scoring": "strict", "arguments": []}, "strings"),
        (
            {
                "kind": "tool_call",
                "scoring": "f1",
                "strings": {"kind": "trim"},
                "arguments": [],
            },
            "Unknown comparator for strings 'trim'.*Did you mean 'trimmed'",
        ),
        (
            {"kind": "message", "rule": {"kind": "token_f2", "threshold": 0.5}},
            "Unknown rule for messages 'token_f2'.*Did you mean 'token_f1'",
        ),
        (
            {"kind": "message", "rule": {"kind": "token_f1", "threshold": 0}},
            "greater than 0",
        ),
    ],
)
def test_wrong_parameters_are_refused_by_name(
    values: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        ADAPTER.validate_python({"functional": values})
