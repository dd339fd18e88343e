"""Adapters: all that is trained, gone from the policy that is saved."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.rl import supervised_toys
from tests.rl.killing import run_until_killed
from tests.rl.objectives import make_objective
from tests.rl.outcomes import column, is_equal, without_seconds
from tests.rl.test_update import run
from tests.rl.toys import (
    ToyPolicy,
    ToyVerifier,
    make_group,
    make_model,
    make_parameters,
    make_pivots,
)
from transformers import AutoModelForCausalLM, PreTrainedModel

from pivotrl_pipeline.errors import ConfigurationError, PolicyError
from pivotrl_pipeline.parameters.rl_update import RLUpdateParameters
from pivotrl_pipeline.policies.base import SamplingSettings
from pivotrl_pipeline.policies.forward import compute_action_logprobs
from pivotrl_pipeline.policies.groups import ActionGroup
from pivotrl_pipeline.policies.sampler import sample_rows
from pivotrl_pipeline.policies.sampling_request import Request
from pivotrl_pipeline.policies.sharing import Sharing, find_sharing
from pivotrl_pipeline.policies.token_counts import TokenCounts
from pivotrl_pipeline.rl.adapters import add_adapters, merge_adapters, without_adapters
from pivotrl_pipeline.rl.batches import make_batch
from pivotrl_pipeline.rl.learner import Learner
from pivotrl_pipeline.rl.supervised_learner import SupervisedLearner
from pivotrl_pipeline.rl.trained_policy import TrainedPolicy, write_policy_folder
from pivotrl_pipeline.rl.update import UpdateTurns
from policies.architectures import MAKERS
from policies.architectures import make_model as make_any_model
from policies.equivalence import make_groups

pytest.importorskip("peft")

GROUPS = [make_group(0, 1.0, 0.0), make_group(1, 0.0, 1.0)]
PROMPT = torch.tensor([[1, 2, 3, 1, 5]])


def make_lora_parameters(**changes: object) -> RLUpdateParameters:
    """Rank 4, kept by held-out reward, with a reference policy."""
    return make_parameters(
        **{
            "lora_rank": 4,
            "learning_rate": 1e-2,
            "keep": "best",
            "heldout_turns": 2,
            "objective_parameters": make_objective(kl_beta=0.05),
            **changes,
        }
    )


def move_adapters(model: PreTrainedModel) -> None:
    torch.manual_seed(0)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.3)


def run_with_heldout_turns(
    verifier: ToyVerifier | None = None, checkpoint_folder: Path | None = None
) -> TrainedPolicy:
    turns = UpdateTurns(make_pivots(), heldout=make_pivots(2, wanted="3"))
    return run(
        make_lora_parameters(gradient_checkpointing=True),
        turns=turns,
        verifier=verifier,
        checkpoint_folder=checkpoint_folder,
    )


def test_an_update_changes_only_adapters() -> None:
    model = make_model()
    initial = make_model().state_dict()
    learner = Learner(model, make_lora_parameters())
    adapters = learner.copy_weights()

    learner.learn(GROUPS, update_index=0)

    changed = learner.copy_weights()
    assert all(".lora_" in name for name in adapters)
    # seven linear layers in each of two blocks, two matrices each
    assert len(adapters) == 2 * 7 * 2
    moved = [n for n in adapters if not torch.equal(adapters[n], changed[n])]
    assert len(moved) == 2 * 7  # A's first gradient is zero, since B is
    for name, tensor in model.state_dict().items():
        if ".lora_" not in name:
            assert torch.equal(tensor, initial[name.replace(".base_layer.", ".")])


def test_fine_tuning_changes_only_adapters() -> None:
    model = make_model()
    parameters = supervised_toys.make_parameters(lora_rank=4)
    learner = SupervisedLearner(model, parameters, num_updates=2)
    turns = supervised_toys.make_turns().training
    before = learner.measure_loss(turns)

    learner.learn(turns, update_index=0)

    assert learner.measure_loss(turns) < before
    with without_adapters(model):
        assert learner.measure_loss(turns) == before
    assert {".lora_" in name for name in learner.get_state()["model"]} == {True}


def test_training_begins_with_the_initial_policy() -> None:
    model = make_model()
    wanted = make_model()

    learner = Learner(model, make_lora_parameters())

    assert torch.equal(model(PROMPT).logits, wanted(PROMPT).logits)
    complete = learner.complete(learner.copy_weights())
    assert list(complete) == list(wanted.state_dict())
    assert all(torch.equal(t, wanted.state_dict()[n]) for n, t in complete.items())


def test_the_seed_alone_decides_the_first_adapters() -> None:
    weights = []
    for global_seed, seed in [(1, 0), (2, 0), (1, 1)]:
        model = make_model()
        torch.manual_seed(global_seed)
        state = torch.random.get_rng_state()
        weights.append(Learner(model, make_lora_parameters(seed=seed)).copy_weights())
        assert torch.equal(torch.random.get_rng_state(), state)

    first, second, other = weights
    assert all(torch.equal(tensor, second[name]) for name, tensor in first.items())
    assert not all(torch.equal(tensor, other[name]) for name, tensor in first.items())


def test_what_other_threads_draw_does_not_decide_the_first_adapters() -> None:
    def begin(seed_of_other: int) -> dict[str, torch.Tensor]:
        model = make_model()
        add_adapter = model.add_adapter

        def add_after_other(config: object) -> None:
            torch.manual_seed(seed_of_other)
            add_adapter(config)

        model.add_adapter = add_after_other
        add_adapters(model, 4, seed=0, name="tested")
        return {n: p for n, p in model.named_parameters() if ".lora_A." in n}

    first, second = begin(1), begin(2)

    assert all(torch.equal(tensor, second[name]) for name, tensor in first.items())
    assert len({tuple(tensor.flatten().tolist()) for tensor in first.values()}) == 14
    for tensor in first.values():  # uniform within 1 / sqrt(columns), as peft draws
        assert 0.8 < tensor.abs().max() * tensor.shape[1] ** 0.5 <= 1


@pytest.mark.parametrize("architecture", sorted(MAKERS))
def test_the_merged_model_computes_the_same(architecture: str) -> None:
    model = make_any_model(architecture)
    add_adapters(model, 4, seed=0, name="tested")
    move_adapters(model)
    merged = make_any_model(architecture)
    weights = dict(merge_adapters(model))

    merged.load_state_dict(weights)

    assert find_sharing(model) is Sharing.TREE
    for with_adapters, ordinary, without in zip(
        *(
            compute_action_logprobs(each, make_groups(), temperature=1.0)
            for each in (model, merged, make_any_model(architecture))
        ),
        strict=True,
    ):
        torch.testing.assert_close(with_adapters, ordinary, rtol=0, atol=1e-3)
        assert (with_adapters - without).abs().max() > 0.1


def test_the_saved_policy_is_an_ordinary_folder(tmp_path: Path) -> None:
    source = tmp_path / "source"
    make_model().save_pretrained(source)
    (source / "tokenizer.json").write_text("{}")
    policy = ToyPolicy(make_model())
    trained = run(
        make_lora_parameters(num_updates=4, keep="last", heldout_turns=0), policy=policy
    )

    write_policy_folder(
        TrainedPolicy(trained.state_dict, str(source), (), 4, None, None),
        tmp_path / "trained",
    )

    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "trained")
    groups = [ActionGroup([1, 2, 3, 1, 5], [[7, 0], [3]]), ActionGroup([2, 9], [[4]])]
    found, wanted, initial = (
        compute_action_logprobs(model, groups, temperature=1.0)
        for model in (loaded, policy.model, make_model())
    )
    for rows, wanted_rows, initial_rows in zip(found, wanted, initial, strict=True):
        torch.testing.assert_close(rows, wanted_rows, rtol=0, atol=1e-5)
        assert (wanted_rows - initial_rows).abs().max() > 1e-2
    assert list(trained.state_dict) == list(make_model().state_dict())


def test_earlier_weights_are_completed_and_later_ones_kept() -> None:
    learner = Learner(model := make_model(), make_lora_parameters())
    learner.learn(GROUPS, update_index=0)
    earlier, wanted = learner.copy_weights(), model(PROMPT).logits
    learner.learn(GROUPS, update_index=1)
    later = model(PROMPT).logits

    complete = learner.complete(earlier)

    assert torch.equal(model(PROMPT).logits, later)
    ordinary = make_model()
    ordinary.load_state_dict(complete)
    torch.testing.assert_close(ordinary(PROMPT).logits, wanted, rtol=0, atol=1e-5)


def test_half_precision_is_left_for_training_and_returned_to_at_its_end() -> None:
    learner = Learner(make_model().bfloat16(), make_lora_parameters())

    learner.learn(GROUPS, update_index=0)

    adapters = learner.copy_weights()
    assert {tensor.dtype for tensor in adapters.values()} == {torch.float32}
    complete = learner.complete(adapters)
    assert {tensor.dtype for tensor in complete.values()} == {torch.bfloat16}


def test_the_policy_that_samples_has_its_adapters() -> None:
    model = make_model()
    with torch.no_grad():  # they stay as they are, and small ones keep logits small
        model.model.embed_tokens.weight *= 10

    trained = run(
        make_parameters(num_updates=25, learning_rate=1e-2, lora_rank=4),
        policy=ToyPolicy(model),
    )

    rewards = column(trained, "reward/mean")
    assert rewards[0] < 0.3
    assert rewards[-1] > 0.5
    # an update without informative groups has none
    mismatches = [m for m in column(trained, "logprobs/mismatch") if m is not None]
    assert len(mismatches) > 5
    assert max(mismatches) < 1e-5


def test_sampling_with_shared_prefixes_has_the_adapters() -> None:
    model = make_any_model("qwen3")
    add_adapters(model, 4, seed=0, name="tested")
    move_adapters(model)
    prompts = [[1, 2, 3, 4, 5], [1, 2, 3, 9]]
    request = Request(
        [np.array(prompt) for prompt in prompts],
        [0, 0, 1, 1],
        [0, 1, 2, 3],
        SamplingSettings(1.0, 1.0, 6),
        torch.tensor([0]),
        1_000,
    )

    with torch.no_grad():
        results = sample_rows(model, request, TokenCounts())

    groups = [
        ActionGroup(prompts[prompt], [result.token_ids])
        for prompt, result in zip(request.prompt_of_row, results, strict=True)
    ]
    for (wanted,), result in zip(
        compute_action_logprobs(model, groups, temperature=1.0), results, strict=True
    ):
        assert result.logprobs == pytest.approx(
            wanted.tolist()[: len(result.logprobs)], abs=1e-4
        )


def test_the_reference_is_the_initial_policy() -> None:
    model = make_model()
    learner = Learner(model, make_lora_parameters())
    first = learner.learn(GROUPS, update_index=0)
    batch = make_batch(GROUPS, make_objective(), max_new_tokens=2)
    actions = [group.actions for group in batch.groups]
    policy, reference = (
        torch.cat([t.flatten() for t in logprobs]).detach()
        for logprobs in (
            compute_action_logprobs(each, actions, temperature=1.0)
            for each in (model, make_model())
        )
    )

    second = learner.learn(GROUPS, update_index=1)

    # Schulman's k3: r - 1 - log r with r of the reference to the policy
    log_ratio = reference - policy
    num_tokens = sum(group.num_action_tokens for group in actions)
    k3 = (log_ratio.exp() - 1 - log_ratio).sum().item() / num_tokens
    assert first.kl_policy_reference_k3 == 0.0
    assert k3 > 1e-4
    assert second.kl_policy_reference_k3 == pytest.approx(k3, rel=1e-3)
    with without_adapters(model):
        assert torch.equal(model(PROMPT).logits, make_model()(PROMPT).logits)


@pytest.mark.parametrize("kl_beta", [0.0, 0.5])
def test_checkpointing_leaves_the_gradient_of_adapters_as_it_is(kl_beta: float) -> None:
    gradients = []
    for is_on in (False, True):
        model = make_model()
        parameters = make_lora_parameters(
            gradient_checkpointing=is_on,
            objective_parameters=make_objective(kl_beta=kl_beta),
        )
        learner = Learner(model, parameters)
        move_adapters(model)
        learner.learn(GROUPS, update_index=0)
        gradients.append(
            {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
        )

    assert len(gradients[0]) == 2 * 7 * 2
    assert gradients[0].keys() == gradients[1].keys()
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient, rtol=0, atol=1e-6)


def test_a_killed_update_resumes_to_the_same_weights(tmp_path: Path) -> None:
    script = """
