"""A policy from a folder or a hub, with every fault found before the first sample."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

from pivotrl_pipeline.errors import PolicyError
from pivotrl_pipeline.formats.action_text import parse_action
from pivotrl_pipeline.parameters.policy import PolicyParameters
from pivotrl_pipeline.policies.hub import fetch_policy

if TYPE_CHECKING:
    import torch
    from transformers import (
        GenerationConfig,
        PreTrainedModel,
        PreTrainedTokenizerBase,
    )

    from pivotrl_pipeline.policies.templates import ChatTemplate
    from pivotrl_pipeline.policies.transformers_policy import TransformersPolicy

_TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "*.model", "vocab.json")
_WEIGHT_FILES = ("*.safetensors", "pytorch_model*.bin")


def load_policy(location: str, parameters: PolicyParameters) -> "TransformersPolicy":
    """The policy in a folder, or of a hub, ready to sample.

    Raises:
        PolicyError: If the folder, its config, weights, tokenizer or chat template is
            missing or unusable, or the template cannot render tools.
    """
    folder = _find_folder(location)
    _check_files(folder)
    try:
        with _quiet_transformers():
            return _load_folder(folder, parameters)
    except PolicyError as error:
        raise PolicyError(f"{folder}: {error}") from error


def load_chat_template(location: str, parameters: PolicyParameters) -> "ChatTemplate":
    """What renders states for the policy in a folder; its weights are not read.

    Raises:
        PolicyError: As `load_policy`, but for the weights.
    """
    from pivotrl_pipeline.policies.templates import ChatTemplate

    folder = _find_folder(location)
    _check_files(folder)
    try:
        with _quiet_transformers():
            tokenizer = _load_tokenizer(folder)
            return ChatTemplate(tokenizer, reasoning=parameters.reasoning)
    except PolicyError as error:
        raise PolicyError(f"{folder}: {error}") from error


def load_stop_ids(location: str, parameters: PolicyParameters) -> list[int]:
    """The tokens that end an action of the policy in a folder, without its weights.

    Raises:
        PolicyError: As `load_chat_template`, or if no token is known to end an action.
    """
    template = load_chat_template(location, parameters)
    folder = _find_folder(location)
    try:
        with _quiet_transformers():
            tokenizer = _load_tokenizer(folder)
            return _find_stop_ids(_load_generation(folder), tokenizer, template)
    except PolicyError as error:
        raise PolicyError(f"{folder}: {error}") from error


def _find_folder(location: str) -> Path:
    folder = Path(location)
    if folder.is_dir():
        return folder
    is_hub_id = location.count("/") <= 1 and location[:1] not in "./~"
    if not is_hub_id:
        raise PolicyError(
            f"{location}: no such folder; expected one with config.json, safetensors "
            "and a tokenizer: check the catalog's `filepath`, or run the pipeline that "
            "makes the policy."
        )
    return Path(fetch_policy(location, None).location)


def _check_files(folder: Path) -> None:
    needed = {
        "config.json": ("config.json",),
        "a tokenizer": _TOKENIZER_FILES,
        "weights": _WEIGHT_FILES,
    }
    for what, patterns in needed.items():
        if not any(any(folder.glob(pattern)) for pattern in patterns):
            raise PolicyError(
                f"{folder}: the folder has no {what.removeprefix('a ')} (looked for "
                f"{', '.join(patterns)}); expected a whole Hugging Face folder: save "
                "it with save_pretrained, tokenizer included."
            )


def _load_folder(folder: Path, parameters: PolicyParameters) -> "TransformersPolicy":
    from pivotrl_pipeline.policies.templates import ChatTemplate
    from pivotrl_pipeline.policies.transformers_policy import TransformersPolicy

    tokenizer = _load_tokenizer(folder)
    template = ChatTemplate(tokenizer, reasoning=parameters.reasoning)
    _check_reading(template)
    model = _load_model(folder, parameters)
    return TransformersPolicy(
        model,
        tokenizer,
        template,
        stop_ids=_find_stop_ids(model.generation_config, tokenizer, template),
        max_tokens_in_flight=parameters.max_tokens_in_flight,
    )


def _load_tokenizer(folder: Path) -> "PreTrainedTokenizerBase":
    from transformers import AutoTokenizer, PreTrainedTokenizerBase

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, LookupError, ImportError) as error:
        raise PolicyError(
            f"the tokenizer cannot be loaded: {error}; save it again with "
            "save_pretrained."
        ) from error
    assert isinstance(tokenizer, PreTrainedTokenizerBase), "AutoTokenizer's contract"
    return tokenizer


def _load_model(folder: Path, parameters: PolicyParameters) -> "PreTrainedModel":
    import torch
    from transformers import AutoModelForCausalLM

    device = _find_device(parameters.device)
    try:
        loaded = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=parameters.dtype,
            local_files_only=True,
            output_loading_info=True,
        )
    except (OSError, ValueError, RuntimeError, LookupError, ImportError) as error:
        raise PolicyError(
            f"the model cannot be loaded: {error}; expected the config and weights of "
            "a causal language model of transformers."
        ) from error
    model, report = cast("tuple[PreTrainedModel, dict[str, set[str]]]", loaded)
    missing = sorted(report["missing_keys"])
    if missing:
        raise PolicyError(
            f"the weights lack {len(missing)} of the model's tensors, "
            f"{missing[0]!r} among them, which would be drawn at random; check that "
            "config.json and the weights belong together."
        )
    torch.nn.Module.to(model, device)
    model.train(False)
    return model


def _find_device(name: str) -> "torch.device":
    import torch

    has_cuda = torch.cuda.is_available()
    if name == "auto":
        return torch.device("cuda" if has_cuda else "cpu")
    if name.startswith("cuda") and not has_cuda:
        raise PolicyError(
            f"policy.device is {name!r}, but torch finds no CUDA device; use auto or "
            "cpu, or install a build of torch with CUDA."
        )
    return torch.device(name)


def _check_reading(template: "ChatTemplate") -> None:
    """Refuses a policy whose tool calls would be taken for messages."""
    text = template.facts.call_text.removesuffix(template.facts.turn_end)
    action = parse_action(text, ())
    if [call.name for call in action.tool_calls] != ["probe_tool"]:
        raise PolicyError(
            f"the policy writes a tool call as {text!r}, a notation that cannot be "
            "read back (<tool_call> with JSON or with <function=…> can); choose "
            "another policy, or put a template that uses it into the folder "
            "(chat_template.jinja)."
        )


def _load_generation(folder: Path) -> "GenerationConfig":
    """As the model in the folder would have it."""
    from transformers import AutoConfig, GenerationConfig

    try:
        return GenerationConfig.from_pretrained(folder, local_files_only=True)
    except OSError:
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
        return GenerationConfig.from_model_config(config)


def _find_stop_ids(
    generation: "GenerationConfig",
    tokenizer: "PreTrainedTokenizerBase",
    template: "ChatTemplate",
) -> list[int]:
    """Ends of sequence of model and tokenizer, and what ends a turn in the template."""
    ends = getattr(generation, "eos_token_id", None)
    found = set(ends if isinstance(ends, list) else [ends]) - {None}
    if isinstance(tokenizer.eos_token_id, int):
        found.add(tokenizer.eos_token_id)
    turn_end = tokenizer(template.facts.turn_end, add_special_tokens=False)["input_ids"]
    if turn_end and turn_end[0] in tokenizer.all_special_ids:
        found.add(turn_end[0])
    if not found:
        raise PolicyError(
            "neither the model's generation_config nor the tokenizer names an end of "
            "sequence, so no action would ever end; set eos_token_id in "
            "generation_config.json."
        )
    return sorted(found)


@contextmanager
def _quiet_transformers() -> Iterator[None]:
    """Loading without progress bars and advice; afterwards as it was."""
    import logging as levels

    from transformers.utils import logging

    verbosity = logging.get_verbosity()
    has_bars = logging.is_progress_bar_enabled()
    logging.set_verbosity(levels.ERROR)
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if has_bars:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]
