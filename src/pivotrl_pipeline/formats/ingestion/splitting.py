"""Training and validation, decided by task."""

import hashlib

from pivotrl_pipeline.records.trajectories import Split


def assign_split(task_id: str, *, seed: int, validation_rate: float) -> Split:
    """The side of a task: a hash of seed and task, so no other task can move it.

    Args:
        task_id: Runs of one task share it, and so their side.
        seed: Another seed gives another, independent split.
        validation_rate: Expected share of tasks held out, in [0, 1].
    """
    text = f"{seed}:{task_id}".encode("utf-8", "surrogatepass")
    digest = hashlib.blake2b(text, digest_size=8).digest()
    is_held_out = int.from_bytes(digest, "big") < validation_rate * 2**64
    return Split.VALIDATION if is_held_out else Split.TRAIN
