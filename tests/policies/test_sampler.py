import random
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from transformers import PreTrainedModel

from pivotrl_pipeline.errors import PolicyError
from pivotrl_pipeline.policies.base import SamplingSettings
from pivotrl_pipeline.policies.choosing import choose_tokens, draw_uniforms
from pivotrl_pipeline.policies.plain_sampling import sample_rows_plainly
from pivotrl_pipeline.policies.row_log import RowResult
from pivotrl_pipeline.policies.sampler import sample_rows
from pivotrl_pipeline.policies.sampling_request import Request
from pivotrl_pipeline.policies.sharing import Sharing, find_sharing
from pivotrl_pipeline.policies.token_counts import TokenCounts

Maker = Callable[..., PreTrainedModel]
STOPS = [3, 4, 5]


@pytest.fixture(autouse=True)
def _no_gradients() -> object:
    with torch.no_grad():
        yield


def draw(generator: random.Random, count: int) -> list[int]:
    return [generator.randrange(97) for _ in range(count)]


def make_prompts() -> list[list[int]]:
    """Prefixes of each other, one that forks off, one that shares only the root."""
    generator = random.Random(0)
    trunk = draw(generator, 120)
    return [
        trunk[:50],
        trunk[:90],
        trunk,
        [*trunk[:90], 1, 2, 3],
        trunk[:40] + draw(generator, 30),
    ]


def make_request(
    prompts: Sequence[Sequence[int]],
    settings: SamplingSettings,
    *,
    per_prompt: int = 3,
    max_tokens: int = 10**6,
    stops: Sequence[int] = STOPS,
) -> Request:
    rows = [index for index in range(len(prompts)) for _ in range(per_prompt)]
    return Request(
        [np.array(prompt) for prompt in prompts],
        rows,
        [1000 + row for row in range(len(rows))],
        settings,
        torch.tensor(stops),
        max_tokens,
    )


def sample_slowly(model: PreTrainedModel, request: Request) -> list[RowResult]:
    """The whole sequence forwarded for every token of every row, alone."""
    results = []
    for prompt, seed in zip(request.prompt_of_row, request.seeds, strict=True):
        uniforms = torch.from_numpy(
            draw_uniforms([seed], request.settings.max_new_tokens)
        )
        tokens: list[int] = []
        logprobs: list[float] = []
        for uniform in uniforms[0]:
            ids = torch.tensor([[*request.prompts[prompt].tolist(), *tokens]])
            token, logprob = choose_tokens(
                model(ids).logits[:, -1], uniform[None], request.settings
            )
            tokens.append(int(token))
            logprobs.append(float(logprob))
            if tokens[-1] in request.stop_ids.tolist():
                break
        results.append(RowResult(tokens, logprobs))
    return results


def assert_equal_rows(found: list[RowResult], wanted: list[RowResult]) -> None:
    assert [row.token_ids for row in found] == [row.token_ids for row in wanted]
    for one, other in zip(found, wanted, strict=True):
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-4)


@pytest.mark.parametrize("max_tokens", [10**6, 400, 1])
def test_sampling_equals_the_slow_loop(
    make_model: Maker, architecture: str, max_tokens: int
) -> None:
    model = make_model(architecture)
    request = make_request(
        make_prompts(), SamplingSettings(1.0, 1.0, 12), max_tokens=max_tokens
    )

    found = sample_rows(model, request, TokenCounts())

    assert_equal_rows(found, sample_slowly(model, request))


@pytest.mark.parametrize(
    "settings",
    [
        SamplingSettings(0.0, 1.0, 10),
        SamplingSettings(0.7, 0.8, 10),
        SamplingSettings(1.0, 1.0, 1),
        SamplingSettings(1.3, 1.0, 40),
    ],
)
def test_settings_are_those_of_the_slow_loop(
    make_model: Maker, settings: SamplingSettings
) -> None:
    model = make_model("gemma3")
    request = make_request(make_prompts()[:3], settings, per_prompt=2)

    found = sample_rows(model, request, TokenCounts())

    assert_equal_rows(found, sample_slowly(model, request))


def test_greedy_actions_are_those_of_generate_with_padding_on_the_left(
    make_model: Maker, architecture: str
) -> None:
    model = make_model(architecture)
    prompts = make_prompts()
    width = max(map(len, prompts))

    wanted = model.generate(
        input_ids=torch.tensor([[0] * (width - len(p)) + p for p in prompts]),
        attention_mask=torch.tensor(
            [[0] * (width - len(p)) + [1] * len(p) for p in prompts]
        ),
        do_sample=False,
        max_new_tokens=12,
        pad_token_id=0,
    )[:, width:]
    found = sample_rows(
        model,
        make_request(prompts, SamplingSettings(0.0, 1.0, 12), per_prompt=1, stops=[-1]),
        TokenCounts(),
    )

    assert [row.token_ids for row in found] == wanted.tolist()


