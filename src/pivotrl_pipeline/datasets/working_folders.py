"""Folders that a node works in: a store of samples, checkpoints of an update.

They save time and carry no result: a run gives the same outputs whether they are
full, empty or deleted. So they are inputs whose content does not count when it is
decided whether a node must run. What other code left in them is not used: a run with
the cache says which code is about to, by `use_code`; without, no code finds anything.
"""

import uuid
from pathlib import Path
from typing import Any, ClassVar

from kedro.io import AbstractDataset, DatasetError

from pivotrl_pipeline.rl.checkpointing import CheckpointFolder
from pivotrl_pipeline.sampling.rollout_store import RolloutStore


class _WorkingFolderDataset(AbstractDataset[None, Any]):
    """A folder that is there when it is loaded, and is never saved."""

    def __init__(
        self, *, filepath: str, metadata: dict[str, Any] | None = None
    ) -> None:
        """A folder at ``filepath``, made when it is first loaded."""
        self._filepath = Path(filepath)
        self._code = uuid.uuid4().hex
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

    def use_code(self, digest: str) -> None:
        """Says which code the folder is loaded for."""
        self._code = digest

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

    code_of: ClassVar = "pivotrl_pipeline.policies.loading.load_policy"
    """All that samples depend on: what else the node does is no reason to resample."""

    def load(self) -> RolloutStore:
        """The store in the folder."""
        return RolloutStore(self._filepath, self._code)


class CheckpointFolderDataset(_WorkingFolderDataset):
    """Where an update keeps its progress.

    ```yaml
    update_checkpoints:
      type: pivotrl_pipeline.datasets.working_folders.CheckpointFolderDataset
      filepath: data/06_models/update_checkpoints
    ```
    """

    def load(self) -> CheckpointFolder:
        """The folder, which need not exist yet."""
        return CheckpointFolder(self._filepath, self._code)
