"""A tokenizer and a network small enough for tests."""

from typing import TYPE_CHECKING

import pytest

from pivotrl_pipeline.environments.desk.transcripts import Noise
from pivotrl_pipeline.parameters.pretrain import (
    ModelParameters,
    OptimizerParameters,
    PretrainParameters,
)

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


@pytest.fixture(scope="session")
def parameters() -> PretrainParameters:
    return PretrainParameters.model_validate(
        {
            "seed": 3,
            "num_processes": 1,
            "tokenizer": {"num_documents": 60, "min_frequency": 3},
            "model": {
                "num_layers": 1,
                "hidden_size": 16,
                "intermediate_size": 16,
                "num_heads": 2,
                "num_key_value_heads": 1,
                "max_tokens": 512,
            },
            "noise": {
                "temptation_scale": 1.0,
                "variation_rate": 0.2,
                "style_rate": 0.2,
                "slip_rate": 0.2,
            },
            "stages": [
                {
                    "num_documents": 24,
                    "batch_tokens": 256,
                    "is_mixed": True,
                    "share_by_source": {
                        "short": 0,
                        "long": 0,
                        "skill": 1,
                        "repeat": 1,
                        "look_up": 1,
                    },
                }
            ],
            "optimizer": {
                "matrix_learning_rate": 0.01,
                "other_learning_rate": 0.003,
                "weight_decay": 0.01,
                "warmup_updates": 2,
                "decay_rate": 0.5,
                "max_gradient_norm": 1.0,
                "other_weight": 0.1,
                "is_bfloat16": False,
            },
        }
    )


@pytest.fixture(scope="session")
def tokenizer(parameters: PretrainParameters) -> "PreTrainedTokenizerFast":
    from pivotrl_pipeline.policies.pretraining.pretraining import make_tokenizer

    return make_tokenizer(parameters)


@pytest.fixture(scope="session")
def model_parameters(parameters: PretrainParameters) -> ModelParameters:
    return parameters.model


@pytest.fixture(scope="session")
def optimizer_parameters(parameters: PretrainParameters) -> OptimizerParameters:
    return parameters.optimizer


@pytest.fixture(scope="session")
def noise(parameters: PretrainParameters) -> Noise:
    return Noise(**parameters.noise.model_dump())
