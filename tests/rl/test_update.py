"""The loop: it learns, skips what teaches nothing, and goes on after a kill."""

import math
from pathlib import Path

import pytest
import torch
from tests.rl.killing import run_until_killed
from tests.rl.objectives import make_objective
from tests.rl.outcomes import column, is_equal, without_seconds
from tests.rl.toys import (
    ToyPolicy,
    ToyVerifier,
    make_model,
    make_parameters,
    make_pivots,
)

from pivotrl_pipeline.errors import ConfigurationError, VerifierError
from pivotrl_pipeline.parameters.rl_update import RLUpdateParameters
from pivotrl_pipeline.rl.checkpointing import CheckpointFolder
from pivotrl_pipeline.rl.trained_policy import TrainedPolicy
from pivotrl_pipeline.rl.update import UpdateTurns, update_policy


def run(
    parameters: RLUpdateParameters,
    *,
    turns: UpdateTurns | None = None,
    verifier: ToyVerifier | None = None,
    policy: ToyPolicy | None = None,
    checkpoint_folder: Path | None = None,
    code: str = "toy",
) -> TrainedPolicy:
    return update_policy(
        policy or ToyPolicy(make_model()),
        turns or UpdateTurns(make_pivots()),
        verifier or ToyVerifier(),
        parameters,
        source_location="toy",
        verifier_settings="toy",
        checkpoints=checkpoint_folder and CheckpointFolder(checkpoint_folder, code),
    )


def test_the_policy_learns_the_rewarded_token() -> None:
    trained = run(make_parameters(num_updates=25, learning_rate=6e-3))

    rewards = column(trained, "reward/mean")
    assert rewards[0] < 0.3
    assert rewards[-1] > 0.8
    assert column(trained, "rollout_turns") == [32 * n for n in range(1, 26)]


def test_the_same_arguments_give_the_same_bits() -> None:
    parameters = make_parameters(num_updates=2)

    first, second = run(parameters), run(parameters)

    assert is_equal(first, second)
    assert without_seconds(first) == without_seconds(second)


def test_another_seed_gives_other_weights() -> None:
    first = run(make_parameters(num_updates=1))
    second = run(make_parameters(num_updates=1, seed=1))

    assert not is_equal(first, second)


@pytest.mark.parametrize("reward", [0.0, 1.0, None])
def test_an_update_without_informative_groups_is_skipped(reward: float | None) -> None:
    verifier = ToyVerifier(reward_of=lambda demonstrated, said: reward)
    objective = make_objective(kl_beta=0.1)

    trained = run(
        make_parameters(num_updates=2, objective_parameters=objective),
        verifier=verifier,
    )

    assert column(trained, "is_skipped") == [True, True]
    assert column(trained, "groups/informative_rate") == [0.0, 0.0]
    assert column(trained, "reward/mean") == [reward, reward]
    assert column(trained, "rollouts/excluded") == [0 if reward is not None else 32] * 2
    untouched = make_model().state_dict()
    assert all(torch.equal(t, untouched[n]) for n, t in trained.state_dict.items())


def test_excluded_samples_are_counted_and_never_scored_zero() -> None:
    # Actions that begin with an odd token cannot be judged, the others earn 1.
    verifier = ToyVerifier(
        reward_of=lambda demonstrated, said: None if int(said.split()[0]) % 2 else 1.0
    )

    trained = run(make_parameters(num_updates=1), verifier=verifier)

    excluded = trained.metrics[0]["rollouts/excluded"]
    assert isinstance(excluded, int)
    assert 0 < excluded < 32
    assert trained.metrics[0]["reward/mean"] == 1.0
    assert trained.metrics[0]["is_skipped"] is True


def test_on_policy_the_kl_to_the_reference_begins_at_zero_and_nothing_is_clipped() -> (
    None
):
    objective = make_objective(kl_beta=0.1)

    trained = run(make_parameters(num_updates=3, objective_parameters=objective))

    kls = column(trained, "kl/policy_reference_k3")
    assert kls[0] == 0.0
    assert kls[2] > 0.0
    assert column(trained, "clip/rate") == [0.0, 0.0, 0.0]


def test_without_a_reference_policy_no_kl_is_claimed() -> None:
    trained = run(make_parameters(num_updates=1))

    assert trained.metrics[0]["kl/policy_reference_k3"] is None


def test_beta_holds_the_policy_near_the_reference() -> None:
    kls = [
        run(
            make_parameters(
                num_updates=15,
                learning_rate=3e-3,
                objective_parameters=make_objective(kl_beta=kl_beta),
            )
        ).metrics[-1]["kl/policy_reference_k3"]
        for kl_beta in (1e-9, 3.0)
    ]

    assert kls[1] < kls[0] / 4


def test_further_epochs_on_one_batch_are_clipped() -> None:
    trained = run(
        make_parameters(num_updates=2, epochs_per_update=4, learning_rate=1e-2)
    )

    assert all(rate > 0 for rate in column(trained, "clip/rate"))


def test_the_samplers_logprobs_agree_with_those_learnt_from() -> None:
    trained = run(make_parameters(num_updates=1, temperature=0.7))

    assert trained.metrics[0]["logprobs/mismatch"] < 1e-5


