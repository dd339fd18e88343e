"""Progress of an update on disk, so that a kill costs minutes and changes nothing.

A checkpoint is a payload and a manifest that names it. The payload is written first,
the manifest is renamed into place last, and older payloads go only then: whatever
moment a kill chooses, the manifest names a whole payload. The manifest carries the
payload's digest and the fingerprint of everything the update depends on; what does not
match is ignored, and the update starts afresh.
"""

import hashlib
import json
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pivotrl_pipeline.rl.metrics import MetricsRow

if TYPE_CHECKING:
    from torch import Tensor

    from pivotrl_pipeline.rl.model_learner import LearnerState

logger = logging.getLogger(__name__)

MANIFEST = "manifest.json"


@dataclass(slots=True)
class Progress:
    """How far an update has come; with the learner's state, all there is to know."""

    num_updates: int
    """Updates made."""
    metrics: list[MetricsRow]
    """One row per update made."""
    best_weights: "dict[str, Tensor] | None"
    """With the best score so far, of what is trained; None where the last weights are
    kept."""
    best_num_updates: int
    """Updates that the best weights have seen."""
    best_score: float | None
    initial_score: float | None
    pivot_ids: list[str] | None = None
    """Candidates that were selected again; None as long as it is the pivots that
    training began with."""
    profiling_turns: int = 0
    """Actions sampled for that."""


@dataclass(frozen=True, slots=True)
class CheckpointFolder:
    """Where the progress of one update lies."""

    folder: Path
    fingerprint: str
    """Of all that the outcome depends on; a checkpoint with another is ignored. Where a
    training is yet to be named, of the code that trains."""

    def save(self, progress: Progress, learner_state: "LearnerState") -> None:
        """Replaces the checkpoint by a newer one."""
        import torch

        self.folder.mkdir(parents=True, exist_ok=True)
        payload = self.folder / f"update-{progress.num_updates:06d}.pt"
        fields = {name: getattr(progress, name) for name in Progress.__slots__}
        with payload.open("wb") as file:
            torch.save({"progress": fields, "learner": learner_state}, file)
            os.fsync(file.fileno())
        manifest = {
            "fingerprint": self.fingerprint,
            "payload": payload.name,
            "sha256": _digest_file(payload),
        }
        temporary = self.folder / f".{MANIFEST}.tmp"
        with temporary.open("w", encoding="utf-8") as text:
            json.dump(manifest, text)
            text.flush()
            os.fsync(text.fileno())
        temporary.replace(self.folder / MANIFEST)
        for other in self.folder.glob("update-*.pt"):
            if other != payload:
                other.unlink(missing_ok=True)

    def load(self) -> "tuple[Progress, LearnerState] | None":
        """The checkpoint, if it is whole and of this very update; None otherwise."""
        import torch

        payload = self._find_payload()
        if payload is None:
            return None
        content = torch.load(payload, map_location="cpu", weights_only=True)
        progress = Progress(**content["progress"])
        logger.info("going on after update %d, from %s", progress.num_updates, payload)
        return progress, content["learner"]

    def _find_payload(self) -> Path | None:
        try:
            manifest = json.loads((self.folder / MANIFEST).read_text("utf-8"))
            payload = self.folder / str(manifest["payload"])
            is_whole = _digest_file(payload) == manifest["sha256"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        if not is_whole:
            logger.warning("%s is damaged; starting afresh", payload)
            return None
        if manifest["fingerprint"] != self.fingerprint:
            logger.info("%s is of another update; starting afresh", payload)
            return None
        return payload


def _digest_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
