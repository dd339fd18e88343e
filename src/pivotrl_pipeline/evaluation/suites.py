"""The suites: the order desk in-domain, the unrelated skills out-of-domain.

All are answered greedily, as deployed. Held-out desk tasks come from a range of
seeds that no trajectory uses; the skills appear in no trajectory at all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from pivotrl_pipeline.environments.base import Environment
from pivotrl_pipeline.environments.seeds import SeedRange, take_seeds
from pivotrl_pipeline.environments.skills import (
    SkillItem,
    make_skill_items,
    score_skill_answer,
    skill_families,
)
from pivotrl_pipeline.policies.base import Policy, SamplingSettings
from pivotrl_pipeline.records.messages import Role, dump_json, message_to_json
from pivotrl_pipeline.records.trajectories import State
from pivotrl_pipeline.sampling.episodes import EpisodeOutcome, run_episodes


class Suite(StrEnum):
    """Which family of tasks an item belongs to."""

    IN_DOMAIN = "in_domain"
    """The family of the training trajectories, on held-out tasks."""
    OUT_OF_DOMAIN = "out_of_domain"
    """Anything else the policy could do before."""
    VALIDATION = "validation"
    """As in-domain, on tasks that say which training was best and report nothing."""


@dataclass(frozen=True, slots=True)
class EvaluationResult:
    """One answered item."""

    policy: str
    suite: Suite
    task: str
    """The kind of item: a tier of the desk, a family of skills."""
    item_id: str
    output: str
    """In-domain the assistant's messages as JSON text, else the answer."""
    score: float
    """In [0, 1]."""
    turns: int
    """Assistant turns taken."""


@dataclass(frozen=True, slots=True)
class EvaluationPlan:
    """How much is asked, and within which limits."""

    tiers: tuple[str, ...]
    tasks_per_tier: int
    items_per_skill: int
    max_new_tokens: int
    max_prompt_tokens: int


def evaluate_policy(
    policy: Policy, name: str, environment: Environment, plan: EvaluationPlan
) -> list[EvaluationResult]:
    """Every item of both suites, answered greedily by the policy called ``name``."""
    in_domain = evaluate_in_domain(policy, name, environment, plan)
    return in_domain + evaluate_out_of_domain(policy, name, plan)


def evaluate_in_domain(
    policy: Policy, name: str, environment: Environment, plan: EvaluationPlan
) -> list[EvaluationResult]:
    """Success on held-out desk tasks, one result per task."""
    seeds = take_seeds(SeedRange.HELD_OUT, plan.tasks_per_tier)
    return _evaluate_tasks(policy, name, environment, plan, seeds, Suite.IN_DOMAIN)


def evaluate_validation(
    policy: Policy,
    name: str,
    environment: Environment,
    plan: EvaluationPlan,
    *,
    tasks_per_tier: int,
) -> list[EvaluationResult]:
    """Success on desk tasks that nothing is reported on, one result per task."""
    seeds = take_seeds(SeedRange.VALIDATION, tasks_per_tier)
    return _evaluate_tasks(policy, name, environment, plan, seeds, Suite.VALIDATION)


def _evaluate_tasks(
    policy: Policy,
    name: str,
    environment: Environment,
    plan: EvaluationPlan,
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
    policy: Policy, name: str, plan: EvaluationPlan
) -> list[EvaluationResult]:
    """Accuracy on the skills, one result per item."""
    seeds = take_seeds(SeedRange.HELD_OUT, plan.items_per_skill)
    items = [
        item for family in skill_families() for item in make_skill_items(family, seeds)
    ]
    texts = _answer_greedily(policy, items, plan)
    return [
        EvaluationResult(
            name,
            Suite.OUT_OF_DOMAIN,
            item.family,
            item.item_id,
            text,
            score_skill_answer(item, text),
            turns=1,
        )
        for item, text in zip(items, texts, strict=True)
    ]


def _answer_greedily(
    policy: Policy, items: Sequence[SkillItem], plan: EvaluationPlan
) -> list[str]:
    prompts = [policy.render(State(item.messages, tools=())) for item in items]
    samples = policy.sample(prompts, [[0] for _ in items], _greedy(plan))
    return [policy.decode(sample.token_ids) for (sample,) in samples]


def _greedy(plan: EvaluationPlan) -> SamplingSettings:
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
