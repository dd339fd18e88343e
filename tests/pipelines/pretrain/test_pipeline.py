"""The pretrain pipeline on a catalog in memory."""

import json

from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner

from pivotrl_pipeline.parameters.pretrain import PretrainParameters
from pivotrl_pipeline.pipelines.pretrain import create_pipeline
from pivotrl_pipeline.pipelines.pretrain.nodes import train_tokenizer
from pivotrl_pipeline.policies.pretraining.pretraining import load_tokenizer_text

SOURCES = ("short", "long", "skill", "repeat", "look_up")
TINY = PretrainParameters.model_validate(
    {
        "seed": 0,
        "num_processes": 1,
        "tokenizer": {"num_documents": 20, "min_frequency": 5},
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
            "variation_rate": 0.1,
            "style_rate": 0.1,
            "slip_rate": 0.1,
        },
        "stages": [
            {
                "num_documents": 8,
                "batch_tokens": 256,
                "is_mixed": True,
                "share_by_source": {**dict.fromkeys(SOURCES, 0.0), "skill": 1.0},
            },
            {
                "num_documents": 4,
                "batch_tokens": 512,
                "is_mixed": True,
                "share_by_source": {**dict.fromkeys(SOURCES, 0.0), "repeat": 1.0},
            },
        ],
        "optimizer": {
            "matrix_learning_rate": 0.01,
            "other_learning_rate": 0.003,
            "weight_decay": 0.0,
            "warmup_updates": 1,
            "decay_rate": 0.5,
            "max_gradient_norm": 1.0,
            "other_weight": 0.1,
            "is_bfloat16": True,
        },
    }
)


def test_the_pipeline_makes_a_policy_and_its_metrics() -> None:
    parameters = MemoryDataset(TINY, copy_mode="assign")
    pretrained = MemoryDataset(copy_mode="assign")
    catalog = DataCatalog(
        {"params:pretrain": parameters, "pretrained_policy": pretrained}
    )

    outputs = SequentialRunner().run(create_pipeline(), catalog)

    policy = outputs["pretrained_policy"].load()
    metrics = outputs["pretraining_metrics"].load()
    assert policy.model.config.vocab_size >= len(policy.tokenizer)
    assert metrics["update_index"].tolist() == list(range(len(metrics)))
    assert len(metrics) >= 2  # an update a stage


def test_the_tokenizer_survives_as_text() -> None:
    text = train_tokenizer(TINY)
    tokenizer = load_tokenizer_text(text)

    assert json.loads(text)["model"]["type"] == "BPE"
    assert tokenizer.decode(tokenizer.encode("Größe 12")) == "Größe 12"
    assert tokenizer.eos_token == "<|im_end|>"
