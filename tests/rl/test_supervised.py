"""The loop: it learns, keeps the best weights, and goes on after a kill."""

from pathlib import Path

import pytest
import torch
from tests.rl.killing import run_until_killed
from tests.rl.outcomes import column, is_equal, without_seconds
from tests.rl.supervised_toys import make_parameters, make_turns
from tests.rl.toys import ToyPolicy, make_model

from pivotrl_pipeline.errors import ConfigurationError
from pivotrl_pipeline.parameters.sft import SFTParameters
from pivotrl_pipeline.rl import supervised
from pivotrl_pipeline.rl.checkpointing import CheckpointFolder
from pivotrl_pipeline.rl.supervised import train_supervised
from pivotrl_pipeline.rl.supervised_learner import SupervisedLearner, SupervisedReport
from pivotrl_pipeline.rl.supervised_turns import SupervisedTurn, SupervisedTurns
from pivotrl_pipeline.rl.trained_policy import TrainedPolicy
from pivotrl_pipeline.sampling.episodes import ValidationTasks


def run(
    parameters: SFTParameters,
    *,
    turns: SupervisedTurns | None = None,
    policy: ToyPolicy | None = None,
    validation_tasks: ValidationTasks | None = None,
    checkpoint_folder: Path | None = None,
) -> TrainedPolicy:
    return train_supervised(
        policy or ToyPolicy(make_model()),
        turns or make_turns(),
        parameters,
        source_location="toy",
        validation_tasks=validation_tasks,
        checkpoints=checkpoint_folder and CheckpointFolder(checkpoint_folder, "toy"),
    )


class Updates:
    """Counts the updates that a learner makes, and may die before one of them."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, *, fail_at: int | None = None
    ) -> None:
        self.count = 0
        self.fail_at = fail_at
        learn = SupervisedLearner.learn

        def count(
            learner: SupervisedLearner, turns: list[SupervisedTurn], update_index: int
        ) -> SupervisedReport:
            self.count += 1
            if self.count == self.fail_at:
                raise KeyboardInterrupt
            return learn(learner, turns, update_index)

        monkeypatch.setattr(SupervisedLearner, "learn", count)


def test_the_policy_learns_the_demonstrated_actions() -> None:
    trained = run(make_parameters(num_epochs=8))

    losses = column(trained, "loss/train")
    # near that of a guess among ten tokens before, near certainty behind
    assert losses[0] == pytest.approx(2.3, abs=0.2)
    assert losses[-1] < 0.5
    assert column(trained, "loss/validation")[-1] < 1.0


def test_every_turn_is_learnt_from_once_an_epoch() -> None:
    # 5 trajectories of 2 turns, twice: 20 turns in updates of 8, 8 and 4.
    trained = run(make_parameters(turns_per_update=8))

    assert column(trained, "update_index") == [0, 1, 2]
    assert column(trained, "epoch") == [0, 0, 1]


def test_the_validation_loss_is_measured_at_intervals_and_after_the_last() -> None:
    trained = run(make_parameters(validation_every=2))

    # 20 turns, 4 at a time
    losses = column(trained, "loss/validation")
    assert [loss is not None for loss in losses] == [False, True, False, True, True]
    assert trained.initial_score == pytest.approx(-2.3, abs=0.2)
    assert trained.score == -losses[-1]


def test_the_weights_with_the_lowest_validation_loss_are_kept() -> None:
    # Every trajectory begins with a 7, but the one held out with a 3: what generalises
    # is learnt first, then certainty of the 7 costs more and more.
    turns = make_turns(validation_action=3)
    parameters = make_parameters(num_epochs=12, validation_every=1, keep="best")

    trained = run(parameters, turns=turns)

    losses = column(trained, "loss/validation")
    best = losses.index(min(losses))
    assert 0 < best < len(losses) - 1
    assert trained.num_updates == best + 1
    kept = make_model()
    kept.load_state_dict(trained.state_dict)
    learner = SupervisedLearner(kept, parameters, num_updates=1)
    assert learner.measure_loss(turns.validation) == losses[best]


def test_the_initial_weights_are_kept_where_training_only_harms() -> None:
    model = make_model()
    initial = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    parameters = make_parameters(learning_rate=1.0, keep="best")

    trained = run(parameters, policy=ToyPolicy(model))

    assert trained.num_updates == 0
    assert all(torch.equal(t, initial[n]) for n, t in trained.state_dict.items())


def test_the_last_weights_are_kept_when_asked_for() -> None:
    policy = ToyPolicy(make_model())

    trained = run(make_parameters(learning_rate=1.0), policy=policy)

    assert trained.num_updates == 5
    last = policy.model.state_dict()
    assert all(torch.equal(t, last[name]) for name, t in trained.state_dict.items())


def test_the_same_seed_gives_the_same_bits_and_another_seed_others() -> None:
    first, second = run(make_parameters()), run(make_parameters())

    assert is_equal(first, second)
    assert without_seconds(first) == without_seconds(second)
    assert not is_equal(first, run(make_parameters(seed=1)))


def test_success_on_validation_tasks_is_measured_beside_the_loss(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    successes = iter([0.25, 0.5, 0.75])
    monkeypatch.setattr(
        supervised, "measure_success", lambda policy, tasks: next(successes)
    )
    tasks = ValidationTasks(
        environment=None, tasks=(), max_new_tokens=3, max_prompt_tokens=9
    )

    trained = run(make_parameters(validation_every=3), validation_tasks=tasks)

    before = column(trained, "validation/success_before")
    assert before == [0.25, None, None, None, None]
    assert column(trained, "validation/success") == [None, None, 0.5, None, 0.75]
    # not what decides
    assert trained.score == -column(trained, "loss/validation")[-1]


def test_killed_training_resumes_to_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parameters = make_parameters(keep="best", warmup_updates=2, decay_rate=0.5)
    straight = run(parameters)
    updates = Updates(monkeypatch, fail_at=4)  # the last checkpoint is after two
    with pytest.raises(KeyboardInterrupt):
        run(parameters, checkpoint_folder=tmp_path)

    resumed = run(parameters, checkpoint_folder=tmp_path)

    assert updates.count == 4 + 3
    assert is_equal(straight, resumed)
    assert without_seconds(straight) == without_seconds(resumed)
    assert (straight.initial_score, straight.score) == (
        resumed.initial_score,
        resumed.score,
    )


def test_training_killed_by_the_system_resumes_to_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = """
import os, signal, sys
from pathlib import Path
from tests.rl.test_supervised import SupervisedLearner, make_parameters, run

