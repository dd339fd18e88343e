"""Cells of a grid: one template, many trainings, each under a namespace of its own.

A cell is what one training is: a method, its settings and a seed. The grids are listed
in YAML (`parameters_compare.yml`), which is read here because Kedro asks for pipelines
before it loads parameters. What cells share lies outside their namespaces, so it is
computed once; a new cell costs only itself.
"""

import inspect
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial, update_wrapper
from pathlib import Path
from typing import Any, TypeVar, cast

from kedro.utils import find_kedro_project
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import BaseModel, ValidationError
from yaml import YAMLError  # type: ignore[import-untyped]

from pivotrl_pipeline.errors import ConfigurationError
from pivotrl_pipeline.parameters.compare import Settings
from pivotrl_pipeline.parameters.refusals import describe_refusal

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class Cell:
    """One training."""

    method: str
    """Cells of a method differ in their variant and their seed."""
    variant: int
    """0-based."""
    seed: int
    needs_profile: bool
    """Whether it learns from pivots, which rollouts had to be sampled for."""
    settings: Settings = field(default_factory=dict)
    """What takes the place of the trainer's own parameters, the seed included."""

    @property
    def name(self) -> str:
        """Unique in its grid; the last part of the namespace."""
        return f"{self.method}_{self.variant}_seed_{self.seed}"


_run_folders: tuple[Path, ...] = ()


def read_grids_from(folders: tuple[Path, ...]) -> bool:
    """Says which folders the configuration of the run is in, base first.

    Returns:
        Whether they are others than before, so that grids must be read again.
    """
    global _run_folders
    is_new = folders != _run_folders
    _run_folders = folders
    return is_new


def read_grid(name: str, model: type[M]) -> M | None:
    """A grid as the parameters of ``base`` and the run's environment list it.

    They are merged as Kedro merges them. Where there is no run, they are the project's,
    ``local`` standing for no environment.

    Returns:
        None outside a Kedro project, where there is nothing to read.

    Raises:
        ConfigurationError: If the grid is not listed, or cannot be run.
    """
    folders = _run_folders or _project_folders()
    if not folders:
        return None
    texts = {
        file: file.read_text()
        for folder in folders
        for file in _find_parameter_files(folder)
    }
    # Files that cannot list the grid are not parsed: every command comes by here.
    key = re.compile(rf"(?:^|[{{,])\s*[\"']?{re.escape(name)}[\"']?\s*:", re.MULTILINE)
    listed = {file: text for file, text in texts.items() if key.search(text)}
    where = ", ".join(map(_shown, listed)) or _shown(folders[0] / "parameters*.yml")
    try:
        merged = OmegaConf.merge({}, *map(OmegaConf.create, listed.values()))
        content = cast("dict[str, object]", OmegaConf.to_container(merged))
        return model.model_validate(content[name])
    except ValidationError as error:
        message = f"{where}:\n{describe_refusal(error, name)}"
        raise ConfigurationError(message) from error
    except (YAMLError, OmegaConfBaseException, KeyError) as error:
        raise ConfigurationError(
            f"{where}: the grid {name!r} cannot be read ({error}); expected `{name}:` "
            f"with the parameters of {model.__name__}."
        ) from error


def _find_parameter_files(folder: Path) -> list[Path]:
    """What Kedro takes: ``parameters*``, ``parameters*/**``, ``**/parameters*``.

    Hidden files and those in hidden folders are none.
    """
    return [
        file
        for file in sorted(folder.rglob("*"))
        for parts in [file.relative_to(folder).parts]
        if file.suffix in {".yml", ".yaml", ".json"}
        and any(each.startswith("parameters") for each in (parts[0], parts[-1]))
        and not any(each.startswith(".") for each in parts)
        and file.is_file()
    ]


def _project_folders() -> tuple[Path, ...]:
    project = find_kedro_project(Path.cwd())
    if project is None:
        return ()
    environments = ("base", os.environ.get("KEDRO_ENV", "local"))
    return tuple(Path(project) / "conf" / each for each in environments)


def _shown(path: Path) -> str:
    return str(
        path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    )


class _Bound(partial[T]):
    """Keeps its name in worker processes.

    What multiprocessing pickles of a plain partial is its function and arguments alone.
    """


def with_settings(
    function: Callable[..., T], **changes: Settings | None
) -> Callable[..., T]:
    """The node function of a stage, some of its parameters changed by settings.

    Without any it is the function itself.

    Args:
        function: Of a node.
        **changes: Settings by the name of the argument whose model they change.
    """
    settings = {name: each for name, each in changes.items() if each}
    if not settings:
        return function
    bound = update_wrapper(_Bound(_call_with_settings, function, settings), function)
    # Kedro pairs inputs with annotations by the order of the arguments.
    bound.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
    return bound


def _call_with_settings(
    function: Callable[..., T], changes: dict[str, Settings], **inputs: Any
) -> T:
    for name, settings in changes.items():
        parameters: BaseModel = inputs[name]
        values = {**parameters.model_dump(), **settings}
        inputs[name] = type(parameters).model_validate(values)
    return function(**inputs)


def bind(function: Callable[..., T], **values: object) -> Callable[..., T]:
    """The function with some arguments fixed, still a node function in full.

    Name, docstring and annotations stay, since Kedro reads them; the fixed arguments
    leave the signature.
    """
    bound = update_wrapper(_Bound(function, **values), function)
    signature = inspect.signature(function)
    free = [p for name, p in signature.parameters.items() if name not in values]
    bound.__signature__ = signature.replace(parameters=free)  # type: ignore[attr-defined]
    return bound
