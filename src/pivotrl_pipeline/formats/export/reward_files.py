"""Reward functions as files that the trainers import."""

import json
from collections.abc import Sequence

from pivotrl_pipeline.records.messages import JsonObject

_TRL = '''"""Reward for TRL's GRPOTrainer: ``--reward_funcs reward.pivot_reward``."""

import json
from functools import lru_cache

from pivotrl_pipeline.formats.export.rewards import ExportedReward
from transformers import AutoTokenizer

POLICY = {policy!r}
STOP_IDS = {stop_ids!r}
REWARD = ExportedReward(json.loads({verifier!r}))


@lru_cache(maxsize=1)
def _load_tokenizer():
    return AutoTokenizer.from_pretrained(POLICY)


def pivot_reward(completion_ids, state, demonstrated_action, **columns):
    """One reward per completion, read from its tokens: texts have lost the tags."""
    tokenizer = _load_tokenizer()
    are_finished = [bool(ids) and ids[-1] in STOP_IDS for ids in completion_ids]
    texts = [
        tokenizer.decode(ids[:-1] if is_finished else ids, skip_special_tokens=False)
        for ids, is_finished in zip(completion_ids, are_finished, strict=True)
    ]
    return REWARD.score_all(texts, state, demonstrated_action, are_finished)
'''

_VERL = '''"""Reward for verl: ``reward.custom_reward_function.path=compute_score.py``.

verl hands over text without special tokens. That loses nothing where the tags of tool
calls are ordinary tokens, as in the Qwen families. It does not say whether the token
limit cut an action off: what is cut inside a call is no action and earns 0, a message
is judged as far as it goes.
"""

import json

from pivotrl_pipeline.formats.export.rewards import ExportedReward

REWARD = ExportedReward(json.loads({verifier!r}))


def compute_score(data_source, solution_str, ground_truth, extra_info=None):
    """The reward of one action; 0 where it cannot be judged: verl knows no other."""
    return REWARD.score(solution_str, extra_info["state"], ground_truth) or 0.0
'''


def write_trl_reward(verifier: JsonObject, policy: str, stop_ids: Sequence[int]) -> str:
    """The source of ``reward.py``.

    Args:
        verifier: Parameters of the verifier.
        policy: Where its tokenizer is.
        stop_ids: Tokens that end an action of the policy.
    """
    return _TRL.format(
        policy=policy, stop_ids=list(stop_ids), verifier=json.dumps(verifier)
    )


def write_verl_score(verifier: JsonObject) -> str:
    """The source of ``compute_score.py``."""
    return _VERL.format(verifier=json.dumps(verifier))
