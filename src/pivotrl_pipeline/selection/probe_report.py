"""What short cuts earn on held-out pivots, beside what the policy earns there.

A held-out pivot is a turn of a held-out task that selection would have kept: there
the policy's rewards vary, as they do where it is trained.
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
    the log. Each verifier is probed on the pivots of its own statistics.

    Raises:
        ConfigurationError: If no verifier has a held-out pivot.
        VerifierError: If a verifier itself fails on a probe; names the candidate.
    """
    rows: list[dict[str, object]] = []
    for name, verifier in verifiers.items():
        own = reward_statistics[reward_statistics["verifier"] == name]
        rewards = find_heldout_pivots(trajectories, pivot_candidates, own, rule)
        turns = _make_turns(trajectories, pivot_candidates, rewards)
        results = probe_verifier(verifier, turns)
        _log(name, results, len(turns))
        rows += [_make_row(name, result) for result in results]
    if not rows:
        raise ConfigurationError(
            f"verifier_probes: strategy {rule.strategy!r} would keep none of the "
            f"held-out turns; expected at least one to probe at: raise "
            f"ingestion.validation_rate, or choose another pivot_selection.strategy."
        )
    return pd.DataFrame(rows).astype(
        {"reward_mean": "float64", "honest_reward_mean": "float64"}
    )


def find_heldout_pivots(
    trajectories: pd.DataFrame,
    pivot_candidates: pd.DataFrame,
    reward_statistics: pd.DataFrame,
    rule: SelectionRule,
) -> dict[str, float]:
    """The reward mean of each held-out candidate that ``rule`` would keep, by its id.

    Args:
        trajectories: The table.
        pivot_candidates: The table.
        reward_statistics: The table's rows of one verifier.
        rule: As it selects pivots.
    """
    is_heldout = trajectories["split"] == Split.VALIDATION
    ids = trajectories.loc[is_heldout, "trajectory_id"]
    candidates = pivot_candidates.loc[
        pivot_candidates["trajectory_id"].isin(ids), "candidate_id"
    ]
    heldout = reward_statistics[reward_statistics["candidate_id"].isin(candidates)]
    pairs = zip(heldout["candidate_id"], parse_reward_statistics(heldout), strict=True)
    return {
        candidate_id: statistics.reward_mean
        for candidate_id, statistics in pairs
        if statistics.reward_mean is not None
        and rule.judge(statistics) is SelectionReason.KEPT
    }


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
        "Verifier %r on %s held-out pivots: %s of %s probes earn less than honest "
        "actions.",
        verifier,
        f"{num_turns:,}",
        len(results) - len(exploits),
        len(results),
    )
    for result in exploits:
        logger.warning(result.describe(verifier))
