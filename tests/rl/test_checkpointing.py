"""Checkpoints: whole or ignored."""

from pathlib import Path

import pytest
import torch

from pivotrl_pipeline.rl.checkpointing import MANIFEST, CheckpointFolder, Progress
from pivotrl_pipeline.rl.model_learner import LearnerState


def make_progress(num_updates: int) -> Progress:
    return Progress(
        num_updates=num_updates,
        metrics=[{"update_index": 0, "reward/mean": 0.5, "heldout/reward_mean": None}],
        best_weights={"weight": torch.ones(2)},
        best_num_updates=1,
        best_score=0.75,
        initial_score=0.5,
    )


def make_state() -> LearnerState:
    return {
        "model": {"weight": torch.arange(3.0)},
        "optimizer": {"state": {0: {"step": torch.tensor(2.0)}}, "param_groups": []},
    }


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    checkpoints = CheckpointFolder(tmp_path / "new", "abc")

    checkpoints.save(make_progress(4), make_state())
    loaded = checkpoints.load()

    assert loaded is not None
    progress, state = loaded
    assert progress.metrics == make_progress(4).metrics
    assert (progress.num_updates, progress.best_num_updates) == (4, 1)
    assert progress.best_weights is not None
    assert progress.best_weights["weight"].tolist() == [1, 1]
    assert state["model"]["weight"].tolist() == [0, 1, 2]


def test_nothing_is_loaded_from_nothing(tmp_path: Path) -> None:
    assert CheckpointFolder(tmp_path / "absent", "abc").load() is None


def test_another_fingerprint_is_ignored(tmp_path: Path) -> None:
    CheckpointFolder(tmp_path, "abc").save(make_progress(4), make_state())

    assert CheckpointFolder(tmp_path, "abd").load() is None


def test_only_the_newest_checkpoint_stays(tmp_path: Path) -> None:
    checkpoints = CheckpointFolder(tmp_path, "abc")

    checkpoints.save(make_progress(2), make_state())
    checkpoints.save(make_progress(4), make_state())

    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [MANIFEST, "update-000004.pt"]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"payload": "absent"}', "null"])
def test_a_torn_manifest_is_ignored(tmp_path: Path, content: str) -> None:
    checkpoints = CheckpointFolder(tmp_path, "abc")
    checkpoints.save(make_progress(4), make_state())

    (tmp_path / MANIFEST).write_text(content, encoding="utf-8")

    assert checkpoints.load() is None


def test_a_torn_payload_is_ignored(tmp_path: Path) -> None:
    checkpoints = CheckpointFolder(tmp_path, "abc")
    checkpoints.save(make_progress(4), make_state())
    payload = tmp_path / "update-000004.pt"

    payload.write_bytes(payload.read_bytes()[:-100])

    assert checkpoints.load() is None


def test_a_kill_while_writing_leaves_the_older_checkpoint(tmp_path: Path) -> None:
    checkpoints = CheckpointFolder(tmp_path, "abc")
    checkpoints.save(make_progress(2), make_state())

    # what a kill in the midst of the next save leaves behind
    (tmp_path / "update-000004.pt").write_bytes(b"half a pay")

    loaded = checkpoints.load()
    assert loaded is not None
    assert loaded[0].num_updates == 2
