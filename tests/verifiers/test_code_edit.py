import json
import time
from pathlib import Path
from typing import Any

import pytest

from pivotrl_pipeline.errors import VerifierError
from pivotrl_pipeline.parameters.verifiers import CodeEditParameters
from pivotrl_pipeline.records.messages import Action, Tool, make_tool_call
from pivotrl_pipeline.records.rollouts import Verdict, VerdictReason
from pivotrl_pipeline.records.trajectories import State
from pivotrl_pipeline.verifiers.code_edit import CodeEditVerifier, code_similarity

pytest.importorskip("bashlex")

STATE = State((), ())
TOOLS = [
    ("str_replace_editor", "view", "read"),
    ("str_replace_editor", "create", "write"),
    ("str_replace_editor", "str_replace", "edit"),
    ("str_replace_editor", "insert", "insert"),
    ("str_replace_editor", "undo_edit", "undo"),
    ("Read", "", "read"),
    ("Edit", "", "edit"),
    ("execute_bash", "", "run"),
    ("Grep", "", "search"),
    ("finish", "", "finish"),
]
VERIFIER = CodeEditVerifier(
    CodeEditParameters.model_validate(
        {
            "kind": "code_edit",
            "tools": [
                {"tool": tool, "command": command, "category": category}
                for tool, command, category in TOOLS
            ],
            "root": "/repo",
            "similarity": 0.8,
            "range_coverage": 0.8,
        }
    )
)


def _calls(*calls: tuple[str, Any]) -> Action:
    return Action(
        tool_calls=tuple(make_tool_call(name, arguments) for name, arguments in calls)
    )


def _editor(command: str, **others: Any) -> tuple[str, Any]:
    return "str_replace_editor", {"command": command, "path": "a.py", **others}


OLD = "    result = 0\n    return None"
NEW = "    result = 0\n    for v in values:\n        result += v\n    return result"
EDIT = _editor("str_replace", old_str=OLD, new_str=NEW)
VIEW = _editor("view", view_range=[40, 80])
WRITE = _editor("create", file_text=NEW)
INSERT = _editor("insert", insert_line=3, new_str=NEW)
BASH = ("execute_bash", {"command": "grep -rn 'def f' src"})
GREP = ("Grep", {"pattern": "def f", "path": "src"})


@pytest.mark.parametrize(
    ("demonstrated", "sampled"),
    [
        (EDIT, EDIT),
        (EDIT, _editor("str_replace", path="/repo/./a.py", old_str=OLD, new_str=NEW)),
        (EDIT, ("Edit", {"file_path": "a.py", "old_string": OLD, "new_string": NEW})),
        (EDIT, _editor("str_replace", old_str=OLD, new_str=NEW.replace("v ", "v  "))),
        # 17 of 18 tokens of the new text in common
        (EDIT, _editor("str_replace", old_str=OLD, new_str=NEW.replace("+=", "-="))),
        (
            _editor("str_replace", old_str=OLD, new_str=""),
            _editor("str_replace", old_str=OLD),
        ),
        (VIEW, VIEW),
        (VIEW, _editor("view")),
        (VIEW, _editor("view", view_range=[38, 90])),
        # 40 to 72 are 33 of 41 lines, a share of 0.805
        (VIEW, _editor("view", view_range=[40, 72])),
        (VIEW, _editor("view", view_range=[1, -1])),
        (VIEW, ("Read", {"file_path": "/repo/a.py", "offset": 40, "limit": 41})),
        (VIEW, ("Read", {"path": "a.py", "start_line": "40", "end_line": "80"})),
        (_editor("view"), _editor("view", view_range=[1, -1])),
        (_editor("view", view_range=[1, 2]), ("Read", {"path": "a.py", "limit": 2})),
        (
            ("Read", {"path": "a.py", "limit": 2, "offset": None}),
            ("Read", {"path": "a.py", "limit": 2, "offset": 1}),
        ),
        (
            ("Read", {"path": "a.py", "limit": 2, "offset": 0}),
            ("Read", {"path": "a.py", "startLine": 1, "endLine": 2}),
        ),
        (_editor("view", view_range=[500]), _editor("view", view_range=[500])),
        (WRITE, WRITE),
        (INSERT, INSERT),
        (BASH, ("execute_bash", {"command": 'grep -n -r "def f" src/'})),
        (GREP, ("Grep", {"pattern": "def f", "path": "./src/"})),
        (("finish", {"message": "Done."}), ("finish", {})),
        (_editor("undo_edit"), _editor("undo_edit")),
    ],
)
def test_steps_that_do_the_same_pass(demonstrated: Any, sampled: Any) -> None:
    verdict = VERIFIER.verify(STATE, _calls(demonstrated), _calls(sampled))

    assert verdict == Verdict(1.0, VerdictReason.EQUIVALENT)


