"""What makes a training another training."""

import torch
from tests.rl.toys import ToyPolicy, ToyVerifier, make_model

from pivotrl_pipeline.rl.fingerprints import fingerprint_training


def test_equal_inputs_have_equal_fingerprints() -> None:
    first = fingerprint_training(("a", 1), make_model())
    second = fingerprint_training(("a", 1), make_model())

    assert first == second


def test_parts_classes_among_them_and_weights_count() -> None:
    moved = make_model()
    with torch.no_grad():
        moved.model.norm.weight[3] += 1e-7

    found = [
        fingerprint_training(("a", 1), make_model()),
        fingerprint_training(("a", 2), make_model()),
        fingerprint_training(("a", ToyVerifier), make_model()),
        fingerprint_training(("a", ToyPolicy), make_model()),
        fingerprint_training(("a", 1), moved),
    ]

    assert len(set(found)) == 5


def test_another_number_of_threads_is_another_training() -> None:
    threads = torch.get_num_threads()
    before = fingerprint_training(("a",), make_model())
    try:
        torch.set_num_threads(threads + 1)
        assert fingerprint_training(("a",), make_model()) != before
    finally:
        torch.set_num_threads(threads)
