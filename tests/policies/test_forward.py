import random
from collections.abc import Callable

import pytest
import torch
from transformers import Mamba2Config, Mamba2ForCausalLM, PreTrainedModel

from pivotrl_pipeline.policies.forward import (
    compute_action_logprobs,
    compute_action_logprobs_plain,
    count_unique_tokens,
)
from pivotrl_pipeline.policies.groups import ActionGroup

Maker = Callable[..., PreTrainedModel]


def draw(generator: random.Random, count: int, vocabulary: int = 97) -> list[int]:
    return [generator.randrange(vocabulary) for _ in range(count)]


def make_groups(seed: int = 0) -> list[ActionGroup]:
    """Prompts that are prefixes of each other, share a part, or share nothing."""
    generator = random.Random(seed)
    trunk = draw(generator, 400)
    prompts = [
        trunk[:30],
        trunk[:290],
        trunk,
        trunk[:290] + draw(generator, 20),
        trunk[:3] + draw(generator, 300),
        draw(generator, 5),
        [11],
    ]
    return [
        ActionGroup(
            prompt,
            [
                draw(generator, 6),
                [*draw(generator, 2), 1],
                [5],
                [5, 6, 7, 8],
                [5, 6, 7, 8],
                [5, 6, 7],
                trunk[30:40],
            ],
        )
        for prompt in prompts
    ]


def make_deep_groups(depth: int) -> list[ActionGroup]:
    """A prompt at each level of a path that forks into two at every level."""
    generator = random.Random(depth)
    groups = []
    path: list[int] = [1]
    for _ in range(depth):
        stem = draw(generator, 40)
        fork = draw(generator, 40)
        groups.append(ActionGroup(path + fork, [draw(generator, 4) for _ in range(3)]))
        path = path + stem
        groups.append(ActionGroup(path, [draw(generator, 4) for _ in range(3)]))
    return groups


def find_gradients(
    model: PreTrainedModel, logprobs: list[torch.Tensor]
) -> dict[str, torch.Tensor]:
    """Gradient of a weighted sum in which every entry has its own weight."""
    model.zero_grad()
    total = torch.zeros((), dtype=torch.float64)
    for index, rows in enumerate(logprobs):
        weights = torch.linspace(-1, 2 + index, rows.numel(), dtype=torch.float64)
        total = total + (rows.double() * weights.view_as(rows)).sum()
    total.backward()
    return {
        name: parameter.grad.clone()
        for name, parameter in model.named_parameters()
        if parameter.grad is not None
    }


def assert_equal_gradients(
    found: dict[str, torch.Tensor], wanted: dict[str, torch.Tensor], tolerance: float
) -> None:
    assert found.keys() == wanted.keys()
    errors = {
        name: ((found[name] - wanted[name]).abs().max() / wanted[name].abs().max())
        for name in wanted
    }
    assert max(errors.values()) < tolerance, errors


def test_plain_logprobs_are_those_of_the_softmax(make_model: Maker) -> None:
    model = make_model("qwen3")

    (found,) = compute_action_logprobs_plain(
        model, [ActionGroup([1, 2, 3], [[4, 5], [6]])], temperature=0.5
    )

    logits = model(torch.tensor([[1, 2, 3, 4]])).logits[0] / 0.5
    wanted = torch.log_softmax(logits, -1)
    assert found.shape == (2, 2)
    assert found[0, 0].item() == pytest.approx(wanted[2, 4].item(), abs=1e-5)
    assert found[0, 1].item() == pytest.approx(wanted[3, 5].item(), abs=1e-5)
    assert found[1, 0].item() == pytest.approx(wanted[2, 6].item(), abs=1e-5)
    assert found[1, 1] == 0.0


@pytest.mark.parametrize(
    ("dtype", "logprob_tolerance", "gradient_tolerance"),
    [
        (torch.float64, 1e-5, 1e-5),
        (torch.float32, 2e-4, 2e-3),
        (torch.bfloat16, 0.5, 0.5),
    ],
    ids=["float64", "float32", "bfloat16"],
)
def test_shared_forward_equals_the_plain_one(
    make_model: Maker,
    architecture: str,
    dtype: torch.dtype,
    logprob_tolerance: float,
    gradient_tolerance: float,
) -> None:
    model = make_model(architecture, dtype)
    groups = make_groups()

    shared = compute_action_logprobs(model, groups, temperature=0.8)
    plain = compute_action_logprobs_plain(model, groups, temperature=0.8)

    assert [rows.shape for rows in shared] == [rows.shape for rows in plain]
    for found, wanted in zip(shared, plain, strict=True):
        torch.testing.assert_close(found, wanted, atol=logprob_tolerance, rtol=0)
    assert_equal_gradients(
        find_gradients(model, shared), find_gradients(model, plain), gradient_tolerance
    )


