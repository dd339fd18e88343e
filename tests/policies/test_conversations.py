from collections.abc import Callable, Sequence
from unittest.mock import Mock

import numpy as np
import pytest
from transformers import PreTrainedModel

from pivotrl_pipeline.policies.base import SamplingSettings
from pivotrl_pipeline.policies.chains import NO_PAST
from pivotrl_pipeline.policies.conversations import ConversationCache
from pivotrl_pipeline.policies.transformers_policy import TransformersPolicy

GREEDY = SamplingSettings(0.0, 1.0, 9)
ONE_TOKEN = SamplingSettings(0.0, 1.0, 1)
# As long as a beginning must be to be kept once, and longer than sliding windows.
PROMPT = [7 + index * index % 83 for index in range(60)]
REWRITTEN = [*PROMPT[:50], 1, 2, 3]

Maker = Callable[..., PreTrainedModel]


def make_policy(model: PreTrainedModel, max_tokens: int = 4096) -> TransformersPolicy:
    return TransformersPolicy(
        model,
        Mock(name="no tokenizer"),
        Mock(name="no template"),
        stop_ids=[3, 4, 5],
        max_tokens_in_flight=max_tokens,
    )


@pytest.fixture
def policy(make_model: Maker) -> TransformersPolicy:
    return make_policy(make_model("qwen3"))


def play(
    policy: TransformersPolicy,
    prompts: Sequence[Sequence[int]],
    *,
    cached: bool = True,
    newcomer: Sequence[int] | None = None,
) -> list[list[int]]:
    """Four turns of greedy conversations that grow by each action and an answer to it.

    The newcomer begins with the third turn, and the last conversation is rewritten
    before the fourth.
    """
    histories = [list(prompt) for prompt in prompts]
    cache = policy.open_cache()
    for turn in range(4):
        if turn == 2 and newcomer is not None:
            histories.append(list(newcomer))
        if turn == 3:
            histories[-1][-9:-5] = [88, 89]
        samples = policy.sample(
            histories,
            [[turn]] * len(histories),
            GREEDY,
            cache=cache if cached else None,
            conversations=range(len(histories)) if cached else None,
        )
        for index, (sample,) in enumerate(samples):
            histories[index] += [*sample.token_ids, 20 + turn, 30 + index, 40]
    return histories


SHARED = [PROMPT, PROMPT, [*PROMPT, 8, 8], [*PROMPT[:40], 9]]


@pytest.mark.parametrize(
    ("prompts", "newcomer"),
    [
        pytest.param([*SHARED, [5, 6]], None, id="nothing shared by all"),
        pytest.param(SHARED, None, id="a root"),
        pytest.param(SHARED, [*PROMPT, 11, 12], id="one more begins with the root"),
        pytest.param(SHARED, PROMPT[:40], id="one more is the root itself"),
        pytest.param(SHARED, REWRITTEN, id="one more shares a longer beginning"),
        pytest.param(SHARED, [5, 6, 7, 8], id="one more begins otherwise"),
        pytest.param(SHARED, [*range(8, 60), 7], id="another that is long"),
    ],
)
def test_cached_conversations_take_the_same_actions(
    make_model: Maker,
    architecture: str,
    prompts: list[list[int]],
    newcomer: list[int] | None,
) -> None:
    policy = make_policy(make_model(architecture))

    cached = play(policy, prompts, newcomer=newcomer)

    assert cached == play(policy, prompts, newcomer=newcomer, cached=False)


@pytest.mark.parametrize("prompts", [SHARED, [*SHARED, [5, 6]]])
def test_what_a_full_cache_forgot_is_not_counted_as_new(
    make_model: Maker, prompts: list[list[int]]
) -> None:
    keeping, forgetting = (make_policy(make_model("qwen3"), n) for n in (4096, 100))

    histories = play(keeping, prompts)

    assert play(forgetting, prompts) == histories
    assert forgetting.token_counts.unique == keeping.token_counts.unique
    assert forgetting.token_counts.ratio > keeping.token_counts.ratio >= 1


def test_a_root_is_kept_and_forwarded_once(policy: TransformersPolicy) -> None:
    cache = policy.open_cache()
    histories = [[*PROMPT, 8, 9], [*PROMPT, 10], [*PROMPT, 11]]
    policy.sample(
        histories, [[0]] * 3, ONE_TOKEN, cache=cache, conversations=list("abc")
    )

    assert cache.num_tokens == policy.token_counts.forwarded == len(PROMPT) + 4

    policy.sample(
        [[*PROMPT, 12, 13]], [[0]], ONE_TOKEN, cache=cache, conversations=["d"]
    )
    assert cache.num_tokens == policy.token_counts.forwarded == len(PROMPT) + 6

    cache.forget(list("abcd"))
    assert cache.num_tokens == len(PROMPT)
    policy.sample([[*PROMPT, 14]], [[0]], ONE_TOKEN, cache=cache, conversations=["e"])
    assert policy.token_counts.forwarded == len(PROMPT) + 7
    assert policy.token_counts.ratio == 1


