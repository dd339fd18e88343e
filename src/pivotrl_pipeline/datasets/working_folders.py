"""Folders that a node works in: a store of samples, checkpoints of an update.

They save time and carry no result: a run gives the same outputs whether they are
full, empty or deleted. So they are inputs whose content does not count when it is
decided whether a node must run.
"""

from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset, DatasetError

from pivotrl_pipeline.sampling.rollout_store import RolloutStore


class _WorkingFolderDataset(AbstractDataset[None, Any]):
    """A folder that is there when it is loaded, and is never saved."""

    def __init__(
        self, *, filepath: str, metadata: dict[str, Any] | None = None
    ) -> None:
        """A folder at ``filepath``, made when it is first loaded."""
        self._filepath = Path(filepath)
        self.metadata = metadata

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath.as_posix()}

    def save(self, data: None) -> None:
        """Refuses.

        Raises:
            DatasetError: Always; the node that is given the folder writes in it.
        """
        raise DatasetError(
            f"{self._filepath} is a working folder and is no node's output; take it "
            f"as an input and write in it."
        )

    def _exists(self) -> bool:
        return True

    def fingerprint(self) -> str:
        """A constant: the content changes how long a node takes, not its result."""
        return type(self).__name__


class RolloutStoreDataset(_WorkingFolderDataset):
    """The store of sampled actions.

    ```yaml
    rollout_store:
      type: pivotrl_pipeline.datasets.working_folders.RolloutStoreDataset
      filepath: data/04_feature/rollout_store
    ```
    """

    def load(self) -> RolloutStore:
        """The store in the folder."""
        return RolloutStore(self._filepath)


class CheckpointFolderDataset(_WorkingFolderDataset):
    """Where an update keeps its progress.

    ```yaml
    update_checkpoints:
      type: pivotrl_pipeline.datasets.working_folders.CheckpointFolderDataset
      filepath: data/06_models/update_checkpoints
    ```
    """

    def load(self) -> Path:
        """The folder, which need not exist yet."""
        return self._filepath
