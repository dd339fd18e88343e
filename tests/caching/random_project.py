"""A pipeline whose code, parameters and files are edited at random, in one process."""

import importlib
import json
import os
import random
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from kedro.io import DataCatalog
from kedro.pipeline import Node, Pipeline
from kedro.runner import SequentialRunner

from pivotrl_pipeline.caching.cache import Project
from pivotrl_pipeline.caching.engine import CachedRun
from pivotrl_pipeline.caching.options import CacheOptions, RunOptions

PACKAGE = "randomly_edited"

_NODES = """
from randomly_edited import helpers


def parse(raw):
    return [int(part) for part in raw.split()]


def scale(numbers, factor):
    return [helpers.scaled(number, factor) for number in numbers]


def split(scaled, threshold):
    low = [n for n in scaled if n < threshold]
    return low, [n for n in scaled if n >= threshold]


def count(low):
    return len(low)


def merge(high, num_low):
    return {"high": sorted(high), "low": num_low, "kind": helpers.kind()}


def render(merged):
    return json_text(merged)


def json_text(value):
    import json

    return json.dumps(value, sort_keys=True)
"""

_HELPERS = """
OFFSET = {offset}


def scaled(number, factor):
    return {expression}


def kind():
    {comment}
    return "{kind}"


def unused():
    return {unused}
"""

_STORED = {
    "numbers": "json.JSONDataset",
    "low": "json.JSONDataset",
    "high": "json.JSONDataset",
    "merged": "json.JSONDataset",
    "report": "text.TextDataset",
}


