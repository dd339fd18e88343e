"""The suites: the order desk in-domain, the unrelated skills out-of-domain.

All are answered greedily, as deployed. Held-out desk tasks come from a range of
seeds that no trajectory uses; the skills appear in no trajectory at all. Suites that
packages bring stand beside the skills where the parameters name them.
"""

from collections.abc import Sequence

from pivotrl_pipeline.environments.base import Environment
from pivotrl_pipeline.environments.seeds import SeedRange, take_seeds
from pivotrl_pipeline.environments.skills import (
    make_skill_items,
    score_skill_answer,
    skill_families,
)
from pivotrl_pipeline.errors import ConfigurationError
from pivotrl_pipeline.evaluation.answers import answer_greedily, read_answer
from pivotrl_pipeline.evaluation.harness_suite import evaluate_harness
from pivotrl_pipeline.evaluation.reasoning_gym_suite import evaluate_reasoning_gym
from pivotrl_pipeline.evaluation.results import EvaluationResult, Suite
from pivotrl_pipeline.parameters.ood_evaluation import (
    OodEvaluationParameters,
    ReasoningGymSuite,
)
from pivotrl_pipeline.policies.base import Policy, SamplingSettings
from pivotrl_pipeline.records.messages import Role, dump_json, message_to_json
from pivotrl_pipeline.sampling.episodes import EpisodeOutcome, run_episodes


def evaluate_policy(
    policy: Policy, name: str, environment: Environment, plan: OodEvaluationParameters
) -> list[EvaluationResult]:
    """Every item of both suites, answered greedily by the policy called ``name``."""
    in_domain = evaluate_in_domain(policy, name, environment, plan)
    return in_domain + evaluate_out_of_domain(policy, name, plan)


def evaluate_in_domain(
    policy: Policy, name: str, environment: Environment, plan: OodEvaluationParameters
) -> list[EvaluationResult]:
    """Success on held-out desk tasks, one result per task."""
    seeds = take_seeds(SeedRange.HELD_OUT, plan.tasks_per_tier)
    return _evaluate_tasks(policy, name, environment, plan, seeds, Suite.IN_DOMAIN)


def evaluate_validation(
    policy: Policy,
    name: str,
    environment: Environment,
    plan: OodEvaluationParameters,
    *,
    tasks_per_tier: int,
) -> list[EvaluationResult]:
    """Success on tasks that nothing is reported on and no training looks at.

    One result per task.

    Raises:
        ConfigurationError: If the plan has no tier, so that there are no tasks.
    """
    if not plan.tiers:
        raise ConfigurationError(
            "ood_evaluation.tiers is empty, so there are no tasks to judge on; name a "
            "tier, or judge on turns: judged_on: turns."
        )
    seeds = take_seeds(SeedRange.TUNING, tasks_per_tier)
    return _evaluate_tasks(policy, name, environment, plan, seeds, Suite.VALIDATION)


def _evaluate_tasks(
    policy: Policy,
    name: str,
    environment: Environment,
    plan: OodEvaluationParameters,
    seeds: Sequence[int],
    suite: Suite,
) -> list[EvaluationResult]:
    tasks = [
        task
        for tier in plan.tiers
        for task in environment.tasks(tier=tier, seeds=seeds)
    ]
    outcomes = run_episodes(
        policy,
        environment,
        tasks,
        _greedy(plan),
        max_prompt_tokens=plan.max_prompt_tokens,
        seed=0,
    )
    return [_to_result(name, outcome, suite) for outcome in outcomes]


def evaluate_out_of_domain(
    policy: Policy, name: str, plan: OodEvaluationParameters
) -> list[EvaluationResult]:
    """Accuracy on the skills and on the suites that are named, one result per item."""
    results = _evaluate_skills(policy, name, plan)
    for suite, parameters in plan.suites.items():
        if isinstance(parameters, ReasoningGymSuite):
            results += evaluate_reasoning_gym(policy, name, suite, parameters)
        else:
            results += evaluate_harness(policy, name, suite, parameters)
    return results


def _evaluate_skills(
    policy: Policy, name: str, plan: OodEvaluationParameters
) -> list[EvaluationResult]:
    seeds = take_seeds(SeedRange.HELD_OUT, plan.items_per_skill)
    items = [
        item for family in skill_families() for item in make_skill_items(family, seeds)
    ]
    texts = answer_greedily(
        policy, [item.messages for item in items], max_new_tokens=plan.max_new_tokens
    )
    return [
        EvaluationResult(
            name,
            Suite.OUT_OF_DOMAIN,
            item.family,
            item.item_id,
            text,
            score_skill_answer(item, read_answer(policy, text)),
            turns=1,
        )
        for item, text in zip(items, texts, strict=True)
    ]


def _greedy(plan: OodEvaluationParameters) -> SamplingSettings:
    return SamplingSettings(
        temperature=0.0, top_p=1.0, max_new_tokens=plan.max_new_tokens
    )


def _to_result(name: str, outcome: EpisodeOutcome, suite: Suite) -> EvaluationResult:
    spoken = [m for m in outcome.messages if m.role is Role.ASSISTANT]
    return EvaluationResult(
        name,
        suite,
        str(outcome.task.settings["tier"]),
        outcome.task.task_id,
        dump_json([message_to_json(message) for message in spoken]),
        float(outcome.success),
        outcome.num_turns,
    )
