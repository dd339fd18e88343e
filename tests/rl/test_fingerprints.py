"""What makes an update another update."""

import pytest
import torch
from tests.rl.toys import ToyPolicy, ToyVerifier, make_model

from pivotrl_pipeline.rl import fingerprints
from pivotrl_pipeline.rl.fingerprints import fingerprint_update


def test_equal_inputs_have_equal_fingerprints() -> None:
    first = fingerprint_update(("a", 1), ToyVerifier, make_model())
    second = fingerprint_update(("a", 1), ToyVerifier, make_model())

    assert first == second


def test_parts_verifier_and_weights_count() -> None:
    moved = make_model()
    with torch.no_grad():
        moved.model.norm.weight[3] += 1e-7

    found = [
        fingerprint_update(("a", 1), ToyVerifier, make_model()),
        fingerprint_update(("a", 2), ToyVerifier, make_model()),
        fingerprint_update(("a", 1), ToyPolicy, make_model()),
        fingerprint_update(("a", 1), ToyVerifier, moved),
    ]

    assert len(set(found)) == 4


def test_the_code_that_an_update_reaches_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = fingerprint_update((), ToyVerifier, make_model())
    reached = tuple(p for p in fingerprints.REACHED_PACKAGES if p != "verifiers")

    monkeypatch.setattr(fingerprints, "REACHED_PACKAGES", reached)

    assert fingerprint_update((), ToyVerifier, make_model()) != before


def test_a_verifier_without_source_is_told_by_its_name() -> None:
    interactive = type("Interactive", (), {"__module__": "a_session"})

    assert fingerprint_update((), interactive, make_model())
