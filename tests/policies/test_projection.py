import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import torch
from transformers import CohereConfig, CohereForCausalLM, PreTrainedModel

from pivotrl_pipeline.policies import projection
from pivotrl_pipeline.policies.forward import (
    compute_action_logprobs,
    compute_action_logprobs_plain,
)
from pivotrl_pipeline.policies.groups import ActionGroup
from pivotrl_pipeline.policies.projection import find_head
from pivotrl_pipeline.policies.sharing import find_sharing

Maker = Callable[..., PreTrainedModel]
Compute = Callable[..., list[torch.Tensor]]

BOTH_PATHS = pytest.mark.parametrize(
    "compute", [compute_action_logprobs, compute_action_logprobs_plain]
)
# Places at which something is predicted: the prompt's last token; 8, 2 and 1 of
# actions. Of 97 logits each, 300 hold three places.
BOUND = 300


def make_groups() -> list[ActionGroup]:
    generator = random.Random(0)
    trunk = [generator.randrange(97) for _ in range(20)]
    return [
        ActionGroup(
            prompt,
            [
                [generator.randrange(97) for _ in range(9)],
                [5, 6, 7],
                [5, 6],
                [8],
            ],
        )
        for prompt in (trunk[:12], trunk, [3])
    ]


def prepare(model: PreTrainedModel) -> None:
    """Has the model tried out, which projects too."""
    find_sharing(model)
    find_head(model)


@contextmanager
def recording_logits(model: PreTrainedModel) -> Iterator[list[int]]:
    """Number of logits of each projection."""
    sizes: list[int] = []
    head = model.get_output_embeddings()
    hook = head.register_forward_hook(lambda _m, _i, out: sizes.append(out.numel()))
    yield sizes
    hook.remove()


def compute_gradients(
    model: PreTrainedModel, compute: Compute
) -> tuple[list[torch.Tensor], dict[str, torch.Tensor]]:
    model.zero_grad()
    logprobs = compute(model, make_groups(), temperature=0.7)
    weighted = [
        (rows * torch.linspace(-1, 2, rows.numel()).view_as(rows)).sum()
        for rows in logprobs
    ]
    torch.stack(weighted).sum().backward()
    gradients = {
        name: parameter.grad.clone()
        for name, parameter in model.named_parameters()
        if parameter.grad is not None
    }
    return [rows.detach() for rows in logprobs], gradients


@BOTH_PATHS
def test_chunks_give_the_logprobs_and_gradients_of_the_whole(
    make_model: Maker,
    architecture: str,
    compute: Compute,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = make_model(architecture, torch.float64)
    wanted, wanted_gradients = compute_gradients(model, compute)

    monkeypatch.setattr(projection, "_MAX_LOGITS", BOUND)
    found, gradients = compute_gradients(model, compute)

    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, atol=1e-12, rtol=0)
    assert gradients.keys() == wanted_gradients.keys()
    for name, gradient in gradients.items():
        scale = wanted_gradients[name].abs().max().item()
        torch.testing.assert_close(
            gradient, wanted_gradients[name], atol=1e-12 * scale, rtol=0
        )


@BOTH_PATHS
def test_no_projection_is_larger_than_the_bound_forward_or_backward(
    make_model: Maker, compute: Compute, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make_model("qwen3")
    prepare(model)
    monkeypatch.setattr(projection, "_MAX_LOGITS", BOUND)

    with recording_logits(model) as sizes:
        compute_gradients(model, compute)

    assert max(sizes) == 3 * 97
    assert len(sizes) > 10


def test_without_a_gradient_each_place_is_projected_once(
    make_model: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make_model("qwen3")
    prepare(model)
    monkeypatch.setattr(projection, "_MAX_LOGITS", BOUND)

    with recording_logits(model) as sizes, torch.no_grad():
        compute_action_logprobs(model, make_groups(), temperature=1.0)

    # Per group: after the prompt, 8 tokens of the longest action, 2 of the next; the
    # prompts are too different for more to coincide.
    assert sum(sizes) == 3 * (1 + 8 + 2) * 97


@pytest.mark.filterwarnings("ignore:.*gradient_checkpointing:FutureWarning")
def test_an_adapter_on_the_head_gets_its_gradient_in_chunks(
    make_model: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    peft = pytest.importorskip("peft")
    torch.manual_seed(0)
    adapter = peft.LoraConfig(r=4, target_modules=["q_proj", "lm_head"])
    model = peft.get_peft_model(make_model("qwen3", torch.float64), adapter)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.3)
    _, wanted = compute_gradients(model, compute_action_logprobs)

    monkeypatch.setattr(projection, "_MAX_LOGITS", BOUND)
    _, found = compute_gradients(model, compute_action_logprobs)

    assert any("lm_head" in name for name in found)
    for name, gradient in found.items():
        torch.testing.assert_close(gradient, wanted[name], atol=1e-10, rtol=1e-9)


def test_a_head_that_does_more_is_left_to_the_model_and_said_in_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    torch.manual_seed(0)
    model = CohereForCausalLM(
        CohereConfig(
            vocab_size=97,
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=1,
            num_attention_heads=4,
            logit_scale=0.25,
            bos_token_id=None,
            eos_token_id=None,
        )
    ).eval()
    wanted = compute_action_logprobs(model, make_groups(), temperature=1.0)

    monkeypatch.setattr(projection, "_MAX_LOGITS", BOUND)
    found = compute_action_logprobs(model, make_groups(), temperature=1.0)

    assert find_head(model) is None
    assert caplog.text.count("CohereForCausalLM makes its logits in a way") == 1
    for one, other in zip(found, wanted, strict=True):
        assert torch.equal(one, other)
