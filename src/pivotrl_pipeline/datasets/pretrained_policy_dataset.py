"""`PretrainedPolicyDataset`: writes the policy in the box."""

from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset

from pivotrl_pipeline.policies.fingerprint import fingerprint_folder
from pivotrl_pipeline.policies.pretraining.pretraining import PretrainedPolicy
from pivotrl_pipeline.policies.pretraining.saving import save_policy
from pivotrl_pipeline.records.policies import PolicyCheckpoint


class PretrainedPolicyDataset(AbstractDataset[PretrainedPolicy, PolicyCheckpoint]):
    """Saves a whole Hugging Face folder, tokenizer and template included.

    ```yaml
    pretrained_policy:
      type: pivotrl_pipeline.datasets.pretrained_policy_dataset.PretrainedPolicyDataset
      filepath: data/06_models/initial_policy
    ```

    `PolicyDataset` takes all but the weights from an earlier policy; this one is for a
    policy that has none.
    """

    def __init__(
        self, *, filepath: str, metadata: dict[str, Any] | None = None
    ) -> None:
        """A folder at ``filepath``, replaced when saved."""
        self._filepath = Path(filepath)
        self.metadata = metadata

    def load(self) -> PolicyCheckpoint:
        """Where the policy lies."""
        return PolicyCheckpoint(
            self._filepath.as_posix(), fingerprint_folder(self._filepath)
        )

    def save(self, data: PretrainedPolicy) -> None:
        """Replaces the folder."""
        save_policy(data.model, data.tokenizer, self._filepath)

    def _exists(self) -> bool:
        return (self._filepath / "config.json").is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath.as_posix()}
