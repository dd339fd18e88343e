"""Workers that add up their gradients."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from transformers import PreTrainedTokenizerFast

from pivotrl_pipeline.errors import PolicyError
from pivotrl_pipeline.parameters.pretrain import PretrainParameters
from pivotrl_pipeline.policies.pretraining import workers
from pivotrl_pipeline.policies.pretraining.pretraining import pretrain_policy
from pivotrl_pipeline.policies.pretraining.workers import Workgroup, make_workgroups


def test_every_worker_gets_the_same_sum() -> None:
    groups = make_workgroups(3, 2)
    values = [torch.tensor([1.0, 10.0]), torch.tensor([2.0, 20.0]), torch.zeros(2)]

    with ThreadPoolExecutor(3) as pool:
        sums = list(pool.map(Workgroup.sum, groups, values))

    assert [total.tolist() for total in sums] == [[3.0, 30.0]] * 3


def test_a_worker_whose_others_do_not_answer_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(workers, "_TIMEOUT_SECONDS", 0.01)
    first, _ = make_workgroups(2, 1)

    with pytest.raises(PolicyError, match="Worker 0 of pretraining waited"):
        first.sum(torch.zeros(1))


@pytest.mark.slow
def test_two_processes_learn_what_one_learns(
    parameters: PretrainParameters, tokenizer: PreTrainedTokenizerFast
) -> None:
    two = parameters.model_copy(update={"num_processes": 2})

    alone = pretrain_policy(parameters, tokenizer)
    together = pretrain_policy(two, tokenizer)

    # the sums are added in another order: equal up to rounding
    losses = [metrics.loss for metrics in alone.metrics]
    assert [m.loss for m in together.metrics] == pytest.approx(losses, rel=1e-4)
