"""Nodes of stage 1."""

import pandas as pd

from pivotrl_pipeline.formats.ingestion import ingest, prompt_lengths
from pivotrl_pipeline.formats.ingestion.conversion import IngestionSettings
from pivotrl_pipeline.parameters.ingestion import IngestionParameters
from pivotrl_pipeline.parameters.policy import PolicyParameters
from pivotrl_pipeline.parameters.variance_computation import (
    VarianceComputationParameters,
)
from pivotrl_pipeline.policies.loading import load_chat_template
from pivotrl_pipeline.records.frames import (
    iterate_candidates,
    typed_records_to_table,
)
from pivotrl_pipeline.records.messages import JsonValue
from pivotrl_pipeline.records.policies import PolicyCheckpoint
from pivotrl_pipeline.verifiers import self_check
from pivotrl_pipeline.verifiers.build import build_verifiers


def ingest_trajectories(
    raw_trajectories: object, raw_tools: JsonValue, parameters: IngestionParameters
) -> dict[str, pd.DataFrame]:
    """What the rows hold, what was refused of them, and what they hold twice."""
    settings = IngestionSettings(**parameters.model_dump())
    tables = ingest.ingest_trajectories(raw_trajectories, raw_tools, settings)
    return {
        "trajectories": tables.trajectories,
        "candidates": tables.pivot_candidates,
        "rejected": tables.rejected_trajectories,
        "duplicates": tables.duplicates,
    }


def check_demonstrations(
    trajectories: pd.DataFrame,
    unmeasured_candidates: pd.DataFrame,
    verifier_parameters: VarianceComputationParameters,
) -> pd.DataFrame:
    """`demonstration_check`: the turns whose own demonstration fails a verifier."""
    failing = self_check.check_demonstrations(
        build_verifiers(verifier_parameters.verifiers),
        iterate_candidates(trajectories, unmeasured_candidates),
    )
    return typed_records_to_table(failing, self_check.FailingDemonstration)


def measure_prompts(
    trajectories: pd.DataFrame,
    unmeasured_candidates: pd.DataFrame,
    initial_policy: PolicyCheckpoint,
    policy_parameters: PolicyParameters,
) -> pd.DataFrame:
    """`pivot_candidates`: every turn, with the length of its state."""
    template = load_chat_template(initial_policy.location, policy_parameters)
    return prompt_lengths.measure_prompts(
        trajectories, unmeasured_candidates, template.measure
    )
