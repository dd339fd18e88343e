"""`PolicyDataset`: a policy folder, or a model of a hub."""

import json
import shutil
import uuid
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset, DatasetError

from pivotrl_pipeline.caching.partial import replace
from pivotrl_pipeline.policies.fingerprint import LINEAGE_FILE, fingerprint_folder
from pivotrl_pipeline.policies.hub import fetch_policy, identify_cached
from pivotrl_pipeline.records.policies import PolicyCheckpoint
from pivotrl_pipeline.rl.trained_policy import TrainedPolicy, write_policy_folder


class PolicyDataset(AbstractDataset[TrainedPolicy, PolicyCheckpoint]):
    """Saves trained weights as a Hugging Face folder; loads where a policy lies.

    ```yaml
    trained_policy:
      type: pivotrl_pipeline.datasets.policy_dataset.PolicyDataset
      filepath: data/06_models/trained_policy

    initial_policy:                 # a model of a hub, pinned
      type: pivotrl_pipeline.datasets.policy_dataset.PolicyDataset
      filepath: null
      hub_id: Qwen/Qwen3-0.6B
      revision: c1899de289a04d12100db370d81485cdf75e47ca
    ```

    Loading gives a `PolicyCheckpoint`: nodes pass the place of a policy, never a live
    model. A folder is written beside its place and renamed; ``lineage.json`` in it
    says what it was made from.
    """

    def __init__(
        self,
        *,
        filepath: str | None,
        hub_id: str | None = None,
        revision: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """The folder at ``filepath``, or ``hub_id`` where one is given.

        Args:
            filepath: Of the folder.
            hub_id: Loaded through transformers; wins over ``filepath``.
            revision: Commit, tag or branch of the hub's model.
            metadata: For plugins.
        """
        self._filepath = Path(filepath) if filepath else None
        self._hub_id = hub_id
        self._revision = revision
        self.metadata = metadata

    def load(self) -> PolicyCheckpoint:
        """Where the policy lies.

        Raises:
            PolicyError: If the folder is absent or empty, or the hub's model cannot
                be fetched.
        """
        if self._hub_id is not None:
            return fetch_policy(self._hub_id, self._revision)
        folder = self._folder()
        return PolicyCheckpoint(folder.as_posix(), fingerprint_folder(folder))

    def save(self, data: TrainedPolicy) -> None:
        """Replaces the folder by one with these weights."""
        folder = self._folder()
        part = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}.part")
        part.mkdir(parents=True)
        try:
            write_policy_folder(data, part)
            lineage = json.dumps(data.lineage, indent=2, sort_keys=True)
            (part / LINEAGE_FILE).write_text(lineage + "\n", encoding="utf-8")
            replace(part, folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)

    def fingerprint(self) -> str | None:
        """A hub's commit; None for a folder, whose files are what counts.

        Raises:
            FileNotFoundError: If the hub's model is yet to be fetched.
        """
        if self._hub_id is None:
            return None
        return identify_cached(self._hub_id, self._revision)

    def _folder(self) -> Path:
        if self._filepath is None:
            raise DatasetError(
                "PolicyDataset has neither `filepath` nor `hub_id`; give one of them."
            )
        return self._filepath

    def _exists(self) -> bool:
        if self._hub_id is not None:
            return True
        return self._filepath is not None and (self._filepath / "config.json").is_file()

    def _describe(self) -> dict[str, Any]:
        return {
            "filepath": str(self._filepath) if self._filepath else None,
            "hub_id": self._hub_id,
            "revision": self._revision,
        }