@pytest.mark.parametrize(
    ("demonstrated", "sampled", "reason", "detail"),
    [
        (EDIT, VIEW, "wrong_tool", "read, expected edit"),
        (EDIT, ("rm", {}), "wrong_tool", "unknown tool, expected edit"),
        (EDIT, _editor("delete"), "wrong_tool", "unknown tool, expected edit"),
        (
            EDIT,
            _editor("str_replace", path="b.py", old_str=OLD, new_str=NEW),
            "target_mismatch",
            'path: found "b.py"',
        ),
        (
            EDIT,
            ("Edit", {"old_string": OLD, "new_string": NEW}),
            "target_mismatch",
            "path: left out",
        ),
        (EDIT, _editor("str_replace", new_str=NEW), "edit_mismatch", "old: left out"),
        # the right new text on a wrong old one, and the reverse
        (
            EDIT,
            _editor("str_replace", old_str="import os", new_str=NEW),
            "edit_mismatch",
            'old: found "import os"',
        ),
        (
            EDIT,
            _editor("str_replace", old_str=OLD, new_str="pass"),
            "edit_mismatch",
            'new: found "pass"',
        ),
        (EDIT, _editor("str_replace", old_str=OLD), "edit_mismatch", 'new: found ""'),
        (
            _editor("str_replace", old_str=NEW, new_str=NEW + "\n"),
            _editor("str_replace", old_str=NEW, new_str=NEW),
            "edit_mismatch",
            "replaces a text with itself",
        ),
        (
            EDIT,
            _editor("str_replace", old_str=3, new_str=NEW),
            "edit_mismatch",
            "old: found 3",
        ),
        (VIEW, _editor("view", view_range=[40, 60]), "target_mismatch", "lines: found"),
        (VIEW, _editor("view", view_range=[81, 99]), "target_mismatch", "lines: found"),
        (_editor("view"), VIEW, "target_mismatch", "lines: found (40.0, 80.0)"),
        (WRITE, _editor("create"), "edit_mismatch", "text: left out"),
        (WRITE, _editor("create", file_text="x"), "edit_mismatch", 'text: found "x"'),
        (
            INSERT,
            _editor("insert", insert_line=4, new_str=NEW),
            "target_mismatch",
            "line: found 4",
        ),
        (BASH, ("execute_bash", {}), "command_mismatch", "command: left out"),
        (
            BASH,
            ("execute_bash", {"command": "ls"}),
            "command_mismatch",
            'command: found "ls"',
        ),
        (GREP, ("Grep", {"pattern": "def g", "path": "src"}), "target_mismatch", "pat"),
        (GREP, ("Grep", {"pattern": "def f"}), "target_mismatch", 'path: found ""'),
    ],
)
def test_steps_that_do_something_else_fail(
    demonstrated: Any, sampled: Any, reason: str, detail: str
) -> None:
    verdict = VERIFIER.verify(STATE, _calls(demonstrated), _calls(sampled))

    assert (verdict.reward, verdict.reason) == (0.0, VerdictReason(reason))
    assert verdict.detail.startswith(detail)


EARLY, LATE = (
    {
        "target_file": "a.py",
        "start_line_one_indexed": first,
        "end_line_one_indexed_inclusive": last,
    }
    for first, last in ((1, 50), (900, 950))
)


