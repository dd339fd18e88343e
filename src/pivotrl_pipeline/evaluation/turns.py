"""How good a policy is on recorded turns, where there is no environment to act in."""

import logging
from collections.abc import Mapping, Sequence

from pivotrl_pipeline.errors import ConfigurationError, VerifierError
from pivotrl_pipeline.evaluation.results import EvaluationResult, Suite
from pivotrl_pipeline.policies.base import Policy, SamplingSettings
from pivotrl_pipeline.records.trajectories import PivotCandidate, Trajectory
from pivotrl_pipeline.verifiers.base import Verifier
from pivotrl_pipeline.verifiers.judging import judge_at_candidate

logger = logging.getLogger(__name__)


def evaluate_turns(
    policy: Policy,
    name: str,
    trajectories: Sequence[tuple[Trajectory, Sequence[PivotCandidate]]],
    verifier: Verifier,
    suite: Suite,
    tasks: Mapping[str, str],
    *,
    max_new_tokens: int,
    max_prompt_tokens: int,
) -> list[EvaluationResult]:
    """The reward of the greedy action at each turn, by the policy called ``name``.

    Longer states than ``max_prompt_tokens`` are left out and counted in the log.

    Args:
        policy: Acts.
        name: Of the policy, in the results.
        trajectories: With the turns that it acts at.
        verifier: Judges the actions.
        suite: Of the results.
        tasks: What results are reported under, by candidate.
        max_new_tokens: Per action.
        max_prompt_tokens: Per state.

    Raises:
        ConfigurationError: If no turn is left.
        VerifierError: If a turn cannot be judged; names the candidate.
    """
    turns = [
        (candidate, trajectory.state_before(candidate.message_index))
        for trajectory, candidates in trajectories
        for candidate in candidates
    ]
    prompts = [policy.render(state) for _, state in turns]
    fitting = [i for i, each in enumerate(prompts) if len(each) <= max_prompt_tokens]
    if not fitting:
        raise ConfigurationError(_describe_emptiness(suite, prompts, max_prompt_tokens))
    if len(fitting) < len(turns):
        num_left_out = len(turns) - len(fitting)
        logger.warning("%d of %d turns are too long.", num_left_out, len(turns))
    samples = policy.sample(
        [prompts[index] for index in fitting],
        [[0] for _ in fitting],
        SamplingSettings(temperature=0.0, top_p=1.0, max_new_tokens=max_new_tokens),
    )
    results = []
    for index, (sample,) in zip(fitting, samples, strict=True):
        candidate, state = turns[index]
        text = policy.decode(sample.token_ids)
        verdict = judge_at_candidate(
            candidate.candidate_id,
            verifier,
            state,
            candidate.demonstrated_action,
            policy.parse(text, state.tools),
            sample.finish_reason,
        )
        if verdict.reward is None:
            raise VerifierError(
                f"Candidate {candidate.candidate_id!r} could not be judged "
                f"({verdict.detail}), but policies are compared on the same turns: see "
                f"whether the verifier can be reached."
            )
        results.append(
            EvaluationResult(
                name,
                suite,
                tasks[candidate.candidate_id],
                candidate.candidate_id,
                text,
                verdict.reward,
                turns=1,
            )
        )
    return results


def _describe_emptiness(
    suite: Suite, prompts: Sequence[Sequence[int]], max_prompt_tokens: int
) -> str:
    if not prompts:
        return (
            f"The suite {suite.value!r} has no turns, so there is nothing to judge "
            f"on; hold more tasks out: raise ingestion.validation_rate."
        )
    shortest = min(map(len, prompts))
    return (
        f"All turns of the suite {suite.value!r} are too long: the shortest state has "
        f"{shortest} tokens, ood_evaluation.max_prompt_tokens is {max_prompt_tokens}; "
        f"raise it to at least {shortest}."
    )
