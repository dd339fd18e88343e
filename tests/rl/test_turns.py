"""Which turns an update gets, and what its outcome says of them."""

from dataclasses import replace

import pytest
from tests.rl.toys import make_pivots

from fakes import ScriptedPolicy, make_candidates, make_trajectory
from pivotrl_pipeline.records.policies import PolicyCheckpoint
from pivotrl_pipeline.records.trajectories import PivotCandidate, Split, Trajectory
from pivotrl_pipeline.rl.lineage import describe_lineage
from pivotrl_pipeline.rl.pivots import PivotState
from pivotrl_pipeline.rl.turns import make_update_turns
from pivotrl_pipeline.rl.update import UpdateTurns


def make_table() -> list[tuple[Trajectory, list[PivotCandidate]]]:
    """Four turns to train on, four held out."""
    training = make_trajectory("a", ["Ann", "Bob"])
    validation = replace(make_trajectory("b", ["Cid", "Dan"]), split=Split.VALIDATION)
    return [(each, make_candidates(each)) for each in (training, validation)]


def turns_of(
    *,
    with_easy_turns: bool = True,
    num_heldout: int = 4,
    max_prompt_tokens: int = 1000,
    seed: int = 0,
) -> UpdateTurns:
    return make_update_turns(
        ScriptedPolicy({}),
        make_table(),
        ["a#1", "a#3"],
        with_easy_turns=with_easy_turns,
        num_heldout=num_heldout,
        max_prompt_tokens=max_prompt_tokens,
        seed=seed,
    )


def ids(states: tuple[PivotState, ...] | list[PivotState]) -> list[str]:
    return [state.candidate_id for state in states]


def test_training_turns_are_pivots_or_easy_and_validation_turns_are_neither() -> None:
    turns = turns_of()

    assert ids(turns.pivots) == ["a#1", "a#3"]
    assert ids(turns.easy_turns) == ["a#0", "a#2"]
    assert sorted(ids(turns.heldout)) == ["b#0", "b#1", "b#2", "b#3"]


def test_easy_turns_are_left_out_where_they_are_not_wanted() -> None:
    assert turns_of(with_easy_turns=False).easy_turns == []


def test_the_heldout_sample_is_fixed_by_the_seed() -> None:
    samples = [tuple(ids(turns_of(num_heldout=2, seed=s).heldout)) for s in range(8)]

    assert {len(sample) for sample in samples} == {2}
    assert len(set(samples)) > 1
    assert tuple(ids(turns_of(num_heldout=2).heldout)) == samples[0]


@pytest.mark.parametrize("seed", range(8))
def test_the_heldout_sample_is_the_first_of_an_order_that_fit(seed: int) -> None:
    order = ids(turns_of(seed=seed).heldout)

    assert ids(turns_of(num_heldout=2, seed=seed).heldout) == order[:2]
    # only "Cid\n" and "Cid\n\nfound Cid\n" fit
    short = turns_of(num_heldout=2, max_prompt_tokens=20, seed=seed)
    assert ids(short.heldout) == [each for each in order if each in ("b#0", "b#1")]


def test_states_that_are_too_long_to_sample_are_left_out() -> None:
    # states end after "Ann\n", "found Ann\n" and so on: a#3 is the longest
    turns = turns_of(max_prompt_tokens=20)

    assert ids(turns.pivots) == ["a#1"]


def test_lineage_tells_policies_and_pivots_apart() -> None:
    def digest(turns: UpdateTurns) -> object:
        checkpoint = PolicyCheckpoint("somewhere", "abc")
        return describe_lineage(checkpoint, turns, {"kind": "toy"}, {"seed": 0})

    first = digest(UpdateTurns(make_pivots(2)))

    assert first == digest(UpdateTurns(make_pivots(2)[::-1]))
    assert first != digest(UpdateTurns(make_pivots(3)))
