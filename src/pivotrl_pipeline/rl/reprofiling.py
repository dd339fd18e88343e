"""Selecting pivots again with the policy as it is now.

Pivots are chosen once, with the initial policy. As training goes on, the actions of a
group come to agree, and an update learns from fewer and fewer groups. Where their share
falls below a bound, actions are sampled at training candidates anew, and the same rule
selects.
"""

import logging
import random
import statistics
from collections.abc import Sequence

from pivotrl_pipeline.parameters.rl_update import RLUpdateParameters
from pivotrl_pipeline.policies.base import Policy, SamplingSettings
from pivotrl_pipeline.rl.metrics import MetricsRow
from pivotrl_pipeline.rl.pivots import PivotState
from pivotrl_pipeline.rl.rollout_groups import RolloutGroup, sample_rollout_groups
from pivotrl_pipeline.sampling.seeds import derive_seed
from pivotrl_pipeline.selection.statistics import compute_reward_statistics
from pivotrl_pipeline.selection.strategies import SelectionReason, SelectionRule
from pivotrl_pipeline.verifiers.base import Verifier

logger = logging.getLogger(__name__)


def is_profile_due(
    metrics: Sequence[MetricsRow], profiling_turns: int, parameters: RLUpdateParameters
) -> bool:
    """Whether too few groups were informative over the last updates.

    Only updates since the last selection count, and there must be
    ``reprofile_window`` of them.

    Args:
        metrics: One row per update made.
        profiling_turns: Actions sampled to select again so far.
        parameters: The bound and the window.
    """
    window = parameters.reprofile_window
    recent = [
        float(row["groups/informative_rate"] or 0)
        for row in metrics[-window:]
        if row["profiling_turns"] == profiling_turns
    ]
    if parameters.reprofile_below == 0 or len(recent) < window:
        return False
    return statistics.fmean(recent) < parameters.reprofile_below


def select_again(
    policy: Policy,
    verifier: Verifier,
    candidates: Sequence[PivotState],
    rule: SelectionRule,
    parameters: RLUpdateParameters,
    *,
    update_index: int,
) -> tuple[list[str], int]:
    """The candidates that the rule keeps of a fresh profile, and its actions' number.

    ``group_size`` actions are sampled at each of ``reprofile_candidates`` candidates,
    drawn anew by the seed and the update's index.

    Returns:
        Their ids, in the candidates' order; none where the rule keeps none.
    """
    drawn = _draw(candidates, parameters, update_index)
    seeds = [
        [
            derive_seed(
                parameters.seed, "profile", update_index, each.candidate_id, index
            )
            for index in range(parameters.group_size)
        ]
        for each in drawn
    ]
    settings = SamplingSettings(
        parameters.temperature, parameters.top_p, parameters.max_new_tokens
    )
    groups = sample_rollout_groups(policy, verifier, drawn, seeds, settings)
    kept = [group.pivot.candidate_id for group in groups if _is_kept(group, rule)]
    logger.info(
        "Before update %d: %d of %d candidates are pivots now.",
        update_index,
        len(kept),
        len(drawn),
    )
    return kept, len(drawn) * parameters.group_size


def _draw(
    candidates: Sequence[PivotState], parameters: RLUpdateParameters, update_index: int
) -> list[PivotState]:
    count = parameters.reprofile_candidates or len(candidates)
    if count >= len(candidates):
        return list(candidates)
    seed = derive_seed(parameters.seed, "profiled candidates", update_index)
    chosen = random.Random(seed).sample(range(len(candidates)), count)
    return [candidates[index] for index in sorted(chosen)]


def _is_kept(group: RolloutGroup, rule: SelectionRule) -> bool:
    rewards = [rollout.reward for rollout in group.rollouts]
    return rule.judge(compute_reward_statistics(rewards)) is SelectionReason.KEPT
