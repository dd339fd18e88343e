"""What a trained policy was made from."""

import hashlib

from pivotrl_pipeline import __version__
from pivotrl_pipeline.records.messages import JsonObject
from pivotrl_pipeline.records.policies import PolicyCheckpoint
from pivotrl_pipeline.rl.update import UpdateTurns


def describe_lineage(
    initial_policy: PolicyCheckpoint,
    turns: UpdateTurns,
    verifier: JsonObject,
    parameters: JsonObject,
) -> JsonObject:
    """The content of ``lineage.json``: fingerprints of inputs, and all settings."""
    states = sorted(f"{p.candidate_id} {p.prompt_ids}" for p in turns.pivots)
    return {
        "initial_policy": {
            "location": initial_policy.location,
            "fingerprint": initial_policy.fingerprint,
        },
        "pivots": {
            "count": len(turns.pivots),
            "sha256": hashlib.sha256("\n".join(states).encode()).hexdigest(),
        },
        "verifier": verifier,
        "rl_update": parameters,
        "pivotrl_pipeline": __version__,
    }
