"""What Kedro-Viz shows after runs that skipped nodes, by its own files and answers."""

import json
from typing import Any

import pytest

from caching.toy_project import Project

pytestmark = pytest.mark.slow
pytest.importorskip("kedro_viz", reason="the extra 'viz' is not installed")

ANSWER = """
import json
from kedro_viz.api.rest.responses.run_events import get_run_status_response
print(json.dumps(get_run_status_response().model_dump(mode="json")))
"""


def status(project: Project) -> dict[str, Any]:
    """What the workflow view asks the server for."""
    result = project.python("-c", ANSWER)
    assert result.code == 0, result.output
    answer: dict[str, Any] = json.loads(result.output.splitlines()[-1])
    return answer


def available(answer: dict[str, Any]) -> dict[str, int]:
    return {each["name"]: each["size"] for each in answer["datasets"].values()}


def test_a_run_in_which_everything_was_skipped_is_still_a_run(
    project: Project,
) -> None:
    project.run()

    answer = status(project)

    assert answer["pipeline"]["status"] == "success"
    assert answer["nodes"] == {}  # drawn as skipped
    sizes = {name.split(".")[0]: len(data) for name, data in project.outputs().items()}
    assert available(answer) == sizes


def test_only_the_nodes_that_ran_are_told_as_run(project: Project) -> None:
    project.run("--params", "factor=3,report.digits=0")

    answer = status(project)

    assert len(answer["nodes"]) == 3
    assert {"raw", "numbers", "report"} <= set(available(answer))


def test_statistics_of_skipped_datasets_are_kept(project: Project) -> None:
    file = project.path / ".viz" / "stats.json"
    file.write_text(json.dumps({"numbers": {"rows": 3, "columns": 1}}))

    project.run()

    assert json.loads(file.read_text())["numbers"] == {"rows": 3, "columns": 1}
