"""Which tasks are behind trajectories."""

from dataclasses import replace

import pytest

from fakes import make_trajectory
from pivotrl_pipeline.environments.desk.environment import OrderDesk
from pivotrl_pipeline.environments.registry import ENVIRONMENTS
from pivotrl_pipeline.errors import ConfigurationError
from pivotrl_pipeline.records.messages import JsonObject
from pivotrl_pipeline.records.trajectories import Split, Trajectory
from pivotrl_pipeline.rl import episode_tasks
from pivotrl_pipeline.rl.episode_tasks import find_training_tasks


def make_desk_trajectory(
    name: str, *, tier: str = "short", split: Split = Split.TRAIN, task_id: str = ""
) -> Trajectory:
    metadata: JsonObject = {
        "environment": "order_desk",
        "kind": "place",
        "seed": 10_000_003,
        "tier": tier,
        "wording": 1,
    }
    return replace(
        make_trajectory(name, ["Ann"]),
        task_id=task_id or f"task-{name}",
        split=split,
        metadata=metadata,
    )


def test_each_training_task_comes_once_and_opens_the_recorded_episode() -> None:
    training = find_training_tasks(
        [
            make_desk_trajectory("a", task_id="one"),
            make_desk_trajectory("b", split=Split.VALIDATION),
            make_desk_trajectory("c", tier="long"),
            make_desk_trajectory("d", task_id="one"),
        ]
    )

    assert [task.task_id for task in training.tasks] == ["one", "task-c"]
    desk = OrderDesk()
    short, long = (
        desk.tasks(tier=tier, seeds=[10_000_003])[0] for tier in ("short", "long")
    )
    for task, wanted in zip(training.tasks, (short, long), strict=True):
        found = training.environment.open(task).messages
        assert found == desk.open(wanted).messages


@pytest.mark.parametrize("metadata", [{}, {"environment": "order_dsk", "seed": 1}])
def test_trajectories_of_no_known_environment_are_refused_with_a_remedy(
    metadata: JsonObject,
) -> None:
    trajectory = replace(make_trajectory("mine-7", ["Ann"]), metadata=metadata)

    with pytest.raises(ConfigurationError) as refused:
        find_training_tasks([make_desk_trajectory("a"), trajectory])

    message = str(refused.value)
    assert "Trajectory 'mine-7'" in message
    assert f"environment {metadata.get('environment')!r}" in message
    assert "order_desk" in message
    assert "rl_update and sft learn from recorded turns" in message


def test_a_task_without_its_seed_is_refused() -> None:
    trajectory = replace(
        make_trajectory("a", ["Ann"]), metadata={"environment": "order_desk"}
    )

    with pytest.raises(ConfigurationError, match=r"'a'.*has the seed None"):
        find_training_tasks([trajectory])


def test_trajectories_of_several_environments_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    worlds = {**ENVIRONMENTS, "other_desk": OrderDesk}
    monkeypatch.setattr(episode_tasks, "ENVIRONMENTS", worlds)
    monkeypatch.setattr("pivotrl_pipeline.environments.registry.ENVIRONMENTS", worlds)
    other = make_desk_trajectory("b")
    other = replace(other, metadata={**other.metadata, "environment": "other_desk"})

    with pytest.raises(ConfigurationError, match=r"\(order_desk, other_desk\)"):
        find_training_tasks([make_desk_trajectory("a"), other])


def test_a_split_without_training_tasks_is_refused() -> None:
    validation = make_desk_trajectory("a", split=Split.VALIDATION)

    with pytest.raises(ConfigurationError, match="no trajectories of the training"):
        find_training_tasks([validation])