class RandomProject:
    """One project and the edits that are made to it."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._random = random.Random(seed)
        self.folder = folder
        self.history: list[str] = []
        self.values = {"factor": 2, "threshold": 4}
        self.code = {
            "offset": "0",
            "expression": "number * factor + OFFSET",
            "comment": "# nothing",
            "kind": "a",
            "unused": "0",
        }
        self.raw = "3 1 2"
        package = folder / "src" / PACKAGE
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("")
        (package / "nodes.py").write_text(_NODES)
        (folder / "data").mkdir()
        self._write()

    def edit(self) -> None:
        """Makes one edit, chosen at random."""
        edit = self._random.choice(
            [
                self._edit_parameter,
                self._edit_input,
                self._edit_code,
                self._edit_code,
                self._delete_output,
                self._corrupt_output,
                self._corrupt_output,
                self._damage_cache,
                self._run_part,
                self._run_without_cache,
                self._kill,
                self._kill,
            ]
        )
        self.history.append(edit.__name__.strip("_"))
        edit()
        self._write()

    def run(self, options: RunOptions | None = None, only: str = "") -> None:
        """One run through the cache."""
        nodes = self._load()
        pipeline = _pipeline(nodes)
        if only:
            pipeline = pipeline.filter(node_names=[only])
        project = Project(self.folder, PACKAGE, CacheOptions())
        run = CachedRun(
            project,
            pipeline,
            self._catalog(),
            options or RunOptions(),
            loaded_nanoseconds=time.time_ns(),
        )
        run.execute(SequentialRunner(), None, "run")

    def outputs(self) -> dict[str, Any]:
        """The stored outputs as they lie on disk."""
        return {
            name: json.loads(self._file(name).read_text()) for name in sorted(_STORED)
        }

    def expected(self) -> dict[str, Any]:
        """The outputs of a run without any cache, in memory."""
        found: dict[str, Any] = {"raw": self.raw}
        found |= {f"params:{name}": value for name, value in self.values.items()}
        for node in _pipeline(self._load()).nodes:
            found |= node.run({name: found[name] for name in node.inputs})
        found["report"] = json.loads(found["report"])
        return {name: found[name] for name in sorted(_STORED)}

    def leftovers(self) -> list[Path]:
        """Hidden files beside the outputs."""
        return list((self.folder / "data").glob(".*"))

    def _edit_parameter(self) -> None:
        name = self._random.choice(sorted(self.values))
        self.values[name] = self._random.choice([1, 2, 3, 4, 2.0])

    def _edit_input(self) -> None:
        self.raw = self._random.choice(["3 1 2", "3  1 2", "2 1 3", "5", "4 4 4 4"])

    def _edit_code(self) -> None:
        choices = {
            "offset": ["0", "1", "2"],
            "expression": [
                "number * factor + OFFSET",
                "OFFSET + factor * number",
                "number + factor",
            ],
            "comment": ["# nothing", "# something", '"""A docstring."""'],
            "kind": ["a", "b"],
            "unused": ["0", "1"],
        }
        name = self._random.choice(sorted(choices))
        self.code[name] = self._random.choice(choices[name])

    def _delete_output(self) -> None:
        self._random_file().unlink(missing_ok=True)

    def _corrupt_output(self) -> None:
        file = self._random_file()
        if not file.exists():
            return
        status, data = file.stat(), file.read_bytes()
        new = self._random.choice(
            [data[: len(data) // 2], b"", data[::-1], b"[1, 2]", data + b" "]
        )
        if self._random.random() < 0.5:  # in place, as a careless program would
            file.write_bytes(new)
        else:
            file.unlink()
            file.write_bytes(new)
        if self._random.random() < 0.5:
            os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))

    def _damage_cache(self) -> None:
        folder = self.folder / ".kedro_cache"
        part = self._random.choice(
            ["", "store", "receipts", "memory.sqlite", "objects"]
        )
        if part == "objects":
            for file in folder.glob("store/objects/*/*"):
                file.unlink()
                file.write_bytes(b"rotten")
        elif (folder / part).is_dir():
            shutil.rmtree(folder / part)
        elif (folder / part).exists():
            (folder / part).write_bytes(b"rotten" * 50)

    def _run_part(self) -> None:
        name = self._random.choice(["parse", "scale", "split", "count", "merge"])
        try:
            self.run(only=name)
        except Exception as error:  # noqa: BLE001 (its input may be gone or rotten)
            self.history.append(f"({type(error).__name__})")

    def _run_without_cache(self) -> None:
        self._edit_parameter()
        self._write()
        self.run(RunOptions(no_cache=True))

    def _kill(self) -> None:
        """Ends a process that runs the pipeline at a random step of it."""
        if not hasattr(os, "fork"):
            return
        self._edit_code()
        self._edit_parameter()
        self._write()
        step = self._random.randrange(60)
        child = os.fork()
        if not child:
            try:
                _exit_after(step)
                self.run()
            finally:
                os._exit(0)
        os.waitpid(child, 0)

    def _random_file(self) -> Path:
        return self._file(self._random.choice(sorted(_STORED)))

    def _file(self, name: str) -> Path:
        return self.folder / "data" / f"{name}.json"

    def _write(self) -> None:
        helpers = self.folder / "src" / PACKAGE / "helpers.py"
        helpers.write_text(_HELPERS.format(**self.code))
        raw = self.folder / "data" / "raw.txt"
        if not raw.exists() or raw.read_text() != self.raw:
            raw.write_text(self.raw)

    def _load(self) -> ModuleType:
        """The project's code as it lies on disk."""
        for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
            del sys.modules[name]
        importlib.invalidate_caches()
        source = str(self.folder / "src")
        sys.path.insert(0, source)
        try:
            return importlib.import_module(f"{PACKAGE}.nodes")
        finally:
            sys.path.remove(source)

    def _catalog(self) -> DataCatalog:
        entries = {
            name: {"type": kind, "filepath": self._file(name).as_posix()}
            for name, kind in _STORED.items()
        }
        raw = (self.folder / "data" / "raw.txt").as_posix()
        entries["raw"] = {"type": "text.TextDataset", "filepath": raw}
        catalog = DataCatalog.from_config(entries)
        for name, value in self.values.items():
            catalog[f"params:{name}"] = value
        return catalog


def _pipeline(nodes: ModuleType) -> Pipeline:
    """``scaled`` and ``num_low`` are only in memory."""
    return Pipeline(
        [
            Node(nodes.parse, "raw", "numbers", name="parse"),
            Node(nodes.scale, ["numbers", "params:factor"], "scaled", name="scale"),
            Node(
                nodes.split,
                ["scaled", "params:threshold"],
                ["low", "high"],
                name="split",
            ),
            Node(nodes.count, "low", "num_low", name="count"),
            Node(nodes.merge, ["high", "num_low"], "merged", name="merge"),
            Node(nodes.render, "merged", "report", name="render"),
        ]
    )


def _exit_after(steps: int) -> None:
    """Ends this process, as a kill does, at one of the steps that change a disk."""
    left = [steps]

    def counted(step: Callable[..., Any]) -> Callable[..., Any]:
        def count(*args: Any, **kwargs: Any) -> Any:
            left[0] -= 1
            if left[0] < 0:
                os._exit(9)
            return step(*args, **kwargs)

        return count

    for owner, name in ((Path, "replace"), (Path, "unlink"), (Path, "write_text")):
        setattr(owner, name, counted(getattr(owner, name)))
    for name in ("link", "open", "utime"):
        setattr(os, name, counted(getattr(os, name)))
