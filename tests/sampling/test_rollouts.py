from pathlib import Path

import pytest

from fakes import ScriptedPolicy, UnusedPolicy, make_candidates, make_trajectory
from pivotrl_pipeline.errors import PolicyError
from pivotrl_pipeline.policies.base import SamplingSettings
from pivotrl_pipeline.records.rollouts import FinishReason, Rollout
from pivotrl_pipeline.sampling.rollout_store import RolloutStore
from pivotrl_pipeline.sampling.rollouts import ProfilingSettings, sample_rollouts

SAMPLING = SamplingSettings(temperature=1.0, top_p=1.0, max_new_tokens=40)
SCRIPT = {
    "Ada": ["call Ada", "who?"],
    "found Ada": ["Ada it is.", "Sorry.", "Nobody."],
    "Bob": ["call Bob", "who?"],
    "found Bob": ["Bob it is.", "Sorry."],
}


def _settings(num_rollouts: int, max_prompt_tokens: int = 1000) -> ProfilingSettings:
    return ProfilingSettings(SAMPLING, num_rollouts, max_prompt_tokens, seed=0)


def _sample(
    policy: object,
    store: RolloutStore,
    num_rollouts: int,
    names: tuple[str, ...] = ("Ada",),
    max_prompt_tokens: int = 1000,
) -> list[Rollout]:
    trajectories = [make_trajectory(name, [name]) for name in names]
    rollouts, _ = sample_rollouts(
        policy,
        [(each, make_candidates(each)) for each in trajectories],
        _settings(num_rollouts, max_prompt_tokens),
        store,
        scope="policy",
    )
    return rollouts


def test_every_candidate_gets_its_rollouts_in_order(tmp_path: Path) -> None:
    rollouts = _sample(ScriptedPolicy(SCRIPT), RolloutStore(tmp_path), 3)

    assert [(r.candidate_id, r.sample_index) for r in rollouts] == [
        *(("Ada#0", 0), ("Ada#0", 1), ("Ada#0", 2)),
        *(("Ada#1", 0), ("Ada#1", 1), ("Ada#1", 2)),
    ]
    assert {r.text for r in rollouts if r.candidate_id == "Ada#0"} <= set(SCRIPT["Ada"])


def test_more_rollouts_extend_the_same_ones(tmp_path: Path) -> None:
    eight = _sample(ScriptedPolicy(SCRIPT), RolloutStore(tmp_path), 8)
    policy = ScriptedPolicy(SCRIPT)

    sixteen = _sample(policy, RolloutStore(tmp_path), 16)

    # Only the second block of eight indices of both turns is drawn.
    assert policy.calls == [16]
    assert [r for r in sixteen if r.sample_index < 8] == eight
    elsewhere = _sample(ScriptedPolicy(SCRIPT), RolloutStore(tmp_path / "new"), 16)
    assert sixteen == elsewhere


def test_full_store_asks_the_policy_nothing(tmp_path: Path) -> None:
    first = _sample(ScriptedPolicy(SCRIPT), RolloutStore(tmp_path), 8)
    policy = ScriptedPolicy(SCRIPT)

    again = _sample(policy, RolloutStore(tmp_path), 8)

    assert policy.calls == []
    assert again == first


def test_stored_samples_count_with_the_seconds_that_they_took(tmp_path: Path) -> None:
    trajectory = make_trajectory("Ada", ["Ada"])
    candidates = [(trajectory, make_candidates(trajectory))]

    (_, first), (_, again) = (
        sample_rollouts(
            policy, candidates, _settings(8), RolloutStore(tmp_path), scope="policy"
        )
        for policy in (ScriptedPolicy(SCRIPT), ScriptedPolicy(SCRIPT))
    )

    assert first == again
    assert first.seconds > 0


