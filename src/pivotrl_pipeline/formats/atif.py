"""ATIF, the Agent Trajectory Interchange Format of Harbor, versions 1.0 to 1.7.

    {"schema_version": "ATIF-v1.7", "trajectory_id": "…", "agent": {"name": "…", …},
     "steps": [
       {"step_id": 1, "source": "user", "message": "…"},
       {"step_id": 2, "source": "agent", "message": "…", "tool_calls": […],
        "observation": {"results": [{"source_call_id": "c1", "content": "…"}]}}]}

A step of the agent holds its calls and what came of them; here the results are tool
messages behind it. Results that name no call are the environment's own words and
become a user message, which is how such harnesses show them to the model. Steps that
were copied from another trajectory, and those that no model took (``llm_call_count``
of 0), belong to the states of later turns but are no candidates themselves. Documents
of one session may continue each other: it is no id of theirs, but where they name no
task it is their task, so that they stay on one side of the split.

Source: github.com/laude-institute/harbor, RFC 0001.
"""

import json
from typing import cast

from pivotrl_pipeline.errors import TrajectoryError
from pivotrl_pipeline.formats.base import Format, RawTrajectory, RejectionReason
from pivotrl_pipeline.formats.call_ids import name_calls
from pivotrl_pipeline.formats.chat_messages import normalise_messages
from pivotrl_pipeline.formats.row_fields import (
    collect_metadata,
    read_identifier,
    read_success,
    read_tools,
)
from pivotrl_pipeline.records.messages import JsonObject, JsonValue

VERSION = "ATIF-v1.7"
_ROLES = {"system": "system", "user": "user", "agent": "assistant"}
_SOURCES = {role: source for source, role in _ROLES.items()}
_OWN_KEYS = ("task_id", "domain", "success")
"""Ours; ATIF has no place for them but ``extra``."""
_ATIF_KEYS = (
    "agent",
    "session_id",
    "notes",
    "final_metrics",
    "continued_trajectory_ref",
    "subagent_trajectories",
)


def read_atif(row: JsonObject) -> RawTrajectory:
    """The trajectory in a document.

    Raises:
        TrajectoryError: If its steps are no conversation.
    """
    steps = row.get("steps")
    if not isinstance(steps, list):
        raise TrajectoryError(
            f"steps is {type(steps).__name__}; expected a list.",
            reason=RejectionReason.MALFORMED_ROW,
        )
    messages = [
        message
        for index, step in enumerate(steps)
        for message in _read_step(step, f"steps[{index}]")
    ]
    agent = row.get("agent")
    definitions = agent.get("tool_definitions") if isinstance(agent, dict) else None
    extra = row.get("extra")
    fields = {**extra, **row} if isinstance(extra, dict) else row
    used = ("trajectory_id", *_OWN_KEYS, "steps", "schema_version", "extra")
    return RawTrajectory(
        messages=normalise_messages(messages),
        tools=read_tools(definitions, "agent.tool_definitions"),
        trajectory_id=read_identifier(row, ("trajectory_id",)),
        task_id=read_identifier(fields, ("task_id", "session_id")),
        domain=read_identifier(fields, ("domain",)),
        success=read_success(fields),
        metadata=collect_metadata(fields, used),
        excluded_turns=_find_excluded(cast("list[JsonObject]", steps)),
    )


def write_atif(trajectory: RawTrajectory) -> JsonObject:
    """The document of a trajectory; what ATIF has no name for goes under ``extra``.

    A turn that is no candidate is marked as copied, whatever else forbade it.
    """
    metadata = trajectory.metadata
    agent = cast("JsonObject", metadata.get("agent")) or {
        "name": "unknown",
        "version": "unknown",
    }
    if trajectory.tools is not None:
        agent = {**agent, "tool_definitions": cast("JsonValue", trajectory.tools)}
    row: JsonObject = {
        "schema_version": VERSION,
        "agent": agent,
        "steps": _write_steps(trajectory.messages, trajectory.excluded_turns),
    }
    if trajectory.trajectory_id is not None:
        row["trajectory_id"] = trajectory.trajectory_id
    row.update({key: metadata[key] for key in _ATIF_KEYS[1:] if key in metadata})
    extra = {key: metadata[key] for key in metadata if key not in _ATIF_KEYS}
    own = (trajectory.task_id, trajectory.domain, trajectory.success)
    named = zip(_OWN_KEYS, own, strict=True)
    extra.update({key: value for key, value in named if value is not None})
    if extra:
        row["extra"] = extra
    return row


