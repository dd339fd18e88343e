"""The comparison's tables, on curves and costs that can be followed by hand."""

import pandas as pd
import pytest

from pivotrl_pipeline.reporting.comparison import (
    draw_curves,
    measure_turns,
    render_comparison,
)


def make_curves() -> pd.DataFrame:
    points = {
        # two seeds of each; their means are 0.2, 0.4, 0.6 and 0.2, 0.3, 0.6
        ("pivotrl", "pivotrl_0_seed_0"): [(0, 0.2), (100, 0.3), (200, 0.6)],
        ("pivotrl", "pivotrl_0_seed_1"): [(0, 0.2), (100, 0.5), (200, 0.6)],
        ("e2e", "e2e_0_seed_0"): [(0, 0.2), (400, 0.2), (800, 0.6)],
        ("e2e", "e2e_0_seed_1"): [(0, 0.2), (400, 0.4), (800, 0.6)],
        ("sft", "sft_0_seed_0"): [(0, 0.2), (0, 0.7)],
    }
    return pd.DataFrame(
        {
            "method": method,
            "cell": cell,
            "variant": 0,
            "rollout_turns": turns,
            "validation_success": success,
        }
        for (method, cell), curve in points.items()
        for turns, success in curve
    )


def test_turns_to_a_share_of_the_references_way() -> None:
    profiling = {"pivotrl": 50, "e2e": 0, "sft": 0}

    turns = measure_turns(make_curves(), profiling, reference="e2e")

    # the way is from 0.2 to 0.6; a level between two measurements is on a straight line
    table = turns.set_index(["level", "method"])
    levels = sorted(set(turns["level"]))
    assert levels == pytest.approx([0.3, 0.4, 0.5, 0.6])
    for level, pivotrl, e2e in zip(
        levels, [50, 100, 150, 200], [400, 1600 / 3, 2000 / 3, 800], strict=True
    ):
        assert table.loc[(level, "pivotrl"), "turns"] == pytest.approx(pivotrl)
        assert table.loc[(level, "pivotrl"), "turns_with_profiling"] == pytest.approx(
            pivotrl + 50
        )
        assert table.loc[(level, "e2e"), "turns"] == pytest.approx(e2e)
    assert set(turns["method"]) == {"pivotrl", "e2e"}


def test_a_level_that_is_never_reached_says_so() -> None:
    curves = make_curves()
    high = curves["validation_success"].where(curves["method"] == "e2e", 0.25)

    turns = measure_turns(
        curves.assign(validation_success=high),
        {"pivotrl": 0, "e2e": 0, "sft": 0},
        reference="e2e",
    )

    of_pivotrl = turns[turns["method"] == "pivotrl"]
    assert of_pivotrl["turns"].isna().all()


def test_the_report_gives_changes_in_points_and_costs_of_the_chosen_variant() -> None:
    change = {
        "suite": "in_domain",
        "task": "mean",
        "num_seeds": 2,
        "num_items": 40,
        "change": 0.255,
        "change_low": 0.1,
        "change_high": 0.41,
    }
    summary = pd.DataFrame(
        [
            {"method": "pivotrl", "less": "initial", "variant": 1, **change},
            {"method": "pivotrl", "less": "e2e", "variant": 1, **change},
        ]
    )
    cells = pd.DataFrame(
        {
            "cell": f"pivotrl_{variant}_seed_0",
            "method": "pivotrl",
            "variant": variant,
            "seed": 0,
            "settings": "{}",
            "validation_success": 0.5,
            "in_domain": 0.5,
            "out_of_domain": 0.9,
            "num_updates": 30,
            "rollout_turns": turns,
            "profiling_turns": 1000,
            "tokens_forwarded": 7,
            "seconds": 12.0,
        }
        for variant, turns in ((0, 111), (1, 3840))
    )
    turns = pd.DataFrame(
        {
            "level": [0.4],
            "method": ["pivotrl"],
            "turns": [float("nan")],
            "turns_with_profiling": [float("nan")],
        }
    )

    report = render_comparison(
        summary, cells, turns, initial="initial", confidence=0.95
    )

    interval = "+25.5 | +10.0 … +41.0 | 40 | 2 |"
    assert f"| pivotrl | in-domain | all | {interval}" in report
    assert f"| pivotrl less e2e | in-domain | all | {interval}" in report
    assert "| pivotrl | {} | 3,840 | 4,840 | 30 | 7 | 12 |" in report
    assert "| 40.0% | pivotrl | never | never |" in report


def test_the_figure_has_a_line_a_cell() -> None:
    pytest.importorskip("plotly")

    figure = draw_curves(make_curves())

    assert len(figure.data) == 5
