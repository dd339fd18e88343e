"""Pivots selected again: when, from what, at what cost, and after a kill."""

from dataclasses import replace
from pathlib import Path

import pytest
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
from pivotrl_pipeline.rl.metrics import MetricsRow
from pivotrl_pipeline.rl.reprofiling import is_profile_due, select_again
from pivotrl_pipeline.rl.trained_policy import TrainedPolicy
from pivotrl_pipeline.rl.update import UpdateTurns, update_policy
from pivotrl_pipeline.selection.strategies import SelectionRule

MIXED = SelectionRule("mixed", 0.6, include_threshold=False, keep_all_zero=False)
OTHERS = [
    replace(each, candidate_id=f"other#{n}") for n, each in enumerate(make_pivots())
]
# The pivots teach nothing any more, the other turns do.
TURNS = UpdateTurns(make_pivots(wanted="never"), easy_turns=OTHERS)
PARAMETERS = make_parameters(reprofile_below=0.5)


def reward_of(wanted: str, said: str) -> float:
    return 0.0 if wanted == "never" else float(int(said.split()[0]) % 2)


def run(
    parameters: RLUpdateParameters = PARAMETERS,
    *,
    turns: UpdateTurns = TURNS,
    verifier: ToyVerifier | None = None,
    rule: SelectionRule | None = MIXED,
    folder: Path | None = None,
) -> TrainedPolicy:
    return update_policy(
        ToyPolicy(make_model()),
        turns,
        verifier or ToyVerifier(reward_of),
        parameters,
        source_location="toy",
        verifier_settings="toy",
        rule=rule,
        checkpoints=folder and CheckpointFolder(folder, "toy"),
    )


@pytest.mark.parametrize(
    ("rates", "profiled", "is_due"),
    [
        ([0.2], [0], False),  # two updates are looked at
        ([0.2, 0.7], [0, 0], True),  # mean 0.45
        ([0.2, 0.8], [0, 0], False),  # mean 0.5 is not below
        ([0.0, 0.9, 0.9], [0, 0, 0], False),  # only the last two count
        ([0.0, 0.0, 0.2], [0, 0, 8], False),  # one update since the last selection
        ([0.0, 0.2, 0.2], [0, 8, 8], True),
    ],
)
def test_a_profile_is_due_when_the_mean_of_the_last_updates_is_low(
    rates: list[float], profiled: list[int], is_due: bool
) -> None:
    rows: list[MetricsRow] = [
        {"groups/informative_rate": rate, "profiling_turns": turns}
        for rate, turns in zip(rates, profiled, strict=True)
    ]

    assert is_profile_due(rows, profiled[-1], PARAMETERS) is is_due
    assert not is_profile_due(rows, profiled[-1], make_parameters())


def test_turns_that_have_become_pivots_are_trained_on_and_the_cost_is_counted() -> None:
    trained = run()

    assert column(trained, "is_skipped") == [True, True, False, False, False, False]
    # eight actions at each of eight candidates, before the third update
    assert column(trained, "profiling_turns") == [0, 0, 64, 64, 64, 64]
    assert column(trained, "rollout_turns") == [32 * n for n in range(1, 7)]


def test_as_many_candidates_are_looked_at_as_asked_for() -> None:
    parameters = make_parameters(reprofile_below=0.5, reprofile_candidates=3)

    def select(update_index: int) -> tuple[list[str], int]:
        verifier, rule = ToyVerifier(reward_of), MIXED
        policy = ToyPolicy(make_model())
        return select_again(
            policy, verifier, OTHERS, rule, parameters, update_index=update_index
        )

    drawn = [select(update_index) for update_index in range(6)]

    assert {num_sampled for _, num_sampled in drawn} == {3 * 8}
    assert {len(kept) for kept, _ in drawn} == {3}
    assert len({tuple(kept) for kept, _ in drawn}) > 1


def test_where_the_rule_keeps_nothing_the_pivots_stay() -> None:
    trained = run(
        make_parameters(num_updates=5, reprofile_below=0.5),
        turns=UpdateTurns(make_pivots(wanted="never")),
    )

    assert column(trained, "profiling_turns") == [0, 0, 32, 32, 64]
    assert column(trained, "is_skipped") == [True] * 5


# Two updates of 32 actions, a profile of 64, then four updates; checkpoints after the
# second and the fourth update.
@pytest.mark.parametrize(
    ("killed_at", "calls_left"), [(100, 64 + 4 * 32), (200, 2 * 32)]
)
def test_a_killed_update_goes_on_with_the_pivots_it_had(
    tmp_path: Path, killed_at: int, calls_left: int
) -> None:
    straight = run()
    with pytest.raises(VerifierError, match="killed"):
        run(verifier=ToyVerifier(reward_of, fail_at_call=killed_at), folder=tmp_path)

    verifier = ToyVerifier(reward_of)
    resumed = run(verifier=verifier, folder=tmp_path)

    assert is_equal(straight, resumed)
    assert without_seconds(straight) == without_seconds(resumed)
    assert verifier.num_calls == calls_left


def test_without_a_rule_there_is_nothing_to_select_by() -> None:
    with pytest.raises(ConfigurationError, match=r"reprofile_below is 0\.5, but there"):
        run(rule=None)
