"""Which suites are asked: those of the box, and those that YAML names."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError
from tests.evaluation.answering import AnsweringPolicy

from pivotrl_pipeline.environments.desk.environment import OrderDesk
from pivotrl_pipeline.environments.seeds import SeedRange, take_seeds
from pivotrl_pipeline.environments.skills import make_skill_items, skill_families
from pivotrl_pipeline.errors import ConfigurationError
from pivotrl_pipeline.evaluation.results import Suite
from pivotrl_pipeline.evaluation.suites import (
    evaluate_out_of_domain,
    evaluate_policy,
    evaluate_validation,
)
from pivotrl_pipeline.parameters.ood_evaluation import OodEvaluationParameters

FILE = Path(__file__).parents[2] / "conf/base/parameters_ood_evaluation.yml"


SKILLS_ALONE = OodEvaluationParameters(
    tiers=(),
    tasks_per_tier=2,
    items_per_skill=1,
    suites={},
    max_new_tokens=8,
    max_prompt_tokens=64,
)


def read_parameters(text: str, **changes: Any) -> OodEvaluationParameters:
    values = yaml.safe_load(text.replace("${globals:tables}", "data"))
    return OodEvaluationParameters.model_validate(values["ood_evaluation"] | changes)


def test_the_box_alone_is_the_default() -> None:
    parameters = read_parameters(FILE.read_text())

    assert (parameters.suites, parameters.tiers) == ({}, ("short",))
    assert parameters.items_per_skill > 0


def test_the_examples_in_the_file_are_what_the_parameters_take() -> None:
    text = FILE.read_text().replace("suites: {} ", "suites: ")

    parameters = read_parameters(re.sub("^    # ", "    ", text, flags=re.MULTILINE))

    kinds = {name: suite.kind for name, suite in parameters.suites.items()}
    assert kinds == {"reasoning": "reasoning_gym", "harness": "lm_eval"}


def test_without_tiers_only_what_is_out_of_domain_is_asked() -> None:
    plan, policy = SKILLS_ALONE, AnsweringPolicy(str)

    results = evaluate_policy(policy, "initial", OrderDesk(), plan)

    assert {result.suite for result in results} == {Suite.OUT_OF_DOMAIN}
    assert [result.task for result in results] == list(skill_families())
    with pytest.raises(ConfigurationError, match="no tasks to judge on"):
        evaluate_validation(policy, "initial", OrderDesk(), plan, tasks_per_tier=2)


@pytest.mark.parametrize("thought", ["", "<think>\nhm\n</think>\n\n"])
def test_skills_score_what_is_said_after_reasoning(thought: str) -> None:
    seeds = take_seeds(SeedRange.HELD_OUT, SKILLS_ALONE.items_per_skill)
    answers = {
        item.messages[0].content: item.answer
        for family in skill_families()
        for item in make_skill_items(family, seeds)
    }
    policy = AnsweringPolicy(lambda question: thought + answers[question])

    results = evaluate_out_of_domain(policy, "initial", SKILLS_ALONE)

    assert {result.score for result in results} == {1.0}
    assert [result.output for result in results] == [
        thought + answer for answer in answers.values()
    ]


def test_an_unknown_kind_of_suite_is_refused_with_a_near_one() -> None:
    suites = {"mine": {"kind": "lm_evall"}}

    with pytest.raises(ValidationError, match="Did you mean 'lm_eval'"):
        read_parameters(FILE.read_text(), suites=suites)


def test_an_evaluation_that_asks_nothing_is_refused() -> None:
    with pytest.raises(ValidationError, match="ood_evaluation asks nothing"):
        read_parameters(FILE.read_text(), tiers=(), items_per_skill=0)