def test_the_best_heldout_weights_are_kept() -> None:
    # Held-out turns want a 3: training on 7 only ever loses them.
    turns = UpdateTurns(make_pivots(), heldout=make_pivots(wanted="3"))
    model = make_model()
    _force_first_token(model, 3)
    initial = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    parameters = make_parameters(
        num_updates=20, learning_rate=1e-2, keep="best", heldout_turns=4
    )

    trained = run(parameters, turns=turns, policy=ToyPolicy(model))

    assert trained.initial_score == 1.0
    assert trained.score == 1.0
    assert trained.metrics[-1]["heldout/reward_mean"] < 1.0
    assert trained.num_updates == 0
    assert all(torch.equal(t, initial[n]) for n, t in trained.state_dict.items())


def test_last_weights_are_kept_when_asked_for() -> None:
    turns = UpdateTurns(make_pivots(), heldout=make_pivots())

    trained = run(make_parameters(num_updates=3, heldout_turns=4), turns=turns)

    # measured every second update and after the last
    measured = [value is not None for value in column(trained, "heldout/reward_mean")]
    assert measured == [False, True, True]
    assert trained.num_updates == 3


def test_a_killed_update_resumes_to_the_same_weights(tmp_path: Path) -> None:
    turns = UpdateTurns(make_pivots(), heldout=make_pivots(2))
    parameters = make_parameters(
        keep="best",
        heldout_turns=2,
        objective_parameters=make_objective(kl_beta=0.05),
    )
    straight = run(parameters, turns=turns)
    # 2 held-out turns before, 4 x 32 rollouts and 2 x 2 held-out turns: call 140 is in
    # the fifth update, after the second checkpoint.
    verifier = ToyVerifier(fail_at_call=140)
    with pytest.raises(VerifierError, match=r"candidate 'trajectory#\d'.*killed"):
        run(parameters, turns=turns, verifier=verifier, checkpoint_folder=tmp_path)

    resuming = ToyVerifier()
    resumed = run(
        parameters, turns=turns, verifier=resuming, checkpoint_folder=tmp_path
    )

    assert is_equal(straight, resumed)
    assert without_seconds(straight) == without_seconds(resumed)
    assert resuming.num_calls == 2 * 32 + 2


def test_a_finished_update_is_not_made_again(tmp_path: Path) -> None:
    parameters = make_parameters(num_updates=3)
    first = run(parameters, checkpoint_folder=tmp_path / "checkpoints")
    idle = ToyPolicy(make_model())

    second = run(parameters, policy=idle, checkpoint_folder=tmp_path / "checkpoints")

    assert idle.num_calls == 0
    assert is_equal(first, second)


@pytest.mark.parametrize("change", ["parameters", "pivots", "weights", "code"])
def test_a_checkpoint_of_another_update_is_ignored(tmp_path: Path, change: str) -> None:
    run(make_parameters(num_updates=2), checkpoint_folder=tmp_path)
    seed = 1 if change == "parameters" else 0
    policy = ToyPolicy(make_model(1 if change == "weights" else 0))
    turns = UpdateTurns(make_pivots(5 if change == "pivots" else 4))

    run(
        make_parameters(num_updates=2, seed=seed),
        turns=turns,
        policy=policy,
        checkpoint_folder=tmp_path,
        code="other" if change == "code" else "toy",
    )

    assert policy.num_calls == 2


def test_an_update_killed_by_the_system_resumes_to_the_same_weights(
    tmp_path: Path,
) -> None:
    script = """
import sys
from pathlib import Path
from tests.rl.killing import make_deadly_verifier
from tests.rl.test_update import make_parameters, run

verifier = make_deadly_verifier(140)
run(make_parameters(), verifier=verifier, checkpoint_folder=Path(sys.argv[1]))
"""
    run_until_killed(script, tmp_path)

    resuming = ToyVerifier()
    resumed = run(make_parameters(), verifier=resuming, checkpoint_folder=tmp_path)

    assert resuming.num_calls == 2 * 32
    assert is_equal(resumed, run(make_parameters()))


@pytest.mark.parametrize(
    ("turns", "changes", "message"),
    [
        (UpdateTurns([]), {}, "no pivots to train on"),
        (
            UpdateTurns(make_pivots()),
            {"easy_turn_rate": 0.25},
            r"easy_turn_rate is 0\.25, but there are no training turns",
        ),
        (
            UpdateTurns(make_pivots()),
            {"keep": "best", "heldout_turns": 4},
            r"keep is 'best', .* no validation turns within \S+max_prompt_tokens",
        ),
    ],
)
def test_turns_that_parameters_ask_for_must_be_there(
    turns: UpdateTurns, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        run(make_parameters(**changes), turns=turns)


def _force_first_token(model: torch.nn.Module, token: int) -> None:
    """Trains until the token is likeliest, but far from certain, at every pivot."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    prompts = torch.tensor([pivot.prompt_ids for pivot in make_pivots()])
    while True:
        logprobs = model(prompts).logits[:, -1].log_softmax(-1)
        if logprobs[:, token].min() > math.log(0.55):
            return
        optimizer.zero_grad()
        (-logprobs[:, token].mean()).backward()
        optimizer.step()
