"""A small Kedro project in a temporary folder, run through the real command line.

Every command runs in a process of its own. Where the system can fork, it is forked from
a server that has imported Kedro and its plugins, but nothing of any project: a fifth of
the time of a new interpreter.
"""

import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path

_FILES = {
    "pyproject.toml": """
        [tool.kedro]
        package_name = "toy"
        project_name = "toy"
        kedro_init_version = "1.7.0"
        source_dir = "src"
    """,
    ".telemetry": "consent: false",
    "conf/logging.yml": """
        version: 1
        disable_existing_loggers: false
        handlers: {plain: {class: logging.StreamHandler, stream: ext://sys.stdout}}
        loggers:
          kedro: {level: WARNING}
          kedro_viz: {level: ERROR}
          pivotrl_pipeline: {level: INFO}
        root: {handlers: [plain]}
    """,
    "conf/local/.gitkeep": "",
    "conf/base/parameters.yml": """
        factor: 2
        report: {title: Numbers, digits: 1}
        unused: 0
    """,
    "conf/base/catalog.yml": """
        raw: {type: text.TextDataset, filepath: data/raw.txt}
        numbers: {type: json.JSONDataset, filepath: data/numbers.json}
        scaled: {type: json.JSONDataset, filepath: data/scaled.json}
        summary: {type: json.JSONDataset, filepath: data/summary.json}
        report: {type: text.TextDataset, filepath: data/report.txt}
    """,
    "data/raw.txt": "3 1 2",
    "src/toy/__init__.py": "",
    "src/toy/settings.py": """
        from pivotrl_pipeline.caching.session import CachingSession
        from pivotrl_pipeline.caching.viz import viz_hooks

        SESSION_CLASS = CachingSession
        HOOKS = viz_hooks()
    """,
    "src/toy/cli.py": """
        import click

        from pivotrl_pipeline.caching.commands import cache_group, run_command

        run = run_command()


        @click.group()
        def cli():
            pass


        cli.add_command(run)
        cli.add_command(cache_group)
    """,
    "src/toy/__main__.py": """
        from pathlib import Path

        from kedro.framework.cli.utils import find_run_command
        from kedro.framework.project import configure_project


        def main(*args, **kwargs):
            configure_project("toy")
            return find_run_command("toy")(*args, **kwargs)


        if __name__ == "__main__":
            main()
    """,
    "src/toy/pipeline_registry.py": """
        from kedro.pipeline import Node, Pipeline

        from toy import nodes


        def register_pipelines():
            pipeline = Pipeline(
                [
                    Node(nodes.parse, "raw", "numbers", name="parse"),
                    Node(
                        nodes.scale,
                        ["numbers", "params:factor"],
                        "scaled",
                        name="scale",
                    ),
                    Node(nodes.summarise, "scaled", "summary", name="summarise"),
                    Node(
                        nodes.render,
                        {"summary": "summary", "options": "params:report"},
                        "report",
                        name="render",
                    ),
                ]
            )
            return {"__default__": pipeline, "numbers": pipeline}
    """,
    "src/toy/log.py": """
        import os
        import time


        def ran(name):
            with open(os.environ["TOY_LOG"], "a") as file:
                file.write(name + "\\n")
            deadline = time.monotonic() + 300
            while os.environ.get("TOY_PAUSE") == name and time.monotonic() < deadline:
                if os.path.exists(os.environ["TOY_LOG"] + ".go"):
                    break
                time.sleep(0.02)
    """,
    "src/toy/nodes.py": """
        from toy import arithmetic
        from toy.log import ran


        def parse(raw):
            ran("parse")
            return sorted(int(part) for part in raw.split())


        def scale(numbers, factor):
            ran("scale")
            return arithmetic.multiply(numbers, factor)


        def summarise(scaled):
            ran("summarise")
            return {"sum": sum(scaled), "largest": max(scaled)}


        def render(summary, options):
            ran("render")
            return f"{options['title']}: {summary['sum']:.{options['digits']}f}"
    """,
    "src/toy/arithmetic.py": """
        from toy.constants import OFFSET, UNRELATED


        def multiply(numbers, factor):
            return [number * factor + OFFSET for number in numbers]


        def unrelated():
            return UNRELATED
    """,
    "src/toy/constants.py": """
        OFFSET = 0
        UNRELATED = 1
    """,
}

_KILL = int(getattr(signal, "SIGKILL", signal.SIGTERM))
_CAN_FORK = "forkserver" in multiprocessing.get_all_start_methods()
_CONTEXT = multiprocessing.get_context("forkserver" if _CAN_FORK else "spawn")
if _CAN_FORK:
    _CONTEXT.set_forkserver_preload(["__main__", "caching.preload"])

ALL = ["parse", "scale", "summarise", "render"]


@dataclass(frozen=True)
class Result:
    """What one command did."""

    ran: list[str]
    output: str
    code: int

    def line(self, node: str) -> str:
        """The plan's line about a node."""
        lines = [line for line in self.output.splitlines() if f" {node} " in f"{line} "]
        return lines[0] if lines else ""


