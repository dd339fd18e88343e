"""Unfinished work is gone on with by the code that began it, and by no other."""

import pytest

from caching.toy_project import Project

STEPS = ["step0", "step1", "step2"]
ARITHMETIC = "src/toy/arithmetic.py"

_FILES = {
    "src/toy/progress.py": """
        import json
        from pathlib import Path

        from kedro.io import AbstractDataset


        class Progress:
            def __init__(self, folder, code):
                self.file = Path(folder) / "progress.json"
                self.code = code

            def load(self):
                saved = json.loads(self.file.read_text()) if self.file.exists() else {}
                return saved.get("steps", []) if saved.get("code") == self.code else []

            def save(self, steps):
                self.file.parent.mkdir(parents=True, exist_ok=True)
                self.file.write_text(json.dumps({"code": self.code, "steps": steps}))


        class ProgressDataset(AbstractDataset):
            def __init__(self, *, filepath):
                self._filepath = filepath
                self._code = "never told"

            def use_code(self, digest):
                self._code = digest

            def fingerprint(self):
                return "progress"

            def load(self):
                return Progress(self._filepath, self._code)

            def save(self, data):
                raise NotImplementedError

            def _describe(self):
                return {}
    """,
    "src/toy/training.py": """
        from toy import arithmetic
        from toy.log import ran


        def train(numbers, progress):
            steps = progress.load()
            while len(steps) < 3:
                ran(f"step{len(steps)}")
                steps.append(arithmetic.multiply(numbers, len(steps)))
                progress.save(steps)
            return steps
    """,
    "src/toy/pipeline_registry.py": """
        from kedro.pipeline import Node, Pipeline

        from toy import nodes, training


        def register_pipelines():
            return {
                "__default__": Pipeline(
                    [
                        Node(nodes.parse, "raw", "numbers", name="parse"),
                        Node(
                            training.train,
                            ["numbers", "progress"],
                            "trained",
                            name="train",
                        ),
                    ]
                )
            }
    """,
}


@pytest.fixture
def training(fresh_project: Project) -> Project:
    """A project that trains in three steps, not run yet."""
    for name, text in _FILES.items():
        fresh_project.write(name, text)
    fresh_project.append(
        "conf/base/catalog.yml",
        "progress: {type: toy.progress.ProgressDataset, filepath: progress}\n"
        "trained: {type: json.JSONDataset, filepath: data/trained.json}\n",
    )
    return fresh_project


@pytest.mark.parametrize(
    "options", [(), ("--no-cache",), ("--runner=ParallelRunner",)], ids=str
)
def test_a_killed_node_goes_on_where_it_was(
    training: Project, options: tuple[str, ...]
) -> None:
    training.kill_during("step2", *options)

    again = training.run(*options)

    assert [name for name in again.ran if name != "parse"] == ["step2"]
    assert training.json("trained.json") == [[0, 0, 0], [1, 2, 3], [2, 4, 6]]


def test_an_edit_elsewhere_neither_reruns_it_nor_costs_its_progress(
    training: Project,
) -> None:
    training.kill_during("step2")
    training.edit(ARITHMETIC, "return UNRELATED", "return UNRELATED + 1")
    training.write("src/toy/README.md", "Arithmetic.")

    assert training.run().ran == ["step2"]

    training.edit(ARITHMETIC, "return UNRELATED", "return -UNRELATED")
    training.write("src/toy/README.md", "More arithmetic.")
    assert training.run().ran == []


def test_changed_code_begins_again(training: Project) -> None:
    training.kill_during("step2")
    training.edit(ARITHMETIC, "* factor + OFFSET", "* factor - OFFSET")

    assert training.run().ran == STEPS


def test_the_progress_of_a_finished_node_serves_no_other_code(
    training: Project,
) -> None:
    training.run()
    training.edit(ARITHMETIC, "* factor + OFFSET", "* factor + OFFSET + 1")

    assert training.run().ran == STEPS
    assert training.json("trained.json") == [[1, 1, 1], [2, 3, 4], [3, 5, 7]]


def test_code_that_was_edited_after_it_was_loaded_leaves_nothing_behind(
    training: Project,
) -> None:
    running = training.start("run", TOY_PAUSE="parse")
    running.wait_for("parse")
    training.edit(ARITHMETIC, "* factor + OFFSET", "* factor + OFFSET + 1")
    running.go_on()
    result = running.wait()
    assert result.ran == ["parse", *STEPS], result.output

    assert training.run().ran[-3:] == STEPS
    assert training.json("trained.json") == [[1, 1, 1], [2, 3, 4], [3, 5, 7]]


def test_a_dataset_may_name_the_code_that_its_content_belongs_to(
    training: Project,
) -> None:
    training.edit(
        "src/toy/progress.py",
        "class ProgressDataset(AbstractDataset):",
        "class ProgressDataset(AbstractDataset):\n"
        '    code_of = "toy.arithmetic.multiply"\n',
    )
    training.kill_during("step2")
    training.edit("src/toy/training.py", "len(steps) < 3", "3 > len(steps)")

    assert training.run().ran == ["step2"]

    training.edit("src/toy/constants.py", "OFFSET = 0", "OFFSET = 1")
    assert training.run().ran == STEPS


def test_code_that_a_dataset_names_wrongly_is_no_code(training: Project) -> None:
    training.edit(
        "src/toy/progress.py",
        "class ProgressDataset(AbstractDataset):",
        "class ProgressDataset(AbstractDataset):\n"
        '    code_of = "toy.arithmetic.multiplied"\n',
    )
    training.kill_during("step2")

    assert training.run().ran == STEPS