@pytest.mark.parametrize(("num_rollouts", "per_candidate"), [(3, 8), (8, 8), (12, 16)])
def test_the_cost_is_of_whole_blocks(
    tmp_path: Path, num_rollouts: int, per_candidate: int
) -> None:
    trajectories = [make_trajectory(name, [name]) for name in ("Ada", "Bob")]
    policy = ScriptedPolicy(SCRIPT, failing="Bob")

    _, cost = sample_rollouts(
        policy,
        [(each, make_candidates(each)) for each in trajectories],
        _settings(num_rollouts),
        RolloutStore(tmp_path),
        scope="policy",
    )

    # both turns of Ada; of Bob nothing could be sampled
    assert cost.num_samples == 2 * per_candidate


def test_added_trajectories_cost_only_themselves(tmp_path: Path) -> None:
    first = _sample(ScriptedPolicy(SCRIPT), RolloutStore(tmp_path), 8, ("Ada",))
    policy = ScriptedPolicy(SCRIPT)

    both = _sample(policy, RolloutStore(tmp_path), 8, ("Bob", "Ada"))

    assert policy.calls == [16]
    assert both[16:] == first


def test_killed_run_continues_from_what_was_flushed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pivotrl_pipeline.sampling.rollouts.FLUSH_SECONDS", 0.0)
    policy = ScriptedPolicy({"Ada": SCRIPT["Ada"], "found Ada": SCRIPT["found Ada"]})
    with pytest.raises(KeyError):
        _sample(policy, RolloutStore(tmp_path), 8, ("Ada", "Bob"))
    resumed = ScriptedPolicy(SCRIPT)

    rollouts = _sample(resumed, RolloutStore(tmp_path), 8, ("Ada", "Bob"))

    assert resumed.calls == [16]
    undisturbed = RolloutStore(tmp_path / "new")
    assert rollouts == _sample(ScriptedPolicy(SCRIPT), undisturbed, 8, ("Ada", "Bob"))


def test_damaged_shard_costs_only_time(tmp_path: Path) -> None:
    first = _sample(ScriptedPolicy(SCRIPT), RolloutStore(tmp_path), 8)
    (shard,) = tmp_path.glob("shard-*.parquet")
    shard.write_bytes(shard.read_bytes()[:100])

    assert _sample(ScriptedPolicy(SCRIPT), RolloutStore(tmp_path), 8) == first
    assert not list(tmp_path.glob(".*.tmp"))


def test_long_state_is_a_row_with_an_error(tmp_path: Path) -> None:
    # "Ada\n" has 4 characters, the second state 14: one fits.
    rollouts = _sample(
        ScriptedPolicy(SCRIPT), RolloutStore(tmp_path), 2, max_prompt_tokens=4
    )

    assert [r.finish_reason for r in rollouts[2:]] == [FinishReason.ERROR] * 2
    assert rollouts[2].error == (
        "the state has 15 tokens, rollout_sampling.max_prompt_tokens is 4"
    )
    assert rollouts[0].error is None


def test_failed_call_is_rows_with_an_error_and_is_not_stored(tmp_path: Path) -> None:
    failing = ScriptedPolicy(SCRIPT, failing="Bob")

    rollouts = _sample(failing, RolloutStore(tmp_path), 8, ("Ada", "Bob"))

    assert {r.error for r in rollouts[16:]} == {"the engine refused 'Bob'"}
    assert {r.error for r in rollouts[:16]} == {None}
    recovered = ScriptedPolicy(SCRIPT)
    assert _sample(recovered, RolloutStore(tmp_path), 8, ("Bob",))[0].error is None
    assert recovered.calls == [16]


def test_policy_that_fails_everywhere_ends_the_run(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="refused 'Ada'"):
        _sample(ScriptedPolicy(SCRIPT, failing="Ada"), RolloutStore(tmp_path), 8)


def test_no_candidate_needs_no_policy(tmp_path: Path) -> None:
    settings = _settings(8)

    rollouts, _ = sample_rollouts(
        UnusedPolicy(), [], settings, RolloutStore(tmp_path), scope=""
    )

    assert rollouts == []
