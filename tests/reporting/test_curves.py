"""Curves and the turns to a level, on points that can be followed by hand."""

import pandas as pd
import pytest

from pivotrl_pipeline.records.tables import ComparisonTurns
from pivotrl_pipeline.reporting.curves import (
    draw_curves,
    measure_turns,
    sample_curves,
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
            "num_updates": 5 * place,
            "rollout_turns": turns,
            "profiling_turns": 50 if method == "pivotrl" else 0,
            "seconds": turns / 10,
            "profiling_seconds": 2.0 if method == "pivotrl" else 0.0,
            "validation_success": success,
        }
        for (method, cell), curve in points.items()
        for place, (turns, success) in enumerate(curve)
    )


def test_turns_to_a_share_of_the_references_way() -> None:
    turns = measure_turns(make_curves(), reference="e2e")

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

    turns = measure_turns(curves.assign(validation_success=high), reference="e2e")

    of_pivotrl = turns[turns["method"] == "pivotrl"]
    assert of_pivotrl["turns"].isna().all()


def test_turns_that_select_again_are_counted_where_they_were_spent() -> None:
    curves = pd.DataFrame(
        {
            "method": "pivotrl",
            "cell": "pivotrl_0_seed_0",
            "num_updates": [0, 5, 10],
            "rollout_turns": [0, 100, 200],
            "profiling_turns": [50, 50, 90],
            "seconds": [0.0, 1.0, 4.0],
            "profiling_seconds": 2.0,
            "validation_success": [0.0, 0.5, 1.0],
        }
    )

    turns = measure_turns(curves, reference="pivotrl")

    # 0 + 50, 100 + 50, 200 + 90, and half the way between them
    assert turns["turns"].tolist() == [50, 100, 150, 200]
    assert turns["turns_with_profiling"].tolist() == [100, 150, 220, 290]
    assert turns["seconds"].tolist() == [0.5, 1.0, 2.5, 4.0]
    assert turns["seconds_with_profiling"].tolist() == [2.5, 3.0, 4.5, 6.0]


def test_a_reference_that_samples_nothing_gives_an_empty_table() -> None:
    turns = measure_turns(make_curves(), reference="sft")

    assert ComparisonTurns.validate(turns).empty


def test_points_are_means_over_seeds_with_both_ends() -> None:
    curves = make_curves()

    points = sample_curves(curves)

    of_pivotrl = points[points["method"] == "pivotrl"]
    assert of_pivotrl["validation_success"].tolist() == pytest.approx([0.2, 0.4, 0.6])
    assert of_pivotrl["num_updates"].tolist() == [0, 5, 10]
    long = pd.concat([curves[curves["method"] == "sft"].head(1)] * 40).assign(
        num_updates=range(40)
    )
    assert sample_curves(long)["num_updates"].tolist() == [0, 6, 11, 17, 22, 28, 33, 39]


def test_the_figure_has_a_line_a_cell() -> None:
    pytest.importorskip("plotly")

    figure = draw_curves(make_curves())

    # four cells that sample turns over turns, all five over updates
    assert len(figure.data) == 4 + 5
    titles = [each.text for each in figure.layout.annotations]
    assert titles == ["rollout turns, profiling excluded", "updates"]
