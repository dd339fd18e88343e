"""What tests of trainings look at."""

import torch

from pivotrl_pipeline.rl.trained_policy import TrainedPolicy


def column(trained: TrainedPolicy, name: str) -> list[object]:
    return [row[name] for row in trained.metrics]


def is_equal(first: TrainedPolicy, second: TrainedPolicy) -> bool:
    assert set(first.state_dict) == set(second.state_dict)
    return all(
        torch.equal(tensor, second.state_dict[name])
        for name, tensor in first.state_dict.items()
    )


def without_seconds(trained: TrainedPolicy) -> list[dict[str, object]]:
    return [
        {name: value for name, value in row.items() if "seconds" not in name}
        for row in trained.metrics
    ]