learn = SupervisedLearner.learn

def die(learner, turns, update_index):
    if update_index == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return learn(learner, turns, update_index)

SupervisedLearner.learn = die
run(make_parameters(), checkpoint_folder=Path(sys.argv[1]))
"""
    run_until_killed(script, tmp_path)
    updates = Updates(monkeypatch)

    resumed = run(make_parameters(), checkpoint_folder=tmp_path)

    assert updates.count == 3
    assert is_equal(resumed, run(make_parameters()))


def test_finished_training_is_not_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run(make_parameters(), checkpoint_folder=tmp_path)
    updates = Updates(monkeypatch)

    second = run(make_parameters(), checkpoint_folder=tmp_path)

    assert updates.count == 0
    assert is_equal(first, second)


@pytest.mark.parametrize("change", ["parameters", "turns", "weights", "tasks"])
def test_a_checkpoint_of_other_training_is_ignored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    monkeypatch.setattr(supervised, "measure_success", lambda policy, tasks: 0.5)
    run(make_parameters(), checkpoint_folder=tmp_path)
    updates = Updates(monkeypatch)
    tasks = ValidationTasks(
        environment=None, tasks=(), max_new_tokens=3, max_prompt_tokens=9
    )

    run(
        make_parameters(seed=1 if change == "parameters" else 0),
        turns=make_turns(validation_action=3 if change == "turns" else 7),
        policy=ToyPolicy(make_model(1 if change == "weights" else 0)),
        validation_tasks=tasks if change == "tasks" else None,
        checkpoint_folder=tmp_path,
    )

    assert updates.count == 5


@pytest.mark.parametrize(
    ("turns", "keep", "message"),
    [
        (SupervisedTurns([], make_turns().validation), "last", "no turns to train on"),
        (
            SupervisedTurns(make_turns().training, []),
            "best",
            "keep is 'best', but there are no validation turns",
        ),
    ],
)
def test_turns_that_parameters_ask_for_must_be_there(
    turns: SupervisedTurns, keep: str, message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        run(make_parameters(keep=keep), turns=turns)


def test_without_validation_turns_the_last_weights_need_no_loss() -> None:
    trained = run(make_parameters(), turns=SupervisedTurns(make_turns().training, []))

    assert column(trained, "loss/validation") == [None] * 5
