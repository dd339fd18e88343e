"""Models of a hub as local folders."""

import re
from pathlib import Path

from pivotrl_pipeline.errors import PolicyError
from pivotrl_pipeline.records.policies import PolicyCheckpoint

NEEDED_FILES = ("*.json", "*.safetensors", "*.jinja", "*.txt", "*.model")
_COMMIT = re.compile(r"[0-9a-f]{40}")


def fetch_policy(hub_id: str, revision: str | None) -> PolicyCheckpoint:
    """The model's snapshot in the local cache, fetched if it is not there yet.

    Its fingerprint is the commit, so an unpinned model that moves on is noticed.

    Raises:
        PolicyError: If the hub cannot be reached or has no such model.
    """
    from huggingface_hub import snapshot_download

    try:
        folder = snapshot_download(
            hub_id, revision=revision, allow_patterns=list(NEEDED_FILES)
        )
    except (OSError, ValueError) as error:
        raise PolicyError(
            f"hub_id {hub_id!r} (revision {revision!r}) cannot be fetched: {error}; "
            f"check the name and the network, or give a folder in `filepath`."
        ) from error
    return PolicyCheckpoint(folder, f"{hub_id}@{Path(folder).name}")


def identify_cached(hub_id: str, revision: str | None) -> str:
    """The model's commit, without a network.

    Raises:
        FileNotFoundError: If the model is yet to be fetched, and only then known.
    """
    from huggingface_hub import try_to_load_from_cache

    config = try_to_load_from_cache(hub_id, "config.json", revision=revision)
    if isinstance(config, str):
        return f"{hub_id}@{Path(config).parent.name}"
    if revision is None or not _COMMIT.fullmatch(revision):
        raise FileNotFoundError(f"{hub_id!r} is not in the cache of the hub's models")
    return f"{hub_id}@{revision}"
