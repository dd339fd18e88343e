import pytest
from kedro.pipeline import Node

from pivotrl_pipeline.caching.decisions import Decision
from pivotrl_pipeline.caching.receipts import Receipt
from pivotrl_pipeline.caching.recipe import Recipe
from pivotrl_pipeline.caching.report import (
    Report,
    describe_decision,
    describe_plan,
    describe_seconds,
    describe_size,
)


def make_nothing(a: object) -> None: ...


def make_decision(name: str, action: str, *reasons: str) -> Decision:
    return Decision(Node(make_nothing, "a", f"b_{name}", name=name), action, reasons)  # type: ignore[arg-type]


def test_plan_has_a_line_per_node_in_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = describe_plan(
        [
            make_decision("ingest", "skip"),
            make_decision("select_pivots", "run", "params:x.y 0.6 → 0.5"),
            make_decision("update", "maybe", "if 'pivots' changes"),
        ]
    )

    assert lines == [
        "skip    ingest         unchanged",
        "run     select_pivots  params:x.y 0.6 → 0.5",
        "run?    update         if 'pivots' changes",
    ]


def test_long_reasons_are_wrapped_below_themselves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    lines = describe_plan([make_decision("update", "run", *["word " * 9] * 4)])

    assert all(len(line) < 60 for line in lines)
    assert all(line.startswith(" " * 16) for line in lines[1:])
    assert lines[-1].endswith("2 more")


def test_long_plans_leave_out_skipped_nodes() -> None:
    skipped = [make_decision(f"n{i}", "skip") for i in range(100)]

    lines = describe_plan([*skipped, make_decision("last", "run", "new")])

    assert lines == ["run     last  new", "and 100 more"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (59.4, "59 s"),
        (200, "3 min 20 s"),
        (7500, "2 h 5 min"),
    ],
)
def test_durations_are_told_in_fitting_units(seconds: float, text: str) -> None:
    assert describe_seconds(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"), [(900, "1 kB"), (12.4e6, "12.4 MB"), (3.21e9, "3.21 GB")]
)
def test_sizes_are_told_in_fitting_units(size: float, text: str) -> None:
    assert describe_size(size) == text


def test_new_and_changed_ingredients_are_marked() -> None:
    before = {"code": "1" * 64, "python": "3.11"}
    after = {"code": "2" * 64, "python": "3.11", "package numpy": "2.0"}
    receipt = Receipt("node", before, {}, {}, {}, 1.0, "run")
    node = make_decision("a", "run").node

    known = describe_decision(
        Decision(node, "run", (), Recipe(after, {}, {}), receipt=receipt)
    )
    unknown = describe_decision(Decision(node, "run", (), Recipe(after, {}, {})))

    marked = [line.split()[1] for line in known if line.startswith("*")]
    assert marked == ["code", "package"]
    assert not [line for line in unknown if line.startswith("*")]


def test_only_recorded_nodes_are_said_to_be_skipped_next_time(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    report = Report()
    for name in ("a", "b", "c"):
        report.started(make_decision(name, "run"))
    for name in ("a", "b"):
        report.finished(make_decision(name, "run"), 1.0)

    report.log_failure({"b", "c"})

    told = "Failed in c; 1 node that finished is skipped next time."
    assert caplog.messages[-1] == told
