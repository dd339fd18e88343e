"""Rows for NeMo-Gym's single-step tool-use servers.

A row holds the three keys that the servers read (``responses_create_params``,
``expected_action``, ``agent_ref``) and, for people, where it comes from. A turn of
several calls is one ``function_call_batch``; the label is never part of the input, so
every row allows parallel calls: vLLM drops all but the first call where they are not.

Source: NVIDIA-NeMo/Gym 0.7.0, ``nemo_gym/openai_utils.py``, and its
``.agents/skills/nemo-gym-pivot-datasets``; pull request 2798.
"""

import json
import logging
from collections.abc import Iterable
from typing import cast

from pivotrl_pipeline.formats.call_ids import name_calls
from pivotrl_pipeline.formats.expected_actions import make_expected_action
from pivotrl_pipeline.formats.export.turns import ExportedTurn
from pivotrl_pipeline.formats.responses_items import messages_to_items
from pivotrl_pipeline.policies.template_messages import Reasoning, select_reasoning
from pivotrl_pipeline.records.messages import JsonObject, message_to_json

logger = logging.getLogger(__name__)


def make_nemo_gym_rows(
    turns: Iterable[ExportedTurn], *, agent_name: str, reasoning: Reasoning
) -> list[JsonObject]:
    """One row per turn whose demonstrated action the servers can reward.

    The others are left out, with a warning that names them.

    Args:
        turns: What to export.
        agent_name: The agent of the server's configuration.
        reasoning: Which earlier reasoning the policy was shown when it was profiled.
    """
    rows = []
    left_out = []
    for turn in turns:
        row = _make_row(turn, agent_name, reasoning)
        if _can_be_rewarded(turn):
            rows.append(row)
        else:
            left_out.append(turn.candidate_id)
    if left_out:
        logger.warning(
            "NeMo-Gym cannot reward %d of %d turns, which hold an infinite number; "
            "left out: %s.",
            len(left_out),
            len(rows) + len(left_out),
            ", ".join(left_out),
        )
    return rows


def _can_be_rewarded(turn: ExportedTurn) -> bool:
    """False where a number equals nothing."""
    arguments = [call.arguments for call in turn.action.tool_calls]
    try:
        json.dumps(arguments, allow_nan=False)
    except ValueError:
        return False
    return True


def _make_row(turn: ExportedTurn, agent_name: str, reasoning: Reasoning) -> JsonObject:
    shown = select_reasoning(turn.state.prefix, reasoning)
    items = messages_to_items(name_calls(list(map(message_to_json, shown))))
    row: JsonObject = {
        "responses_create_params": {
            "input": [_name_item(index, item) for index, item in enumerate(items)],
            "tools": list(map(_flatten_tool, turn.tools)),
            "tool_choice": "auto",
            "parallel_tool_calls": True,
        },
        "expected_action": make_expected_action(turn.demonstrated_message),
        "agent_ref": {"type": "responses_api_agents", "name": agent_name},
        "trajectory_id": turn.trajectory_id,
        "task_id": turn.task_id,
        "candidate_id": turn.candidate_id,
        "info": {"turn": turn.turn_index},
    }
    if turn.statistics:
        row["profile"] = turn.statistics
    return row


def _name_item(index: int, item: JsonObject) -> JsonObject:
    """The item; the server demands an id of reasoning, which recordings lack."""
    if item["type"] == "reasoning":
        return {"id": f"reasoning-{index}", **item}
    return item


def _flatten_tool(tool: JsonObject) -> JsonObject:
    """A tool with the keys that the server demands, and no other than it takes.

    What the tool does not say is null, which the server leaves out of the prompt.
    """
    function = cast("JsonObject", tool["function"])
    known = ("name", "description", "parameters", "strict")
    demanded: JsonObject = {"type": "function", "parameters": None, "strict": None}
    return demanded | {key: function[key] for key in known if key in function}
