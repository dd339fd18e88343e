"""Activations that are computed twice: the same gradient, and less that is kept."""

import pytest
import torch
from tests.rl.supervised_toys import make_parameters as make_sft_parameters
from tests.rl.supervised_toys import make_trajectory_turns
from tests.rl.toys import make_group, make_parameters
from tests.rl.toys import make_model as make_toy_model
from torch.autograd.graph import saved_tensors_hooks
from transformers import OPTConfig, OPTForCausalLM, PreTrainedModel

from pivotrl_pipeline.errors import PolicyError
from pivotrl_pipeline.policies.forward import compute_action_logprobs
from pivotrl_pipeline.policies.sharing import Sharing, find_sharing
from pivotrl_pipeline.rl.learner import Learner
from pivotrl_pipeline.rl.recomputation import recompute_activations
from pivotrl_pipeline.rl.supervised_learner import SupervisedLearner
from policies.architectures import make_model
from policies.equivalence import assert_equal_gradients, find_gradients, make_groups

NUM_LAYERS = 2


def find_shared_gradients(model: PreTrainedModel) -> dict[str, torch.Tensor]:
    assert find_sharing(model) is Sharing.TREE
    logprobs = compute_action_logprobs(model, make_groups(), temperature=0.8)
    return find_gradients(model, logprobs)


def count_layer_forwards(model: PreTrainedModel) -> list[str]:
    """Gets a name for each forward of an attention module from here on."""
    calls: list[str] = []
    for name, module in model.named_modules():
        if name.endswith("self_attn"):
            module.register_forward_hook(lambda *_, name=name: calls.append(name))
    return calls


@pytest.mark.parametrize("architecture", ["qwen3", "gemma3", "qwen3_moe"])
def test_the_gradient_of_shared_prefixes_is_the_same(architecture: str) -> None:
    wanted = find_shared_gradients(make_model(architecture, torch.float64))
    model = make_model(architecture, torch.float64)
    recompute_activations(model, name="tested")

    found = find_shared_gradients(model)

    assert_equal_gradients(found, wanted, 1e-6)


def test_dropout_stays_off_inside_layers_that_have_their_own() -> None:
    torch.manual_seed(0)
    model = OPTForCausalLM(
        OPTConfig(
            vocab_size=11,
            hidden_size=16,
            ffn_dim=16,
            num_attention_heads=2,
            num_hidden_layers=NUM_LAYERS,
            word_embed_proj_dim=16,
            dropout=0.5,
        )
    ).eval()
    ids = torch.tensor([[2, 3, 4, 5]])
    wanted = model(ids, use_cache=False).logits
    wanted_gradients = find_gradients(model, [wanted[0]])
    recompute_activations(model, name="tested")

    logits = model(ids, use_cache=False).logits

    assert torch.equal(logits, wanted)
    assert_equal_gradients(find_gradients(model, [logits[0]]), wanted_gradients, 1e-6)


@pytest.mark.parametrize("is_on", [False, True])
def test_an_update_forwards_each_layer_twice_where_it_is_on(is_on: bool) -> None:
    model = make_toy_model()
    learner = Learner(model, make_parameters(gradient_checkpointing=is_on))
    find_sharing(model)
    calls = count_layer_forwards(model)

    learner.learn([make_group(0, 1.0, 0.0)], update_index=0)

    assert len(calls) == (2 if is_on else 1) * NUM_LAYERS


@pytest.mark.parametrize("is_on", [False, True])
def test_fine_tuning_forwards_each_layer_twice_where_it_is_on(is_on: bool) -> None:
    model = make_toy_model()
    parameters = make_sft_parameters(gradient_checkpointing=is_on)
    learner = SupervisedLearner(model, parameters, num_updates=1)
    find_sharing(model)
    calls = count_layer_forwards(model)

    learner.learn(make_trajectory_turns(0), update_index=0)
    with_gradient = len(calls)
    learner.measure_loss(make_trajectory_turns(0))

    assert with_gradient == (2 if is_on else 1) * NUM_LAYERS
    assert len(calls) - with_gradient == NUM_LAYERS


def test_an_update_leads_to_the_same_weights() -> None:
    weights = []
    for is_on in (False, True):
        learner = Learner(
            make_toy_model(), make_parameters(gradient_checkpointing=is_on)
        )
        learner.learn([make_group(0, 1.0, 0.0)], update_index=0)
        weights.append(learner.copy_weights())

    for name, tensor in weights[0].items():
        torch.testing.assert_close(weights[1][name], tensor, rtol=0, atol=1e-6)


def test_less_is_kept_for_the_backward_pass() -> None:
    kept = []
    for is_on in (False, True):
        model = make_model("qwen3")
        find_sharing(model)
        if is_on:
            recompute_activations(model, name="tested")
        sizes: dict[int, int] = {}

        def note(tensor: torch.Tensor, sizes: dict[int, int] = sizes) -> torch.Tensor:
            storage = tensor.untyped_storage()
            sizes[storage.data_ptr()] = storage.nbytes()
            return tensor

        with saved_tensors_hooks(note, lambda tensor: tensor):
            compute_action_logprobs(model, make_groups(), temperature=1.0)
        kept.append(sum(sizes.values()))

    assert kept[1] < kept[0] / 2


def test_sampling_leaves_the_layers_as_they_are() -> None:
    model = make_toy_model()
    recompute_activations(model, name="tested")

    before = [module.training for module in model.modules()]
    find_sharing(model)

    assert [module.training for module in model.modules()] == before
    assert sum(before) == NUM_LAYERS


def test_a_model_whose_layers_cannot_is_refused() -> None:
    model = make_toy_model()
    model.model.layers = torch.nn.ModuleList()

    with pytest.raises(PolicyError, match=r"rl_update\.gradient_checkpointing to f"):
        Learner(model, make_parameters(gradient_checkpointing=True))
