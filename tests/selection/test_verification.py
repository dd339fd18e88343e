"""Verdicts on sampled texts, here and where another trainer asks for them."""

from dataclasses import replace

import pytest

from fakes import make_candidates, make_trajectory
from pivotrl_pipeline.formats.export.rewards import ExportedReward
from pivotrl_pipeline.parameters.variance_computation import (
    VarianceComputationParameters,
)
from pivotrl_pipeline.records.messages import (
    Message,
    Role,
    Tool,
    dump_json,
    make_tool_call,
    message_to_json,
)
from pivotrl_pipeline.records.rollouts import FinishReason, Rollout
from pivotrl_pipeline.selection.verification import verify_rollouts
from pivotrl_pipeline.verifiers.build import build_verifiers

EXACT = {"kind": "exact_match"}
SCHEMA = {"type": "object", "properties": {"count": {"type": "integer"}}}
ORDER = Tool(
    "order",
    {"type": "function", "function": {"name": "order", "parameters": SCHEMA}},
)
TRAJECTORY = replace(
    make_trajectory("Ada", []),
    messages=(
        Message(Role.USER, "Five, please."),
        Message(Role.ASSISTANT, tool_calls=(make_tool_call("order", {"count": 5}),)),
    ),
    tools=(ORDER,),
)
HERMES = '<tool_call>{"name": "order", "arguments": {"count": %s}}</tool_call>'
XML = (
    "<tool_call>\n<function=order>\n<parameter=count>\n%s\n</parameter>\n</function>\n"
    "</tool_call>"
)


@pytest.mark.parametrize("count", [5, 6])
@pytest.mark.parametrize("text", [HERMES, XML, f"<think>Hm.</think>{XML}"])
def test_any_notation_of_the_demonstrated_call_is_right(text: str, count: int) -> None:
    (candidate,) = make_candidates(TRAJECTORY)
    parameters = VarianceComputationParameters.model_validate(
        {"verifiers": {"exact": EXACT}}
    )
    rollout = Rollout(
        candidate.candidate_id, 0, (7,), (-1.0,), text % count, FinishReason.STOP
    )

    (judged,) = verify_rollouts(
        [rollout],
        [(TRAJECTORY, [candidate])],
        build_verifiers(parameters.verifiers),
    )
    exported = ExportedReward(EXACT).score(
        text % count,
        dump_json(
            {
                "messages": [message_to_json(TRAJECTORY.messages[0])],
                "tools": [ORDER.schema],
                "metadata": {},
                "domain": "",
            }
        ),
        dump_json(message_to_json(TRAJECTORY.messages[1])),
    )

    assert judged.reward == exported == (1.0 if count == 5 else 0.0)