def test_a_cache_tells_how_many_conversations_should_go_on_together() -> None:
    cache = ConversationCache(10)

    assert cache.count_fitting([[1] * 5, [1] * 5, [1]], "abc") == 2
    assert cache.count_fitting([[1] * 11, [1]], "ab") == 1
    assert cache.count_fitting([[1]], "a") == 1


def test_conversations_go_on_where_there_is_room_for_them_to_grow() -> None:
    cache = ConversationCache(140)
    for key, length in {"a": 30, "b": 50}.items():
        cache.store(key, [1] * length, NO_PAST, [])
    cache.forget("ab")

    # Two have become 40 tokens long on average.
    assert cache.count_fitting([[1]] * 5, "cdefg") == 3

    for key in "cde":
        cache.store(key, [1] * 30, NO_PAST, [])
    # Three at 30, taken to become 60, make it 52; 50 tokens are left to grow by 22.
    assert cache.count_fitting([[1] * 31] * 3 + [[1]], "cdef") == 2
    assert cache.count_fitting([[1] * 82] * 3 + [[1]], "cdef") == 1


def test_conversations_wait_instead_of_pushing_each_other_out() -> None:
    cache = ConversationCache(2000)
    histories = {key: [key] * (5 + key % 7) for key in range(60)}
    final_lengths = {key: 50 + 37 * key % 100 for key in histories}
    num_forwarded = num_moves = num_steps = 0
    while histories:
        prompts = list(histories.values())
        moving = list(histories)[: cache.count_fitting(prompts, list(histories))]
        indices = range(len(moving))
        known = cache.find_known([np.array(p) for p in prompts], indices, moving)
        for index, key in enumerate(moving):
            past = known.pasts.get(index, NO_PAST)
            num_forwarded += len(prompts[index]) - past.num_tokens
            cache.store(key, prompts[index], NO_PAST, [])
            histories[key] = [*prompts[index], *[key] * 10]
        cache.shrink()
        ended = [key for key in moving if len(histories[key]) > final_lengths[key]]
        cache.forget(ended)
        histories = {k: v for k, v in histories.items() if k not in ended}
        num_moves += len(moving)
        num_steps += 1

    num_unique = num_moves * 10 - sum(5 - key % 7 for key in final_lengths)
    assert num_unique <= num_forwarded <= 1.02 * num_unique
    # 20 of them fit at their mean final length.
    assert num_moves / num_steps > 15


def test_a_root_counts_once_among_what_fits(policy: TransformersPolicy) -> None:
    cache = make_policy(policy.model, max_tokens=80).open_cache()
    histories = [[*PROMPT, 8, 9], [*PROMPT, 10], [*PROMPT, 11]]
    assert cache.count_fitting(histories, "abc") == 1

    policy.sample(
        histories, [[0]] * 3, ONE_TOKEN, cache=cache, conversations=list("abc")
    )

    grown = [[*history, *range(8, 13)] for history in histories]
    assert cache.count_fitting(grown, "abc") == 3
    assert cache.count_fitting([*grown, [5, 6]], "abcd") == 1


def test_a_cached_turn_costs_its_own_tokens_only(policy: TransformersPolicy) -> None:
    cache = policy.open_cache()
    ((first,),) = policy.sample(
        [PROMPT], [[0]], GREEDY, cache=cache, conversations=["a"]
    )
    before = policy.token_counts.forwarded

    policy.sample(
        [[*PROMPT, *first.token_ids, 1, 2]],
        [[0]],
        ONE_TOKEN,
        cache=cache,
        conversations=["a"],
    )

    # The last action token was sampled and not forwarded; then two new ones.
    assert policy.token_counts.forwarded - before == 3


def test_a_full_cache_forgets_what_was_unused_for_longest(
    policy: TransformersPolicy,
) -> None:
    cache = policy.open_cache()
    long_prompt = [7 + index % 80 for index in range(1800)]
    for key in "abc":
        policy.sample([long_prompt], [[0]], ONE_TOKEN, cache=cache, conversations=[key])

    # Three times 1,800 tokens do not fit into 4,096.
    assert cache.num_tokens == 3600
    cache.forget(["b", "c"])
    assert cache.num_tokens == 0


def test_of_one_call_the_first_conversations_are_forgotten_last(
    make_model: Maker,
) -> None:
    policy = make_policy(make_model("qwen3"), max_tokens=100)
    cache = policy.open_cache()
    histories = [[first, *PROMPT[:40]] for first in (8, 9, 10)]
    policy.sample(
        histories, [[0]] * 3, ONE_TOKEN, cache=cache, conversations=list("abc")
    )
    before = policy.token_counts.forwarded

    grown = [[*history, 11] for history in histories[:2]]
    policy.sample(grown, [[0]] * 2, ONE_TOKEN, cache=cache, conversations=list("ab"))

    assert policy.token_counts.forwarded - before == 2