import sys
from pathlib import Path
from tests.rl.killing import make_deadly_verifier
from tests.rl.test_adapters import run_with_heldout_turns

run_with_heldout_turns(make_deadly_verifier(140), Path(sys.argv[1]))
"""
    run_until_killed(script, tmp_path)

    resuming = ToyVerifier()
    resumed = run_with_heldout_turns(resuming, tmp_path)

    straight = run_with_heldout_turns()
    assert resuming.num_calls == 2 * 32 + 2
    assert is_equal(resumed, straight)
    assert without_seconds(resumed) == without_seconds(straight)


def test_a_checkpoint_holds_adapters_alone(tmp_path: Path) -> None:
    run_with_heldout_turns(checkpoint_folder=tmp_path)

    (payload,) = tmp_path.glob("update-*.pt")
    content = torch.load(payload, weights_only=True)
    for weights in (content["learner"]["model"], content["progress"]["best_weights"]):
        assert {".lora_" in name for name in weights} == {True}


def test_a_model_without_linear_layers_is_refused() -> None:
    model = make_model()
    model.model.layers = torch.nn.ModuleList()

    with pytest.raises(PolicyError, match=r"no linear layers.*rl_update\.lora_rank"):
        Learner(model, make_lora_parameters())


def test_without_peft_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)

    with pytest.raises(
        ConfigurationError,
        match=r"rl_update\.lora_rank is 4, which needs peft.*python3 install\.py lora",
    ):
        Learner(make_model(), make_lora_parameters())
