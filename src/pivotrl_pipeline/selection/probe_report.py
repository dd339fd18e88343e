"""What short cuts earn on held-out pivots, beside what the policy earns there.

A held-out pivot is a turn of a held-out task that selection would have kept: there
the policy's rewards vary, as they do where it is trained. A verifier that pays every
message has no pivot among them; so a type of turn without any is probed at all its
held-out turns.
"""

import logging
from collections.abc import Mapping, Sequence

import pandas as pd

from pivotrl_pipeline.errors import ConfigurationError
from pivotrl_pipeline.records.frames import group_candidates
from pivotrl_pipeline.records.trajectories import Split
from pivotrl_pipeline.selection.statistics import parse_reward_statistics
from pivotrl_pipeline.selection.strategies import SelectionReason, SelectionRule
from pivotrl_pipeline.verifiers.base import Verifier
from pivotrl_pipeline.verifiers.probes import ProbeTurn
from pivotrl_pipeline.verifiers.probing import ProbeResult, probe_verifier

logger = logging.getLogger(__name__)


def report_probes(
    verifiers: Mapping[str, Verifier],
    trajectories: pd.DataFrame,
    pivot_candidates: pd.DataFrame,
    reward_statistics: pd.DataFrame,
    *,
    rule: SelectionRule,
) -> pd.DataFrame:
    """The table `verifier_probe_report`: each verifier's probes by type of turn.

    Every probe that does not earn less than the policy's own rollouts is a warning in
    the log. Each verifier is probed where its own statistics say.

    Raises:
        ConfigurationError: If no held-out turn has been judged.
        VerifierError: If a verifier itself fails on a probe; names the candidate.
    """
    rows: list[dict[str, object]] = []
    for name, verifier in verifiers.items():
        own = reward_statistics[reward_statistics["verifier"] == name]
        rewards = find_heldout_turns(trajectories, pivot_candidates, own, rule)
        turns = _make_turns(trajectories, pivot_candidates, rewards)
        results = probe_verifier(verifier, turns)
        _log(name, results, len(turns))
        rows += [_make_row(name, result) for result in results]
    if not rows:
        raise ConfigurationError(
            f"verifier_probes: none of {len(reward_statistics):,} rows of "
            f"reward_statistics is a judged turn of a held-out task; expected at "
            f"least one to probe at: raise ingestion.validation_rate and run the "
            f"stages up to variance_computation."
        )
    return pd.DataFrame(rows).astype(
        {"reward_mean": "float64", "honest_reward_mean": "float64"}
    )


def find_heldout_turns(
    trajectories: pd.DataFrame,
    pivot_candidates: pd.DataFrame,
    reward_statistics: pd.DataFrame,
    rule: SelectionRule,
) -> dict[str, float]:
    """The held-out candidates to probe at, each with its reward mean.

    Those that ``rule`` would keep; all that were judged, for a type of action of
    which it would keep none.

    Args:
        trajectories: The table.
        pivot_candidates: The table.
        reward_statistics: The table's rows of one verifier.
        rule: As it selects pivots.
    """
    is_heldout = trajectories["split"] == Split.VALIDATION
    ids = trajectories.loc[is_heldout, "trajectory_id"]
    candidates = pivot_candidates[pivot_candidates["trajectory_id"].isin(ids)]
    judged = candidates[["candidate_id", "action_type"]].merge(
        reward_statistics.dropna(subset="reward_mean"), on="candidate_id"
    )
    is_kept = pd.Series(
        [
            rule.judge(each) is SelectionReason.KEPT
            for each in parse_reward_statistics(judged)
        ],
        index=judged.index,
        dtype=bool,
    )
    has_kept = is_kept.groupby(judged["action_type"]).transform("any")
    chosen = judged[is_kept | ~has_kept]
    return dict(zip(chosen["candidate_id"], chosen["reward_mean"], strict=True))


def _make_turns(
    trajectories: pd.DataFrame,
    pivot_candidates: pd.DataFrame,
    rewards: Mapping[str, float],
) -> list[ProbeTurn]:
    kept = pivot_candidates[pivot_candidates["candidate_id"].isin(list(rewards))]
    return [
        ProbeTurn(
            candidate.candidate_id,
            trajectory.state_before(candidate.message_index),
            candidate.demonstrated_action,
            rewards[candidate.candidate_id],
        )
        for trajectory, candidates in group_candidates(trajectories, kept)
        for candidate in candidates
    ]


def _make_row(verifier: str, result: ProbeResult) -> dict[str, object]:
    return {
        "verifier": verifier,
        "probe": result.probe,
        "action_type": result.action_type.value,
        "num_turns": result.num_turns,
        "num_excluded": result.num_excluded,
        "reward_mean": result.reward_mean,
        "honest_reward_mean": result.honest_reward_mean,
        "earns_less": result.earns_less,
    }


def _log(verifier: str, results: Sequence[ProbeResult], num_turns: int) -> None:
    exploits = [result for result in results if not result.earns_less]
    logger.info(
        "Verifier %r on %s held-out turns: %s of %s probes earn less than honest "
        "actions.",
        verifier,
        f"{num_turns:,}",
        len(results) - len(exploits),
        len(results),
    )
    for result in exploits:
        logger.warning(result.describe(verifier))
