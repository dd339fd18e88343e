"""Tasks of reasoning-gym: questions made by a seed, scored by rules of their own."""

from pivotrl_pipeline.evaluation.answers import (
    answer_greedily,
    make_question,
    read_answer,
)
from pivotrl_pipeline.evaluation.packages import check_tasks, imports_for_suite
from pivotrl_pipeline.evaluation.results import EvaluationResult, Suite
from pivotrl_pipeline.parameters.ood_evaluation import ReasoningGymSuite
from pivotrl_pipeline.policies.base import Policy

EXTRA = "reasoning-gym"


def evaluate_reasoning_gym(
    policy: Policy, name: str, suite: str, parameters: ReasoningGymSuite
) -> list[EvaluationResult]:
    """One result per task and item, by the policy called ``name``.

    Raises:
        ConfigurationError: If the package is not installed or has no such task.
    """
    with imports_for_suite(suite, extra=EXTRA):
        import reasoning_gym
        from reasoning_gym.factory import DATASETS
        from reasoning_gym.utils import extract_answer

    check_tasks(suite, parameters.tasks, DATASETS)
    results = []
    for task in parameters.tasks:
        items = reasoning_gym.create_dataset(
            task, seed=parameters.seed, size=parameters.items_per_task
        )
        entries = [items[index] for index in range(parameters.items_per_task)]
        questions = [
            make_question(parameters.instruction, entry["question"])
            for entry in entries
        ]
        texts = answer_greedily(
            policy, questions, max_new_tokens=parameters.max_new_tokens
        )
        for index, (entry, text) in enumerate(zip(entries, texts, strict=True)):
            said = read_answer(policy, text)
            answer = extract_answer(said)
            score = items.score_answer(
                said.strip() if answer is None else answer, entry
            )
            results.append(
                EvaluationResult(
                    name,
                    Suite.OUT_OF_DOMAIN,
                    f"{suite}/{task}",
                    f"{parameters.seed}/{index}",
                    text,
                    float(score),
                    turns=1,
                )
            )
    return results