def _read_step(step: JsonValue, place: str) -> list[JsonObject]:
    source = step.get("source") if isinstance(step, dict) else None
    if (
        not isinstance(step, dict)
        or not isinstance(source, str)
        or source not in _ROLES
    ):
        raise TrajectoryError(
            f"{place}.source is {source!r}; expected one of "
            f"{', '.join(sorted(_ROLES))}.",
            reason=RejectionReason.UNKNOWN_ROLE,
        )
    calls = _read_objects(
        step.get("tool_calls"), f"{place}.tool_calls", RejectionReason.MALFORMED_CALL
    )
    content = _read_text(step.get("message"))
    message: JsonObject = {
        "role": _ROLES[source],
        "content": content or None if calls else content,
    }
    if calls:
        message["tool_calls"] = list(map(_read_call, calls))
    if step.get("reasoning_content"):
        message["reasoning_content"] = step["reasoning_content"]
    results = _read_results(step.get("observation"), f"{place}.observation")
    return [message, *map(_read_result, results)]


def _find_excluded(steps: list[JsonObject]) -> frozenset[int]:
    """The turns that the specification forbids to train on, and those of no model."""
    turns = [step for step in steps if step["source"] == "agent"]
    return frozenset(
        turn
        for turn, step in enumerate(turns)
        if step.get("is_copied_context") or step.get("llm_call_count") == 0
    )


def _read_results(observation: JsonValue, place: str) -> list[JsonObject]:
    reason = RejectionReason.MALFORMED_MESSAGE
    fields = {} if observation is None else observation
    if not isinstance(fields, dict) or (fields and "results" not in fields):
        raise TrajectoryError(
            f"{place} is {observation!r:.60}; expected an object with results, or "
            f"null.",
            reason=reason,
        )
    return _read_objects(fields.get("results"), f"{place}.results", reason)


def _read_call(call: JsonObject) -> JsonObject:
    function = {
        key: call[name]
        for key, name in (("name", "function_name"), ("arguments", "arguments"))
        if name in call
    }
    identifier = call.get("tool_call_id")
    named = {} if identifier is None else {"id": identifier}
    return {**named, "type": "function", "function": function}


def _read_result(result: JsonObject) -> JsonObject:
    content = _read_text(result.get("content"))
    call_id = result.get("source_call_id")
    if call_id is None:
        return {"role": "user", "content": content or ""}
    return {"role": "tool", "tool_call_id": call_id, "content": content or ""}


def _read_text(content: JsonValue) -> JsonValue:
    return "" if content is None else content


def _write_steps(
    messages: list[JsonObject], excluded_turns: frozenset[int]
) -> list[JsonValue]:
    steps: list[JsonObject] = []
    for message in name_calls(messages):
        if message["role"] == "tool":
            observation = steps[-1].setdefault("observation", {"results": []})
            cast("dict[str, list[JsonValue]]", observation)["results"].append(
                {
                    "source_call_id": message["tool_call_id"],
                    "content": message["content"],
                }
            )
            continue
        step: JsonObject = {
            "step_id": len(steps) + 1,
            "source": _SOURCES[cast("str", message["role"])],
            "message": message["content"] or "",
        }
        if "reasoning_content" in message:
            step["reasoning_content"] = message["reasoning_content"]
        if calls := cast("list[JsonObject]", message.get("tool_calls", [])):
            step["tool_calls"] = [_write_call(call) for call in calls]
        steps.append(step)
    turns = [step for step in steps if step["source"] == "agent"]
    for turn in excluded_turns:
        turns[turn]["is_copied_context"] = True
    return cast("list[JsonValue]", steps)


def _write_call(call: JsonObject) -> JsonObject:
    function = cast("dict[str, str]", call["function"])
    return {
        "tool_call_id": call["id"],
        "function_name": function["name"],
        "arguments": json.loads(function["arguments"]),
    }


def _read_objects(
    value: JsonValue, place: str, reason: RejectionReason
) -> list[JsonObject]:
    """The objects of a list, which may be missing.

    Raises:
        TrajectoryError: If it is no list, or holds anything else.
    """
    items = [] if value is None else value
    if isinstance(items, list):
        objects = [item for item in items if isinstance(item, dict)]
        if len(objects) == len(items):
            return objects
    raise TrajectoryError(
        f"{place} is {value!r:.60}; expected a list of objects, or null.",
        reason=reason,
    )


def _is_atif(row: JsonObject) -> bool:
    return "steps" in row and str(row.get("schema_version", "")).startswith("ATIF")


ATIF = Format("atif", read_atif, write_atif, _is_atif)
