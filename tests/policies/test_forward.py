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
from policies.equivalence import (
    assert_equal_gradients,
    compare_with_the_truth,
    find_gradients,
    make_deep_groups,
    make_groups,
)

Maker = Callable[..., PreTrainedModel]


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
    ],
    ids=["float64", "float32"],
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


def test_half_precision_is_as_near_the_truth_as_the_plain_forward(
    make_model: Maker, architecture: str
) -> None:
    model = make_model(architecture, torch.bfloat16)
    exact = make_model(architecture, torch.float64)
    exact.load_state_dict(model.state_dict())

    shared, plain = compare_with_the_truth(model, exact, make_groups())

    assert 0 < shared.logprobs < 2 * plain.logprobs
    assert 0 < shared.gradient < 2 * plain.gradient


@pytest.mark.parametrize("side", ["left", "right"])
def test_logprobs_are_those_of_a_padded_batch(
    make_model: Maker, architecture: str, side: str
) -> None:
    model = make_model(architecture)
    groups = make_groups()

    found = compute_action_logprobs(model, groups, temperature=1.0)

    sequences = [[*g.prompt_ids, *action] for g in groups for action in g.actions]
    width = max(map(len, sequences))
    rows, masks = [], []
    for sequence in sequences:
        padding, ones = [0] * (width - len(sequence)), [1] * len(sequence)
        is_left = side == "left"
        rows.append([*padding, *sequence] if is_left else [*sequence, *padding])
        masks.append([*padding, *ones] if is_left else [*ones, *padding])
    mask = torch.tensor(masks)
    logits = model(
        input_ids=torch.tensor(rows),
        attention_mask=mask,
        position_ids=(mask.cumsum(1) - 1).clamp(min=0),
    ).logits
    logprobs = logits[:, :-1].log_softmax(-1)
    ids = torch.tensor(rows)[:, 1:, None]
    chosen = iter(logprobs.gather(-1, ids).squeeze(-1))
    for group, tensor in zip(groups, found, strict=True):
        for action, values in zip(group.actions, tensor, strict=True):
            length = len(group.prompt_ids) + len(action)
            end = width if side == "left" else length
            wanted = next(chosen)[end - 1 - len(action) : end - 1]
            torch.testing.assert_close(values[: len(action)], wanted, atol=2e-4, rtol=0)


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


def test_long_actions_of_one_state_equal_the_plain_forward(
    make_model: Maker, architecture: str
) -> None:
    model = make_model(architecture, torch.float64)
    # Two bundles, and an action too long for any.
    actions = [[2 + i, *range(2, 2 + n)] for i, n in enumerate((30, 140, 150, 260))]
    actions = [[token % 90 for token in action] for action in actions]
    group = ActionGroup(list(range(1, 21)), actions)

    (shared,) = compute_action_logprobs(model, [group], temperature=1.0)
    (plain,) = compute_action_logprobs_plain(model, [group], temperature=1.0)

    torch.testing.assert_close(shared, plain, atol=1e-5, rtol=0)
    assert_equal_gradients(
        find_gradients(model, [shared]), find_gradients(model, [plain]), 1e-5
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
