from collections.abc import Callable
from pathlib import Path

import pytest

from pivotrl_pipeline.parameters.policy import PolicyParameters
from pivotrl_pipeline.policies.base import Policy, SamplingSettings
from pivotrl_pipeline.policies.loading import load_policy
from pivotrl_pipeline.policies.sharing import Sharing
from pivotrl_pipeline.policies.transformers_policy import TransformersPolicy
from pivotrl_pipeline.records.messages import Action, Message, Role
from pivotrl_pipeline.records.rollouts import FinishReason
from pivotrl_pipeline.records.trajectories import State

GREEDY = SamplingSettings(0.0, 1.0, 9)
PROMPT = list(b"a conversation between a customer and the order desk")


@pytest.fixture
def policy(make_policy_folder: Callable[..., Path]) -> TransformersPolicy:
    return _load(make_policy_folder(), max_tokens=4096)


def _load(folder: Path, *, max_tokens: int) -> TransformersPolicy:
    return load_policy(
        str(folder),
        PolicyParameters(
            device="cpu",
            dtype="auto",
            max_tokens_in_flight=max_tokens,
            reasoning="since_last_user",
        ),
    )


def test_samples_come_in_the_order_of_prompts_and_seeds(
    policy: TransformersPolicy,
) -> None:
    settings = SamplingSettings(1.0, 1.0, 8)
    protocol: Policy = policy

    together = protocol.sample([PROMPT, [1, 2]], [[1, 2], [3]], settings)

    assert [len(samples) for samples in together] == [2, 1]
    alone = policy.sample([[1, 2]], [[3]], settings)[0][0]
    assert alone.token_ids == together[1][0].token_ids
    assert alone.logprobs == pytest.approx(together[1][0].logprobs, abs=1e-4)


def test_equal_prompts_and_seeds_give_equal_samples(policy: TransformersPolicy) -> None:
    (first,), (second,) = policy.sample(
        [PROMPT, PROMPT], [[7], [7]], SamplingSettings(1.0, 1.0, 8)
    )

    assert first.token_ids == second.token_ids


def test_a_prompt_without_seeds_gives_no_samples(policy: TransformersPolicy) -> None:
    samples = policy.sample([PROMPT, [1]], [[], [5]], GREEDY)

    assert [len(each) for each in samples] == [0, 1]
    assert policy.sample([], [], GREEDY) == []


def test_finish_reason_says_whether_a_stop_token_was_drawn(
    policy: TransformersPolicy,
) -> None:
    stop = policy.stop_ids[0]
    samples = policy.sample(
        [PROMPT], [list(range(200))], SamplingSettings(1.5, 1.0, 12)
    )[0]

    reasons = {sample.finish_reason for sample in samples}
    assert reasons == {FinishReason.STOP, FinishReason.LENGTH}
    assert all(
        (sample.token_ids[-1] == stop) == (sample.finish_reason is FinishReason.STOP)
        for sample in samples
    )


def test_decoding_drops_only_the_final_stop_token(policy: TransformersPolicy) -> None:
    stop = policy.stop_ids[0]
    text = policy.tokenizer("hi", add_special_tokens=False)["input_ids"]

    assert policy.decode([*text, stop]) == "hi"
    assert policy.decode([stop, *text]) == "<|im_end|>hi"


def test_reasoning_that_no_next_state_would_show_is_left_out(
    policy: TransformersPolicy,
) -> None:
    assert policy.parse("<think>a</think>b", ()) == Action("b")


def test_rendered_states_of_a_trajectory_are_prefixes(
    policy: TransformersPolicy,
) -> None:
    question = Message(Role.USER, "Hello")
    answer = Message(Role.ASSISTANT, "Good day.")

    first = policy.render(State((question,), ()))
    second = policy.render(State((question, answer, question), ()))

    assert second[: len(first)] == first


def test_a_policy_that_cannot_share_trees_samples_the_same(
    policy: TransformersPolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = policy.sample([PROMPT, PROMPT[:9]], [[1, 2], [3]], GREEDY)
    monkeypatch.setattr(
        "pivotrl_pipeline.policies.transformers_policy.find_sharing",
        lambda model: Sharing.PROMPT,
    )

    copied = policy.sample([PROMPT, PROMPT[:9]], [[1, 2], [3]], GREEDY)

    assert copied == shared


@pytest.mark.parametrize(
    ("prompts", "seeds", "limit", "message"),
    [
        ([[1]], [], 4, "1 prompts and 0 lists of seeds"),
        ([[1], []], [[1], [2]], 4, "prompt 1 is empty"),
        ([[1]], [[1]], 0, "max_new_tokens is 0"),
    ],
)
def test_calls_that_make_no_sense_are_refused(
    policy: TransformersPolicy,
    prompts: list[list[int]],
    seeds: list[list[int]],
    limit: int,
    message: str,
) -> None:
    with pytest.raises(ValueError, match=message):
        policy.sample(prompts, seeds, SamplingSettings(1.0, 1.0, limit))


def test_conversations_need_a_key_per_prompt(policy: TransformersPolicy) -> None:
    with pytest.raises(ValueError, match="give one key per prompt"):
        policy.sample(
            [[1]], [[1]], GREEDY, cache=policy.open_cache(), conversations=["a", "b"]
        )


@pytest.mark.parametrize("others", [[], [PROMPT[:40]]])
def test_the_prompts_of_the_call_before_cost_nothing_again(
    policy: TransformersPolicy, others: list[list[int]]
) -> None:
    prompts = [*others, PROMPT, [*PROMPT[:45], 7, 7, 7]]
    cache = policy.open_cache()
    settings = SamplingSettings(1.0, 1.0, 6)
    policy.sample(prompts, [[1, 2]] * len(prompts), settings, cache=cache)
    before = policy.token_counts.forwarded

    again = policy.sample(prompts, [[3, 4]] * len(prompts), settings, cache=cache)

    sampled = [sample for samples in again for sample in samples]
    # Of each action all tokens but the last are forwarded.
    assert policy.token_counts.forwarded - before == sum(
        len(sample.token_ids) - 1 for sample in sampled
    )
    assert policy.token_counts.ratio == 1.0
    assert again == policy.sample(prompts, [[3, 4]] * len(prompts), settings)


def test_other_prompts_are_forwarded(policy: TransformersPolicy) -> None:
    cache = policy.open_cache()
    policy.sample([PROMPT], [[1]], GREEDY, cache=cache)

    found = policy.sample([PROMPT[1:]], [[1]], GREEDY, cache=cache)

    assert found == policy.sample([PROMPT[1:]], [[1]], GREEDY)


def test_a_policy_that_is_let_go_says_what_its_sampling_cost(
    make_policy_folder: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    parameters = PolicyParameters(
        device="cpu",
        dtype="auto",
        max_tokens_in_flight=4096,
        reasoning="since_last_user",
    )
    policy = load_policy(str(make_policy_folder()), parameters)
    policy.sample([PROMPT, PROMPT[:40]], [[1], [2]], SamplingSettings(1.0, 1.0, 1))

    del policy

    assert f"forwarded {len(PROMPT)} tokens, 1.000 per unique token" in caplog.text
