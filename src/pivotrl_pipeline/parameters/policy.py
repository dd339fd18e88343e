"""Parameters of policies that are run in this process."""

from typing import Literal

from pydantic import Field

from pivotrl_pipeline.parameters.base import FrozenParameters


class PolicyParameters(FrozenParameters):
    """How a policy is loaded, and how much of the machine it may take."""

    device: str = Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$")
    """`auto` is cuda where there is one, else cpu."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"]
    """`auto` is what the weights are stored in."""
    max_tokens_in_flight: int = Field(ge=1)
    """Tokens whose keys and values are held at once while sampling: prompts, each
    shared beginning counted once per branch, and `max_new_tokens` for each action.
    What does not fit waits."""
    reasoning: Literal["keep_all", "since_last_user", "drop"]
    """Which earlier reasoning the policy is shown again: all, that of the turns since
    the last user message (what most templates do), or none."""
