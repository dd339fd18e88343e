"""A folder whose content counts as a parameter."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from pivotrl_pipeline.caching.values import digest_value
from pivotrl_pipeline.parameters.task_folder import TaskFolder


def digest(folder: Path) -> str:
    return digest_value(TaskFolder.model_validate(str(folder)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "nested").mkdir()
    (tmp_path / "sums.yaml").write_text("task: sums")
    (tmp_path / "nested" / "rules.py").write_text("def score(): ...")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "content"),
    [("sums.yaml", "task: sum"), ("nested/rules.py", ""), ("new.yaml", "")],
)
def test_another_content_is_another_parameter(
    folder: Path, name: str, content: str
) -> None:
    before = digest(folder)

    (folder / name).write_text(content)

    assert digest(folder) != before


def test_a_renamed_file_is_another_parameter(folder: Path) -> None:
    before = digest(folder)

    (folder / "sums.yaml").rename(folder / "sum.yaml")

    assert digest(folder) != before


@pytest.mark.parametrize(
    "name", ["nested/__pycache__/rules.pyc", ".git/index", ".sums.yaml.swp"]
)
def test_what_programs_leave_behind_does_not_count(folder: Path, name: str) -> None:
    before = digest(folder)

    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"left behind")

    assert digest(folder) == before


def test_what_a_link_leads_to_counts(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "rows.jsonl").write_text("{}")
    (folder / "rows").symlink_to(elsewhere)
    before = digest(folder)

    (elsewhere / "rows.jsonl").write_text("[]")

    assert digest(folder) != before


def test_what_was_validated_can_be_validated_again(folder: Path) -> None:
    found = TaskFolder.model_validate(str(folder))

    assert TaskFolder.model_validate(found.model_dump()) == found


@pytest.mark.parametrize("name", ["absent", "sums.yaml"])
def test_what_is_no_folder_is_refused(folder: Path, name: str) -> None:
    with pytest.raises(ValidationError, match=f"There is no folder .*{name}"):
        TaskFolder.model_validate(str(folder / name))


def test_no_path_is_not_the_folder_of_the_run() -> None:
    with pytest.raises(ValidationError, match=r"There is no folder ''.* null for none"):
        TaskFolder.model_validate("")
