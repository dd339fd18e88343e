import math

import numpy as np
import pytest
import torch

from pivotrl_pipeline.policies.base import SamplingSettings
from pivotrl_pipeline.policies.choosing import (
    choose_tokens,
    draw_uniforms,
    keep_nucleus,
)

PROBABILITIES = torch.tensor([[0.5, 0.25, 0.125, 0.125]])


def choose(uniform: float, temperature: float = 1.0, top_p: float = 1.0) -> int:
    tokens, _ = choose_tokens(
        PROBABILITIES.log(),
        torch.tensor([uniform], dtype=torch.float64),
        SamplingSettings(temperature, top_p, 1),
    )
    return int(tokens)


@pytest.mark.parametrize(
    ("uniform", "token"),
    [(0.0, 0), (0.49, 0), (0.51, 1), (0.74, 1), (0.76, 2), (0.88, 3), (0.999999, 3)],
)
def test_the_first_token_whose_cumulative_probability_exceeds_the_uniform(
    uniform: float, token: int
) -> None:
    # Cumulative: 0.5, 0.75, 0.875, 1
    assert choose(uniform) == token


def test_temperature_sharpens_before_the_draw() -> None:
    # At temperature 1/2 the probabilities are squared: 16, 4, 1, 1 of 22; the first
    # token reaches to 16/22 = 0.727.
    assert choose(0.72, temperature=0.5) == 0
    assert choose(0.73, temperature=0.5) == 1


def test_temperature_zero_takes_the_most_likely_token_with_certainty() -> None:
    tokens, logprobs = choose_tokens(
        PROBABILITIES.log(),
        torch.tensor([0.99], dtype=torch.float64),
        SamplingSettings(0.0, 1.0, 1),
    )

    assert int(tokens) == 0
    assert float(logprobs) == 0.0


def test_logprob_is_that_of_the_distribution_drawn_from() -> None:
    _, plain = choose_tokens(
        PROBABILITIES.log(),
        torch.tensor([0.6], dtype=torch.float64),
        SamplingSettings(1.0, 1.0, 1),
    )
    _, nucleus = choose_tokens(
        PROBABILITIES.log(),
        torch.tensor([0.7], dtype=torch.float64),
        SamplingSettings(1.0, 0.6, 1),
    )

    assert float(plain) == pytest.approx(math.log(0.25))
    # Of the nucleus 0.5 + 0.25 the second token is a third.
    assert float(nucleus) == pytest.approx(math.log(1 / 3))


def test_nucleus_is_the_smallest_set_that_reaches_its_share() -> None:
    assert keep_nucleus(PROBABILITIES, 0.5).tolist() == [[0.5, 0.0, 0.0, 0.0]]
    assert keep_nucleus(PROBABILITIES, 0.51).tolist() == [[0.5, 0.25, 0.0, 0.0]]
    assert keep_nucleus(PROBABILITIES, 0.8).tolist() == [[0.5, 0.25, 0.125, 0.0]]


def test_nucleus_of_nothing_keeps_the_most_likely_token() -> None:
    assert keep_nucleus(PROBABILITIES.flip(1), 0.0).tolist() == [[0.0, 0.0, 0.0, 0.5]]


def test_a_token_without_probability_is_never_drawn() -> None:
    logits = torch.tensor([[-math.inf, 0.0, -math.inf]])

    drawn = [
        int(
            choose_tokens(
                logits,
                torch.tensor([uniform], dtype=torch.float64),
                SamplingSettings(1.0, 1.0, 1),
            )[0]
        )
        for uniform in (0.0, 0.5, 1 - 2.0**-40)
    ]

    assert drawn == [1, 1, 1]


def test_uniforms_depend_on_their_own_seed_and_place_alone() -> None:
    alone = draw_uniforms([7], 3)
    among = draw_uniforms([1, 7, 2**70 + 5, -3], 10)

    assert np.array_equal(alone[0], among[1, :3])


def test_splitmix_gives_its_published_stream() -> None:
    # SplitMix64 from state 0 begins with 0xE220A8397B1DCDAF. The stream of a seed
    # starts at the mixed seed; seed gamma mixes to 0, since mix(0) = 0.
    (first,) = draw_uniforms([0x9E3779B97F4A7C15], 1)[0]

    assert first == (0xE220A8397B1DCDAF >> 24) / 2**40


def test_uniforms_are_uniform_and_unrelated() -> None:
    uniforms = draw_uniforms(range(200), 200)

    # Of 40,000 uniforms the mean has a standard error of 0.289 / 200 = 0.0014.
    assert uniforms.mean() == pytest.approx(0.5, abs=0.006)
    assert 0 <= uniforms.min() < uniforms.max() < 1
    # A correlation of 200 pairs has a standard error of 0.071.
    assert abs(np.corrcoef(uniforms[0], uniforms[1])[0, 1]) < 0.3
    assert abs(np.corrcoef(uniforms[0, 1:], uniforms[0, :-1])[0, 1]) < 0.3
