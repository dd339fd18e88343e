"""Nodes of the export."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import pandas as pd

from pivotrl_pipeline.formats.export import rendered, reward_files
from pivotrl_pipeline.formats.export.nemo_gym import make_nemo_gym_rows
from pivotrl_pipeline.formats.export.turns import collect_turns
from pivotrl_pipeline.parameters.export import ExportParameters
from pivotrl_pipeline.parameters.pivot_selection import PivotSelectionParameters
from pivotrl_pipeline.parameters.policy import PolicyParameters
from pivotrl_pipeline.parameters.variance_computation import (
    VarianceComputationParameters,
)
from pivotrl_pipeline.policies.loading import load_chat_template, load_stop_ids
from pivotrl_pipeline.records.policies import PolicyCheckpoint
from pivotrl_pipeline.records.trajectories import Split

# Kedro resolves annotations here, where the names inside JsonObject are not known.
Row: TypeAlias = Mapping[str, object]


def export_nemo_gym(
    trajectories: pd.DataFrame,
    pivot_candidates: pd.DataFrame,
    pivots: pd.DataFrame,
    policy_parameters: PolicyParameters,
    parameters: ExportParameters,
) -> tuple[Sequence[Row], Sequence[Row]]:
    """`nemo_gym_train` and `nemo_gym_validation`."""
    turns = collect_turns(trajectories, pivot_candidates, pivots)
    train, validation = (
        make_nemo_gym_rows(
            [turn for turn in turns if turn.split is split],
            agent_name=parameters.nemo_gym_agent,
            reasoning=policy_parameters.reasoning,
        )
        for split in (Split.TRAIN, Split.VALIDATION)
    )
    return train, validation


def render_turns(
    trajectories: pd.DataFrame,
    pivot_candidates: pd.DataFrame,
    pivots: pd.DataFrame,
    initial_policy: PolicyCheckpoint,
    policy_parameters: PolicyParameters,
) -> pd.DataFrame:
    """`rendered_turns`: prompts and actions as the profiled policy has them."""
    turns = collect_turns(trajectories, pivot_candidates, pivots)
    template = load_chat_template(initial_policy.location, policy_parameters)
    return rendered.render_turns(turns, template)


def export_trl(
    rendered_turns: pd.DataFrame,
    initial_policy: PolicyCheckpoint,
    policy_parameters: PolicyParameters,
    verification: VarianceComputationParameters,
    selection: PivotSelectionParameters,
) -> tuple[pd.DataFrame, pd.DataFrame, str]:
    """`trl_grpo_train`, `trl_grpo_validation` and the file with the reward."""
    location = initial_policy.location
    added_text = load_chat_template(location, policy_parameters).find_added_text()
    train, validation = (
        rendered.make_trl_rows(rendered.select_split(rendered_turns, split), added_text)
        for split in (Split.TRAIN, Split.VALIDATION)
    )
    verifier = verification.verifiers[selection.verifier].model_dump(mode="json")
    stop_ids = load_stop_ids(location, policy_parameters)
    reward = reward_files.write_trl_reward(verifier, location, stop_ids)
    return train, validation, reward


def export_sft(
    rendered_turns: pd.DataFrame,
    initial_policy: PolicyCheckpoint,
    policy_parameters: PolicyParameters,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`trl_sft_train` and `trl_sft_validation`: the same turns as demonstrations."""
    template = load_chat_template(initial_policy.location, policy_parameters)
    added_text = template.find_added_text()
    train, validation = (
        rendered.make_sft_rows(rendered.select_split(rendered_turns, split), added_text)
        for split in (Split.TRAIN, Split.VALIDATION)
    )
    return train, validation


def export_verl(
    rendered_turns: pd.DataFrame,
    verification: VarianceComputationParameters,
    selection: PivotSelectionParameters,
) -> tuple[pd.DataFrame, pd.DataFrame, str]:
    """`verl_train`, `verl_validation` and the file with the score."""
    train, validation = (
        rendered.make_verl_rows(rendered.select_split(rendered_turns, split))
        for split in (Split.TRAIN, Split.VALIDATION)
    )
    verifier = verification.verifiers[selection.verifier].model_dump(mode="json")
    return train, validation, reward_files.write_verl_score(verifier)
