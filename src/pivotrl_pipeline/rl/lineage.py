"""What a trained policy was made from."""

import hashlib
from collections.abc import Iterable

from pivotrl_pipeline import __version__
from pivotrl_pipeline.records.messages import JsonObject
from pivotrl_pipeline.records.policies import PolicyCheckpoint
from pivotrl_pipeline.rl.episode_tasks import EpisodeTasks
from pivotrl_pipeline.rl.supervised_turns import SupervisedTurns
from pivotrl_pipeline.rl.trained_policy import TrainedPolicy
from pivotrl_pipeline.rl.update import UpdateTurns


def describe_lineage(
    initial_policy: PolicyCheckpoint,
    turns: UpdateTurns,
    verifier: JsonObject,
    parameters: JsonObject,
) -> JsonObject:
    """The content of ``lineage.json``: fingerprints of inputs, and all settings."""
    states = (f"{p.candidate_id} {p.prompt_ids}" for p in turns.pivots)
    return {
        "initial_policy": _describe_policy(initial_policy),
        "pivots": _describe_states(states),
        "verifier": verifier,
        "rl_update": parameters,
        "pivotrl_pipeline": __version__,
    }


def describe_supervised_lineage(
    initial_policy: PolicyCheckpoint,
    turns: SupervisedTurns,
    parameters: JsonObject,
    trained: TrainedPolicy,
) -> JsonObject:
    """The same of supervised fine-tuning, with the loss that it began and ended with.

    Args:
        initial_policy: Trained from here.
        turns: Trained on.
        parameters: All settings.
        trained: What came out; its scores are minus the validation loss.
    """
    demonstrations = (
        f"{t.candidate_id} {t.prompt_ids} {t.action_ids}" for t in turns.training
    )
    return {
        "initial_policy": _describe_policy(initial_policy),
        "turns": _describe_states(demonstrations),
        "sft": parameters,
        "num_updates": trained.num_updates,
        "validation_loss": {
            "initial": _negate(trained.initial_score),
            "kept": _negate(trained.score),
        },
        "pivotrl_pipeline": __version__,
    }


def describe_end_to_end_lineage(
    initial_policy: PolicyCheckpoint, training: EpisodeTasks, parameters: JsonObject
) -> JsonObject:
    """The same of training on whole episodes."""
    return {
        "initial_policy": _describe_policy(initial_policy),
        "tasks": _describe_states(map(repr, training.tasks)),
        "e2e": parameters,
        "pivotrl_pipeline": __version__,
    }


def _describe_policy(policy: PolicyCheckpoint) -> JsonObject:
    return {"location": policy.location, "fingerprint": policy.fingerprint}


def _describe_states(states: Iterable[str]) -> JsonObject:
    """How many, and a digest that does not depend on their order."""
    ordered = sorted(states)
    digest = hashlib.sha256("\n".join(ordered).encode()).hexdigest()
    return {"count": len(ordered), "sha256": digest}


def _negate(value: float | None) -> float | None:
    return None if value is None else -value