def test_double_precision_equals_the_slow_loop_closely(make_model: Maker) -> None:
    model = make_model("qwen3", torch.float64)
    request = make_request(make_prompts(), SamplingSettings(1.0, 1.0, 8))

    found = sample_rows(model, request, TokenCounts())

    wanted = sample_slowly(model, request)
    assert [row.token_ids for row in found] == [row.token_ids for row in wanted]
    for one, other in zip(found, wanted, strict=True):
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-5)


def test_half_precision_logprobs_are_near_the_plain_ones(make_model: Maker) -> None:
    model = make_model("qwen3", torch.bfloat16)
    request = make_request(make_prompts(), SamplingSettings(1.0, 1.0, 6), stops=[-1])

    found = sample_rows(model, request, TokenCounts())

    errors = []
    for row, prompt in zip(found, request.prompt_of_row, strict=True):
        start = len(request.prompts[prompt])
        ids = [*request.prompts[prompt].tolist(), *row.token_ids]
        logprobs = model(torch.tensor([ids])).logits[0].float().log_softmax(-1)
        wanted = logprobs[start - 1 : -1].gather(1, torch.tensor([row.token_ids]).T)
        errors.append((wanted.squeeze(1) - torch.tensor(row.logprobs)).abs().mean())
    assert float(torch.stack(errors).mean()) < 0.1


@pytest.mark.parametrize("sharing", [Sharing.PROMPT, Sharing.NONE])
@pytest.mark.parametrize("max_tokens", [10**6, 1])
def test_fallbacks_equal_the_slow_loop(
    make_model: Maker, sharing: Sharing, max_tokens: int
) -> None:
    model = make_model("gemma3")
    request = make_request(
        make_prompts()[:3], SamplingSettings(1.0, 0.9, 10), max_tokens=max_tokens
    )

    found = sample_rows_plainly(model, request, TokenCounts(), sharing)

    assert_equal_rows(found, sample_slowly(model, request))


def test_rows_end_with_a_stop_token_or_at_the_limit(make_model: Maker) -> None:
    model = make_model("qwen3")
    request = make_request(make_prompts(), SamplingSettings(1.0, 1.0, 20))

    found = sample_rows(model, request, TokenCounts())

    assert all(not set(row.token_ids[:-1]) & set(STOPS) for row in found)
    assert all(row.token_ids[-1] in STOPS or len(row.token_ids) == 20 for row in found)
    assert len({len(row.token_ids) for row in found}) > 2


def test_every_unique_token_is_forwarded_once(make_model: Maker) -> None:
    model = make_model("llama")
    request = make_request(
        make_prompts(), SamplingSettings(1.0, 1.0, 10), stops=[-1], per_prompt=8
    )
    find_sharing(model)
    counts = TokenCounts()

    sample_rows(model, request, counts)

    # Prompts: 120 of the trunk, 3 and 30 of the forks. Rows: 40, and of each one's 10
    # tokens all but the last are forwarded.
    assert counts.unique == 153 + 40 * 9
    assert counts.forwarded == counts.unique
    assert counts.ratio == 1.0


def test_the_same_call_gives_the_same_bytes_whatever_came_before(
    make_model: Maker,
) -> None:
    model = make_model("qwen3")
    request = make_request(make_prompts(), SamplingSettings(1.0, 1.0, 16), per_prompt=8)
    first = sample_rows(model, request, TokenCounts())

    sample_rows(
        model,
        make_request(make_prompts()[2:], SamplingSettings(0.5, 0.9, 7), per_prompt=5),
        TokenCounts(),
    )
    again = sample_rows(model, request, TokenCounts())

    assert again == first


def test_the_batch_around_a_row_changes_only_rounding(make_model: Maker) -> None:
    model = make_model("qwen3")
    settings = SamplingSettings(1.0, 1.0, 12)
    prompts = make_prompts()
    together = sample_rows(model, make_request(prompts, settings), TokenCounts())

    alone = sample_rows(
        model,
        Request(
            [np.array(prompts[2])],
            [0],
            [1000 + 2 * 3],
            settings,
            torch.tensor(STOPS),
            10**6,
        ),
        TokenCounts(),
    )

    assert_equal_rows(alone, together[6:7])


def test_logits_that_are_not_finite_are_an_error(make_model: Maker) -> None:
    model = make_model("qwen3")
    find_sharing(model)
    model.get_output_embeddings().weight[:] = float("nan")

    with pytest.raises(PolicyError, match="logits are not finite"):
        sample_rows(
            model,
            make_request(make_prompts(), SamplingSettings(1.0, 1.0, 4)),
            TokenCounts(),
        )