@pytest.mark.parametrize("depth", range(1, 11))
def test_trees_of_any_depth_equal_the_plain_forward(
    make_model: Maker, depth: int
) -> None:
    model = make_model("gemma3", torch.float64)
    groups = make_deep_groups(depth)

    shared = compute_action_logprobs(model, groups, temperature=1.0)
    plain = compute_action_logprobs_plain(model, groups, temperature=1.0)

    for found, wanted in zip(shared, plain, strict=True):
        torch.testing.assert_close(found, wanted, atol=1e-5, rtol=0)
    assert_equal_gradients(
        find_gradients(model, shared), find_gradients(model, plain), 1e-5
    )


def test_actions_of_one_token_need_only_their_prompts(make_model: Maker) -> None:
    model = make_model("llama")
    groups = [ActionGroup([1, 2, 3], [[4], [5]]), ActionGroup([1, 2], [[3]])]

    shared = compute_action_logprobs(model, groups, temperature=1.0)
    plain = compute_action_logprobs_plain(model, groups, temperature=1.0)

    assert count_unique_tokens(groups) == 3
    for found, wanted in zip(shared, plain, strict=True):
        torch.testing.assert_close(found, wanted, atol=1e-4, rtol=0)


def test_an_action_without_tokens_is_a_row_of_zeros(make_model: Maker) -> None:
    model = make_model("qwen3")

    shared = compute_action_logprobs(
        model, [ActionGroup([1, 2], [[], [3]]), ActionGroup([4], [])], temperature=1.0
    )

    assert shared[0].shape == (2, 1)
    assert shared[0][0, 0] == 0.0
    assert shared[0][1, 0] < 0.0
    assert shared[1].shape == (0, 0)


def test_gradient_checkpointing_changes_nothing(make_model: Maker) -> None:
    model = make_model("qwen3", torch.float64)
    groups = make_groups()
    wanted = find_gradients(
        model, compute_action_logprobs_plain(model, groups, temperature=1.0)
    )

    model.train()
    model.activation_checkpointing_enable()
    found = find_gradients(
        model, compute_action_logprobs(model, groups, temperature=1.0)
    )

    assert_equal_gradients(found, wanted, 1e-5)


@pytest.mark.filterwarnings("ignore:.*gradient_checkpointing:FutureWarning")
def test_lora_adapters_get_the_plain_gradient(make_model: Maker) -> None:
    peft = pytest.importorskip("peft")
    torch.manual_seed(0)
    adapter = peft.LoraConfig(r=4, target_modules=["q_proj", "v_proj", "down_proj"])
    model = peft.get_peft_model(make_model("qwen3", torch.float64), adapter)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.3)
    groups = make_groups()

    shared = compute_action_logprobs(model, groups, temperature=1.0)
    plain = compute_action_logprobs_plain(model, groups, temperature=1.0)

    assert_equal_gradients(
        find_gradients(model, shared), find_gradients(model, plain), 1e-5
    )


def test_a_model_with_a_running_state_falls_back_and_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    torch.manual_seed(0)
    model = Mamba2ForCausalLM(
        Mamba2Config(
            vocab_size=97,
            hidden_size=32,
            num_heads=4,
            head_dim=16,
            n_groups=1,
            state_size=8,
            num_hidden_layers=2,
            chunk_size=8,
        )
    ).eval()
    groups = [ActionGroup([1, 2, 3], [[4, 5], [6]]), ActionGroup([1, 2], [[7, 8]])]

    shared = compute_action_logprobs(model, groups, temperature=1.0)
    plain = compute_action_logprobs_plain(model, groups, temperature=1.0)

    for found, wanted in zip(shared, plain, strict=True):
        torch.testing.assert_close(found, wanted)
    assert "Mamba2ForCausalLM cannot share prefixes" in caplog.text


def test_the_plain_forward_of_a_prepared_model_is_unchanged(
    make_model: Maker, architecture: str
) -> None:
    model = make_model(architecture)
    ids = torch.tensor([[5, 6, 7, 8, 9, 10, 11, 12, 13]])
    before = model(ids).logits

    compute_action_logprobs(model, [ActionGroup([1], [[2]])], temperature=1.0)

    assert torch.equal(model(ids).logits, before)