@pytest.mark.parametrize(
    ("demonstrated", "sampled"),
    [
        (VIEW, _editor("view", view_range=["x", "y"])),
        (VIEW, _editor("view", view_range=[500])),
        (VIEW, _editor("view", view_range=[80, 40])),
        (VIEW, _editor("view", view_range="40-80")),
        (VIEW, _editor("view", view_range=[1, 10**400])),
        (VIEW, ("Read", {"path": "a.py", "offset": "500", "limit": "2"})),
        (VIEW, ("Read", {"path": "a.py", "offset": 40, "limit": "all"})),
        (("Read", EARLY), ("Read", LATE)),
        (
            ("Read", {"path": "a.py", "start_line": 1, "end_line": 50}),
            ("Read", {"path": "a.py", "start_line": 900, "end_line": 950}),
        ),
        (_editor("view", view_range=[500]), _editor("view")),
        (_editor("view", view_range=[500]), VIEW),
        (_editor("view"), _editor("view", view_range=[500])),
    ],
)
def test_range_that_shows_other_lines_or_none_fails(
    demonstrated: Any, sampled: Any
) -> None:
    verdict = VERIFIER.verify(STATE, _calls(demonstrated), _calls(sampled))

    assert (verdict.reward, verdict.reason) == (0.0, VerdictReason.TARGET_MISMATCH)


def test_several_steps_count_in_any_order_but_all_of_them() -> None:
    demonstrated = _calls(EDIT, VIEW)

    assert VERIFIER.verify(STATE, demonstrated, _calls(VIEW, EDIT)).reward == 1.0
    assert VERIFIER.verify(STATE, demonstrated, _calls(EDIT)).reason == "missing_call"
    assert VERIFIER.verify(STATE, demonstrated, _calls(EDIT, EDIT)).reason == (
        VerdictReason.WRONG_TOOL
    )
    assert VERIFIER.verify(STATE, demonstrated, _calls(EDIT, VIEW, VIEW)).reason == (
        VerdictReason.SURPLUS_CALL
    )


def test_schema_is_held_where_the_state_has_one() -> None:
    schema = {"type": "object", "properties": {"pattern": {"type": "string"}}}
    tool = Tool("Grep", {"function": {"name": "Grep", "parameters": schema}})
    state = State((), (tool,))

    verdict = VERIFIER.verify(state, _calls(GREP), _calls(("Grep", {"pattern": 3})))

    assert verdict.reason is VerdictReason.SCHEMA_VIOLATION


def test_talk_is_no_step() -> None:
    assert VERIFIER.verify(STATE, _calls(EDIT), Action("Done")).reason == (
        VerdictReason.CALL_EXPECTED
    )
    with pytest.raises(VerifierError, match="by_action_type"):
        VERIFIER.verify(STATE, Action("Done"), Action("Done"))


def test_demonstrated_tool_without_a_category_is_an_error() -> None:
    with pytest.raises(VerifierError, match="'deploy' is no step"):
        VERIFIER.verify(STATE, _calls(("deploy", {})), _calls(EDIT))


def test_recorded_steps_pass_their_own_verifier() -> None:
    path = Path(__file__).parents[3] / "shared" / "data" / "nemo_gym_swe_pivot.jsonl"
    if not path.exists():
        pytest.skip(f"{path.name} lies outside the repository and is absent here")
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    steps = [
        _calls((row["expected_action"]["name"], row["expected_action"]["arguments"]))
        for row in rows
    ]

    assert [VERIFIER.verify(STATE, step, step).reward for step in steps] == [1.0] * 5


@pytest.mark.parametrize(
    ("left", "right", "similarity"),
    [
        ("a = b", "a=b", 1.0),
        ("f(x)", "f(y)", 3 / 4),
        ("  a", "a", 2 / 3),
        ("  a", "    a", 1 / 2),
        ("", "", 1.0),
        ("", "a", 0.0),
        ("x\n" * 6_000, "x\n" * 6_000 + "y", 12_000 / 12_001),
        ("x \n" * 6_000, "x\n\n \n" * 6_000, 1.0),
    ],
)
def test_code_similarity_counts_tokens(
    left: str, right: str, similarity: float
) -> None:
    assert code_similarity(left, right) == pytest.approx(similarity)


def test_time_grows_with_the_blanks_and_no_faster() -> None:
    start = time.monotonic()

    similarity = code_similarity("a", "a" + " " * 1_000_000)

    assert similarity == 1.0
    assert time.monotonic() - start < 5
