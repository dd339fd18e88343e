"""End-to-end RL: it learns from the outcome alone, and goes on after a kill."""

from pathlib import Path

import pandas as pd
import pytest
import torch
from tests.rl.episode_toys import (
    ToyWorld,
    make_e2e_parameters,
    make_policy,
    make_training,
    make_validation,
)
from tests.rl.objectives import make_objective
from tests.rl.outcomes import column, is_equal, without_seconds
from tests.rl.toys import ToyVerifier, make_model, make_parameters, make_pivots

from pivotrl_pipeline.environments.base import EnvironmentTask
from pivotrl_pipeline.errors import ConfigurationError
from pivotrl_pipeline.parameters.e2e import E2EParameters
from pivotrl_pipeline.records.tables import TrainingMetrics
from pivotrl_pipeline.rl.checkpointing import CheckpointFolder
from pivotrl_pipeline.rl.end_to_end import train_end_to_end
from pivotrl_pipeline.rl.episode_tasks import EpisodeTasks
from pivotrl_pipeline.rl.trained_policy import TrainedPolicy
from pivotrl_pipeline.rl.update import UpdateTurns, update_policy
from pivotrl_pipeline.sampling.episodes import ValidationTasks


def run(
    parameters: E2EParameters,
    *,
    training: EpisodeTasks | None = None,
    validation_tasks: ValidationTasks | None = None,
    checkpoint_folder: Path | None = None,
) -> TrainedPolicy:
    return train_end_to_end(
        make_policy(),
        training or make_training(),
        parameters,
        source_location="toy",
        validation_tasks=validation_tasks,
        checkpoints=checkpoint_folder and CheckpointFolder(checkpoint_folder, "toy"),
    )


def test_the_action_that_leads_to_success_is_learnt() -> None:
    parameters = make_e2e_parameters(
        num_updates=25,
        learning_rate=6e-3,
        validation_tasks=4,
        validation_every=25,
        keep="best",
        objective_parameters=make_objective(kl_beta=0.01),
    )

    trained = run(parameters, validation_tasks=make_validation())

    rewards = column(trained, "reward/mean")
    assert rewards[0] < 0.3
    assert rewards[-1] > 0.8
    assert trained.initial_score == 0.0
    assert trained.score == 1.0
    # every turn of every episode: 4 tasks x 8 episodes x 2 turns
    assert column(trained, "rollout_turns") == [64 * n for n in range(1, 26)]
    assert set(column(trained, "episode/mean_turns")) == {2.0}


def test_the_learner_sees_the_tokens_as_they_were_sampled() -> None:
    trained = run(make_e2e_parameters(num_updates=1))

    assert trained.metrics[0]["logprobs/mismatch"] < 1e-5
    # A cut-off action is rendered with a stop token that was never sampled.
    assert 0 < trained.metrics[0]["action/truncated_rate"] < 1


def test_rows_fit_the_schema_of_the_table() -> None:
    trained = run(make_e2e_parameters(num_updates=2))

    TrainingMetrics.validate(pd.DataFrame(trained.metrics))


def test_the_same_arguments_give_the_same_bits_and_another_seed_others() -> None:
    parameters = make_e2e_parameters(num_updates=2)

    first, second = run(parameters), run(parameters)

    assert is_equal(first, second)
    assert without_seconds(first) == without_seconds(second)
    assert not is_equal(first, run(make_e2e_parameters(num_updates=2, seed=1)))


def test_tasks_come_up_equally_often() -> None:
    world = ToyWorld()

    run(make_e2e_parameters(num_updates=3), training=make_training(world, num_tasks=6))

    counts = pd.Series(world.opened).value_counts()
    assert counts.tolist() == [2 * 8] * 6


def test_an_update_in_which_nothing_succeeds_is_skipped() -> None:
    trained = run(
        make_e2e_parameters(
            num_updates=2, objective_parameters=make_objective(kl_beta=0.1)
        ),
        training=make_training(ToyWorld(wanted="never")),
    )

    assert column(trained, "is_skipped") == [True, True]
    assert column(trained, "reward/mean") == [0.0, 0.0]
    untouched = make_model().state_dict()
    assert all(torch.equal(t, untouched[n]) for n, t in trained.state_dict.items())


