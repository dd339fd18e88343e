"""The graph that makes the policy in the box."""

from kedro.pipeline import Node, Pipeline

from pivotrl_pipeline.pipelines.pretrain.nodes import pretrain_policy, train_tokenizer


def create_pipeline() -> Pipeline:
    """A tokenizer, then a policy trained on noisy transcripts and skills."""
    return Pipeline(
        [
            Node(
                func=train_tokenizer,
                inputs="params:pretrain",
                outputs="policy_tokenizer",
                name="train_tokenizer",
            ),
            Node(
                func=pretrain_policy,
                inputs=["policy_tokenizer", "params:pretrain"],
                outputs=["pretrained_policy", "pretraining_metrics"],
                name="pretrain_policy",
            ),
        ]
    )
