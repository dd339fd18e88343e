"""Rows for NeMo-Gym's single-step tool-use servers.

A row holds the three keys that the servers read (``responses_create_params``,
``expected_action``, ``agent_ref``) and, for people, where it comes from. A turn of
several calls is one ``function_call_batch``; the label is never part of the input.

Source: NVIDIA-NeMo/Gym, ``.agents/skills/nemo-gym-pivot-datasets``; pull request 2798.
"""

from collections.abc import Iterable

from pivotrl_pipeline.formats.call_ids import name_calls
from pivotrl_pipeline.formats.export.turns import ExportedTurn
from pivotrl_pipeline.formats.nemo_gym_pivots import make_expected_action
from pivotrl_pipeline.formats.nemo_gym_runs import make_request
from pivotrl_pipeline.records.messages import JsonObject


def make_nemo_gym_rows(
    turns: Iterable[ExportedTurn], *, agent_name: str
) -> list[JsonObject]:
    """One row per turn.

    Args:
        turns: What to export.
        agent_name: The agent of the server's configuration.
    """
    return [_make_row(turn, agent_name) for turn in turns]


def _make_row(turn: ExportedTurn, agent_name: str) -> JsonObject:
    request = make_request(name_calls(turn.messages), turn.tools)
    action = make_expected_action(turn.demonstrated_message)
    row: JsonObject = {
        "responses_create_params": {
            **request,
            "tool_choice": "auto",
            "parallel_tool_calls": action["type"] == "function_call_batch",
        },
        "expected_action": action,
        "agent_ref": {"type": "responses_api_agents", "name": agent_name},
        "trajectory_id": turn.trajectory_id,
        "task_id": turn.task_id,
        "candidate_id": turn.candidate_id,
        "info": {"turn": turn.turn_index},
    }
    if turn.statistics:
        row["profile"] = turn.statistics
    return row
