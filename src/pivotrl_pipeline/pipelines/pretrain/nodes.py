"""Nodes that make the policy in the box."""

import pandas as pd

from pivotrl_pipeline.parameters.pretrain import PretrainParameters
from pivotrl_pipeline.policies.pretraining import pretraining
from pivotrl_pipeline.policies.pretraining.pretraining import PretrainedPolicy


def train_tokenizer(parameters: PretrainParameters) -> str:
    """`policy_tokenizer`: the tokenizer as JSON text."""
    return pretraining.train_tokenizer_text(parameters)


def pretrain_policy(
    policy_tokenizer: str, parameters: PretrainParameters
) -> tuple[PretrainedPolicy, pd.DataFrame]:
    """`pretrained_policy`, and the loss and speed of every update."""
    pretrained = pretraining.pretrain_policy(
        parameters, pretraining.load_tokenizer_text(policy_tokenizer)
    )
    return pretrained, pd.DataFrame(pretrained.metrics)