@dataclass(frozen=True)
class Running:
    """A command that has been started."""

    project: "Project"
    process: BaseProcess
    output: Path

    def wait_for(self, node: str) -> None:
        """Waits until the node runs."""
        deadline = time.monotonic() + 300
        while node not in self.project.log():
            assert time.monotonic() < deadline, node
            assert self.process.is_alive(), self.output.read_text()
            time.sleep(0.02)

    def wait_for_output(self, text: str) -> None:
        """Waits until the command has printed the text."""
        deadline = time.monotonic() + 300
        while not self.output.exists() or text not in self.output.read_text():
            assert time.monotonic() < deadline, text
            time.sleep(0.02)

    def go_on(self) -> None:
        """Ends the pause of a node."""
        (self.project.path / "ran.log.go").write_text("")

    def wait(self) -> Result:
        """Waits for the end of the command."""
        self.process.join(600)
        assert self.process.exitcode is not None, "still running"
        return Result(
            self.project.log(), self.output.read_text(), self.process.exitcode
        )


@dataclass
class Project:
    """A Kedro project whose nodes write down that they ran."""

    path: Path
    environment: dict[str, str] = field(default_factory=dict)

    def write(self, name: str, text: str) -> None:
        """Writes a file, without the indentation of its first line."""
        lines = text.strip("\n").splitlines() or [""]
        indent = len(lines[0]) - len(lines[0].lstrip())
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n".join(line[indent:] for line in lines) + "\n")

    def edit(self, name: str, old: str, new: str) -> None:
        """Replaces a text that stands in the file exactly once."""
        text = (self.path / name).read_text()
        assert text.count(old) == 1, (name, old)
        (self.path / name).write_text(text.replace(old, new))

    def append(self, name: str, text: str) -> None:
        """Adds to a file."""
        with (self.path / name).open("a") as file:
            file.write(text)

    def kedro(self, *arguments: str, **environment: str) -> Result:
        """Runs a Kedro command in a process of its own and waits for it."""
        return self.start(*arguments, **environment).wait()

    def run(self, *arguments: str, **environment: str) -> Result:
        """Runs ``kedro run``, which must succeed."""
        result = self.kedro("run", *arguments, **environment)
        assert result.code == 0, result.output
        return result

    def start(self, *arguments: str, **environment: str) -> "Running":
        """Starts a Kedro command in a process of its own."""
        (self.path / "ran.log").write_text("")
        output = self.path / f"output-{time.monotonic_ns()}.log"
        variables = self.variables() | environment
        process = _CONTEXT.Process(
            target=run_kedro, args=(arguments, str(self.path), variables, str(output))
        )
        process.start()
        return Running(self, process, output)

    def python(self, *arguments: str) -> Result:
        """Runs a new interpreter."""
        (self.path / "ran.log").write_text("")
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.path,
            env=self.variables(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=600,
        )
        return Result(self.log(), done.stdout, done.returncode)

    def kill_during(self, node: str, *arguments: str, sent: int = _KILL) -> None:
        """Starts ``kedro run`` and ends all its processes while the node runs."""
        running = self.start("run", *arguments, TOY_PAUSE=node)
        running.wait_for(node)
        if sent == _KILL:
            os.killpg(running.process.pid, sent)
        else:
            os.kill(running.process.pid, sent)
        running.process.join(300)

    def variables(self) -> dict[str, str]:
        """The environment of the project's processes."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("KEDRO")}
        return kept | {
            "TOY_LOG": str(self.path / "ran.log"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": str(self.path / "src"),
            "COLUMNS": "80",
            **self.environment,
        }

    def log(self) -> list[str]:
        """Names of the nodes that ran, sorted as they started."""
        file = self.path / "ran.log"
        return file.read_text().split() if file.exists() else []

    def outputs(self) -> dict[str, bytes]:
        """Content of every file below ``data``."""
        folder = self.path / "data"
        return {
            file.relative_to(folder).as_posix(): file.read_bytes()
            for file in sorted(folder.rglob("*"))
            if file.is_file()
        }

    def from_scratch(self, *arguments: str, **environment: str) -> dict[str, bytes]:
        """The outputs of a stock Kedro run in a copy that has only the inputs."""
        copy = Project(self.path.with_name(f"{self.path.name}-scratch"))
        shutil.rmtree(copy.path, ignore_errors=True)
        shutil.copytree(
            self.path,
            copy.path,
            ignore=shutil.ignore_patterns(
                ".kedro_cache", ".viz", "*.json", "report.txt"
            ),
        )
        copy.write("src/toy/settings.py", "")
        copy.write("src/toy/cli.py", "import click\ncli = click.Group()\n")
        copy.environment = {**self.environment, **environment}
        copy.run(*arguments)
        return copy.outputs()

    def json(self, name: str) -> object:
        """A JSON output."""
        return json.loads((self.path / "data" / name).read_text())


def run_kedro(
    arguments: tuple[str, ...], folder: str, variables: dict[str, str], output: str
) -> None:
    """The body of a command's process."""
    if hasattr(os, "setsid"):
        os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    sys.dont_write_bytecode = True
    sys.path[:0] = variables["PYTHONPATH"].split(os.pathsep)
    sys.argv = ["kedro", *arguments]
    file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(file, 1)
    os.dup2(file, 2)
    from kedro.framework.cli.cli import main
    from kedro.framework.project import LOGGING

    LOGGING.__init__()  # type: ignore[misc]  # this project's logging
    main()


def make_project(path: Path) -> Project:
    """A project that has not been run."""
    project = Project(path)
    for name, text in _FILES.items():
        project.write(name, text)
    return project
