import json
from typing import Any

import pytest

from pivotrl_pipeline.errors import TrajectoryError
from pivotrl_pipeline.formats.row_fields import collect_metadata, read_tools

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}


def _tool(parameters: object) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "f", "parameters": parameters}}


@pytest.mark.parametrize(
    "entry",
    [
        _tool(json.dumps(SCHEMA)),
        {"name": "f", "parameters": json.dumps(SCHEMA)},
        json.dumps(_tool(json.dumps(SCHEMA))),
    ],
    ids=["OpenAI", "flat", "text"],
)
def test_parameters_may_be_json_text(entry: Any) -> None:
    assert read_tools([entry]) == [_tool(SCHEMA)]


@pytest.mark.parametrize("entry", [_tool(SCHEMA), _tool(None), _tool({})])
def test_entries_pass_as_they_are(entry: Any) -> None:
    tools = read_tools([entry])

    assert tools is not None
    assert tools[0] is entry


@pytest.mark.parametrize("parameters", [5, True, "none", "[]", ["a"]])
def test_parameters_that_are_no_schema_are_refused(parameters: object) -> None:
    with pytest.raises(
        TrajectoryError, match=r"tools\[1\] declares the parameters .*; expected a JSON"
    ) as caught:
        read_tools([_tool(SCHEMA), _tool(parameters)])

    assert caught.value.reason == "malformed_tools"


def test_metadata_may_be_json_text() -> None:
    row: Any = {"model": "m", "metadata": '{"seed": 1}'}

    assert collect_metadata(row, ()) == {"model": "m", "seed": 1}
