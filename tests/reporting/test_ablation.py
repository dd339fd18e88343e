"""The figure of the ablation: a line a verifier."""

import pandas as pd

from pivotrl_pipeline.reporting.ablation import draw_ablation

CHANGES = {
    ("functional", "all"): 0.1,
    ("functional", "low_mean"): 0.2,
    ("functional_judge", "all"): 0.3,
    ("functional_judge", "low_mean"): 0.4,
}


def test_verifiers_whose_names_begin_alike_have_lines_of_their_own() -> None:
    summary = pd.DataFrame(
        {
            "cell": f"{verifier}_{strategy}",
            "contrast": "change",
            "suite": "in_domain",
            "task": "mean",
            "change": change,
            "change_low": change - 0.01,
            "change_high": change + 0.01,
        }
        for (verifier, strategy), change in CHANGES.items()
    )

    figure = draw_ablation(summary, ["all", "mixed", "low_mean"])

    lines = {line.name: (list(line.x), list(line.y)) for line in figure.data}
    assert lines == {
        "functional": (["all", "low_mean"], [0.1, 0.2]),
        "functional_judge": (["all", "low_mean"], [0.3, 0.4]),
    }
