"""Keeps Kedro-Viz truthful after runs that skipped nodes.

Kedro-Viz draws what a run did not touch as skipped, which is right, but it overwrites
the statistics of all datasets with those of the touched ones, and takes a run in which
everything was skipped for none. Both are mended in the files that it writes.
"""

import importlib.util
import json
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from kedro.framework.hooks import hook_impl
from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline

_FOLDER = ".viz"
_STATISTICS = "stats.json"
_EVENTS = "kedro_pipeline_events.json"


def viz_hooks() -> tuple["VizHook", ...]:
    """For ``HOOKS`` in ``settings.py``: none where Kedro-Viz is not installed."""
    return (VizHook(),) if importlib.util.find_spec("kedro_viz") else ()


class VizHook:
    """Project hooks are called after those of plugins, so this sees what they wrote."""

    def __init__(self) -> None:
        self._folder = Path(_FOLDER)
        self._statistics: dict[str, Any] = {}
        self._started = 0.0

    @hook_impl
    def after_context_created(self, context: Any) -> None:
        """Remembers the project."""
        self._folder = Path(context.project_path) / _FOLDER

    @hook_impl
    def before_pipeline_run(self) -> None:
        """Remembers the statistics that the run will overwrite."""
        self._started = time.time()
        self._statistics = _read(self._folder / _STATISTICS, {})

    @hook_impl
    def after_pipeline_run(
        self, pipeline: Pipeline, catalog: CatalogProtocol[Any, Any]
    ) -> None:
        """Puts back the statistics, and tells of datasets that were not touched."""
        from .receipts import write_json

        statistics = self._folder / _STATISTICS
        if statistics.is_file():
            write_json(statistics, {**self._statistics, **_read(statistics, {})})
        events = _read(self._folder / _EVENTS, [])
        if events and _seconds(events[0]) >= self._started - 1:
            told = {event.get("dataset") for event in events}
            untouched = sorted(name for name in pipeline.datasets() if name not in told)
            new = [event for name in untouched for event in _events(name, catalog)]
            write_json(self._folder / _EVENTS, [*events[:-1], *new, events[-1]])


def _events(name: str, catalog: CatalogProtocol[Any, Any]) -> list[dict[str, Any]]:
    """That a stored dataset is there, as Kedro-Viz tells it."""
    from kedro_viz.utils import _hash_input_output

    from .entries import Entries

    entry = Entries(catalog, lambda class_path: False)[name]
    if entry.kind != "file" or not entry.path.exists():
        return []
    event = {"event": "after_dataset_loaded", "dataset": name, "status": "Available"}
    size = _size(entry.path)
    return [{**event, "node_id": _hash_input_output(name), "size": size}]


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return path.stat().st_size


def _seconds(event: dict[str, Any]) -> float:
    try:
        return datetime.fromisoformat(event["timestamp"]).timestamp()
    except (KeyError, ValueError):
        return 0.0


def _read(path: Path, default: Any) -> Any:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return default
    return value if isinstance(value, type(default)) else default