def test_the_weights_with_the_best_validation_success_are_kept() -> None:
    # Nothing is ever solved on validation: a tie goes to the initial weights.
    parameters = make_e2e_parameters(
        num_updates=3, validation_tasks=4, keep="best", learning_rate=1e-2
    )

    trained = run(parameters, validation_tasks=make_validation(ToyWorld(wanted="-")))

    assert trained.num_updates == 0
    # measured every second update and after the last
    assert column(trained, "validation/success") == [None, 0.0, 0.0]
    initial = make_model().state_dict()
    assert all(torch.equal(t, initial[n]) for n, t in trained.state_dict.items())


def test_killed_training_resumes_to_the_same_weights(tmp_path: Path) -> None:
    parameters = make_e2e_parameters(
        objective_parameters=make_objective(kl_beta=0.05),
        keep="best",
        validation_tasks=4,
    )
    straight = run(parameters, validation_tasks=make_validation())
    # 32 episodes an update: episode 140 is in the fifth, after the second checkpoint.
    with pytest.raises(RuntimeError, match="killed"):
        run(
            parameters,
            training=make_training(ToyWorld(fail_at_episode=140)),
            validation_tasks=make_validation(),
            checkpoint_folder=tmp_path,
        )

    world = ToyWorld()
    resumed = run(
        parameters,
        training=make_training(world),
        validation_tasks=make_validation(),
        checkpoint_folder=tmp_path,
    )

    assert is_equal(straight, resumed)
    assert without_seconds(straight) == without_seconds(resumed)
    assert len(world.opened) == 2 * 32


@pytest.mark.parametrize("change", ["parameters", "tasks", "validation"])
def test_a_checkpoint_of_other_training_is_ignored(tmp_path: Path, change: str) -> None:
    parameters = make_e2e_parameters(num_updates=2)
    run(parameters, checkpoint_folder=tmp_path)
    world = ToyWorld()

    run(
        make_e2e_parameters(num_updates=2, seed=int(change == "parameters")),
        training=make_training(world, num_tasks=5 if change == "tasks" else 4),
        validation_tasks=make_validation() if change == "validation" else None,
        checkpoint_folder=tmp_path,
    )

    assert len(world.opened) == 2 * 32


def test_finished_training_is_not_done_again(tmp_path: Path) -> None:
    parameters = make_e2e_parameters(num_updates=2)
    first = run(parameters, checkpoint_folder=tmp_path)
    world = ToyWorld()

    again = run(parameters, training=make_training(world), checkpoint_folder=tmp_path)

    assert world.opened == []
    assert is_equal(first, again)


def test_episodes_that_cannot_begin_are_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"max_prompt_tokens \(2\); raise it"):
        run(make_e2e_parameters(max_prompt_tokens=2))


def test_the_best_weights_need_validation_tasks() -> None:
    parameters = make_e2e_parameters(keep="best", validation_tasks=4)

    with pytest.raises(ConfigurationError, match="set keep to 'last'"):
        run(parameters)
    with pytest.raises(ValueError, match=r"e2e\.validation_tasks is 0"):
        make_e2e_parameters(keep="best")


def test_nothing_to_train_on_is_refused() -> None:
    no_tasks: tuple[EnvironmentTask, ...] = ()

    with pytest.raises(ConfigurationError, match="no tasks to train on"):
        run(make_e2e_parameters(), training=EpisodeTasks(ToyWorld(), no_tasks))


def test_updates_on_pivots_measure_validation_success_too_and_keep_by_heldout() -> None:
    parameters = make_parameters(num_updates=3, heldout_turns=4, keep="best")
    trained = update_policy(
        make_policy(),
        UpdateTurns(make_pivots(), heldout=make_pivots(wanted="never")),
        ToyVerifier(lambda wanted, said: float(said.split()[:1] == [wanted])),
        parameters,
        source_location="toy",
        verifier_settings="toy",
        validation_tasks=make_validation(ToyWorld(wanted=None)),
    )

    assert column(trained, "heldout/reward_mean") == [None, 0.0, 0.0]
    assert column(trained, "validation/success") == [None, 1.0, 1.0]
    assert (trained.num_updates, trained.score) == (0, 0.0)
