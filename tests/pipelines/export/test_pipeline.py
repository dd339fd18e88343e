"""The exported files, read as their consumers read them."""

import asyncio
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from kedro.validation.type_extractor import TypeExtractor
from tests.pipelines.export.exporting import export, import_file

from pivotrl_pipeline.errors import ConfigurationError, PolicyError
from pivotrl_pipeline.formats.export.rendered import render_turns
from pivotrl_pipeline.formats.export.turns import collect_turns
from pivotrl_pipeline.formats.nemo_gym_pivots import read_nemo_gym_pivot
from pivotrl_pipeline.parameters.verifiers import NemoGymParameters
from pivotrl_pipeline.pipelines.export import create_pipeline
from pivotrl_pipeline.records.messages import Action, Role, message_from_json
from pivotrl_pipeline.records.tables import RenderedTurns
from pivotrl_pipeline.records.trajectories import State
from pivotrl_pipeline.verifiers.build import build_verifier


@pytest.fixture(scope="module")
def exported(
    tables: dict[str, pd.DataFrame],
    policy_folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The folder with everything that the pipeline writes."""
    folder = tmp_path_factory.mktemp("exported")
    export(tables, policy_folder, folder)
    return folder


def _read_rows(exported: Path, split: str) -> list[dict[str, Any]]:
    lines = (exported / "nemo_gym" / f"{split}.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_pivots_are_train_and_all_held_out_turns_are_validation(
    exported: Path, tables: dict[str, pd.DataFrame]
) -> None:
    train, validation = (_read_rows(exported, s) for s in ("train", "validation"))

    trajectories = tables["trajectories"]
    held_out = trajectories.loc[trajectories["split"] == "validation", "task_id"]
    assert [row["candidate_id"] for row in train] == (
        tables["pivots"]["candidate_id"].tolist()
    )
    # three turns in each trajectory
    assert len(validation) == 3 * len(held_out) > 0
    assert {row["task_id"] for row in validation} == set(held_out)
    assert not {row["task_id"] for row in train} & set(held_out)


def test_nemo_gym_rows_keep_the_row_contract(exported: Path) -> None:
    rows = _read_rows(exported, "train") + _read_rows(exported, "validation")

    required = {"responses_create_params", "expected_action", "agent_ref"}
    assert all(required <= row.keys() for row in rows)
    requests = [row["responses_create_params"] for row in rows]
    assert all(request["tool_choice"] == "auto" for request in requests)
    assert all(len(request["tools"]) == 2 for request in requests)
    assert {row["agent_ref"]["name"] for row in rows} == {"agent"}
    # the label is what follows the input, never part of it
    assert all(request["input"][-1]["type"] != "function_call" for request in requests)


def test_several_calls_are_one_batch_and_one_call_is_none(exported: Path) -> None:
    labels = [row["expected_action"] for row in _read_rows(exported, "validation")[:3]]

    assert [label["type"] for label in labels] == [
        "function_call",
        "function_call_batch",
        "message",
    ]
    assert [call["name"] for call in labels[1]["calls"]] == ["get_weather", "get_time"]


def test_calls_and_results_of_the_input_share_ids(exported: Path) -> None:
    items = _read_rows(exported, "validation")[2]["responses_create_params"]["input"]

    calls = [item["call_id"] for item in items if item["type"] == "function_call"]
    results = [i["call_id"] for i in items if i["type"] == "function_call_output"]
    assert calls == results
    assert len(set(calls)) == 3


def test_the_published_comparator_rewards_every_exported_label(exported: Path) -> None:
    verifier = build_verifier(
        NemoGymParameters(
            kind="nemo_gym",
            word_threshold=0.1,
            float_tolerance=1e-6,
            parallel_rewarding=True,
            allow_subset=False,
            allow_superset=False,
            mode="binary_strict",
        )
    )
    rows = _read_rows(exported, "train") + _read_rows(exported, "validation")

    actions = [
        Action.from_message(message_from_json(read_nemo_gym_pivot(row).messages[-1]))
        for row in rows
    ]

    verdicts = [verifier.verify(State((), ()), action, action) for action in actions]
    assert [verdict.reward for verdict in verdicts] == [1.0] * len(rows)


@pytest.mark.parametrize(
    ("split", "counts"), [("train", "16 pivots"), ("validation", "0 pivots")]
)
def test_tasks_on_one_side_alone_are_refused_before_anything_is_written(
    split: str, counts: str, tables: dict[str, pd.DataFrame]
) -> None:
    trajectories = tables["trajectories"].assign(split=split)
    candidates = tables["pivot_candidates"]
    pivots = candidates[candidates["turn_index"] < 2].iloc[
        : 16 if split == "train" else 0
    ]

    with pytest.raises(ConfigurationError, match=f"export: {counts}"):
        collect_turns(trajectories, candidates, pivots)


class _RefusingRenderer:
    def render_text(self, state: State) -> str:
        """Renders no state that the assistant has answered."""
        if state.prefix[-1].role is Role.ASSISTANT:
            raise PolicyError("a text holds half a surrogate pair.")
        return "".join(f"{message.content}|" for message in state.prefix)


def test_text_that_cannot_be_rendered_is_told_with_its_candidate(
    tables: dict[str, pd.DataFrame],
) -> None:
    turn = collect_turns(**tables)[0]

    with pytest.raises(PolicyError, match=f"{turn.candidate_id}.*surrogate"):
        render_turns([turn], _RefusingRenderer())


def test_statistics_go_along(exported: Path) -> None:
    profile = _read_rows(exported, "train")[0]["profile"]

    assert profile == {
        "num_rollouts": 8,
        "num_excluded": 0,
        "reward_mean": 0.25,
        "reward_variance": 0.1875,
        "weight": 1.0,
    }
    assert "profile" not in _read_rows(exported, "validation")[0]


def test_prompt_and_completion_are_what_the_policy_reads_and_writes(
    exported: Path,
) -> None:
    table = pd.read_parquet(exported / "rendered_turns.parquet")

    RenderedTurns.validate(table, lazy=True)
    assert table["prompt"].str.endswith("<|im_start|>assistant\n").all()
    assert table["completion"][0] == (
        '<tool_call>{"name":"get_weather","arguments":{"city":"Oslo"}}</tool_call>'
    )


@pytest.mark.filterwarnings("default")
def test_trl_reads_prompts_and_its_reward_knows_the_demonstrated_action(
    exported: Path, policy_folder: Path
) -> None:
    datasets = pytest.importorskip("datasets")
    data_utils = pytest.importorskip("trl.data_utils")
    transformers = pytest.importorskip("transformers")
    folder = exported / "trl_grpo"

    rows = datasets.load_dataset(str(folder), cache_dir=str(exported / "cache"))
    row = rows["train"][0]
    tokenizer = transformers.AutoTokenizer.from_pretrained(policy_folder)
    demonstrated = pd.read_parquet(exported / "rendered_turns.parquet")["completion"][0]
    ids = tokenizer(demonstrated, add_special_tokens=False)["input_ids"]
    samples = [[*ids, tokenizer.eos_token_id], ids, [5, tokenizer.eos_token_id]]
    rewards = import_file(folder / "reward.py").pivot_reward(
        completion_ids=samples,
        prompts=[row["prompt"]] * 3,
        completions=[""] * 3,
        **{key: [row[key]] * 3 for key in row if key != "prompt"},
    )

    assert set(rows) == {"train", "validation"}
    assert not data_utils.is_conversational(row)
    # the demonstrated action; the same cut off; a letter
    assert rewards == [1.0, 0.0, 0.0]


@pytest.mark.filterwarnings("default")
def test_trl_trains_on_the_demonstrations(exported: Path) -> None:
    datasets = pytest.importorskip("datasets")
    data_utils = pytest.importorskip("trl.data_utils")
    folder = exported / "trl_sft"

    rows = datasets.load_dataset(str(folder), cache_dir=str(exported / "cache"))

    assert set(rows["train"].column_names) == {"prompt", "completion", "candidate_id"}
    assert not data_utils.is_conversational(rows["train"][0])


def test_verl_rows_have_the_columns_of_its_reader(exported: Path) -> None:
    rows = pd.read_parquet(exported / "verl" / "train.parquet").to_dict("records")

    assert [message["role"] for message in rows[0]["prompt"]] == ["user"]
    assert rows[0]["reward_model"].keys() == {"style", "ground_truth"}
    assert [row["extra_info"]["index"] for row in rows] == list(range(len(rows)))
    assert {row["data_source"] for row in rows} == {"pivotrl"}


def test_the_verl_score_knows_the_demonstrated_action(exported: Path) -> None:
    row = pd.read_parquet(exported / "verl" / "train.parquet").to_dict("records")[0]
    demonstrated = pd.read_parquet(exported / "rendered_turns.parquet")["completion"][0]
    compute_score = import_file(exported / "verl" / "compute_score.py").compute_score

    scores = [
        compute_score(
            row["data_source"],
            text,
            row["reward_model"]["ground_truth"],
            row["extra_info"],
        )
        for text in (demonstrated, "no idea", "<tool_call>{")
    ]

    assert scores == [1.0, 0.0, 0.0]


@pytest.mark.filterwarnings("default")
def test_verl_reads_the_rows_and_its_manager_rewards_them(
    exported: Path, policy_folder: Path
) -> None:
    reader = pytest.importorskip("verl.utils.dataset.rl_dataset", exc_type=ImportError)
    rewards = pytest.importorskip("verl.trainer.ppo.reward", exc_type=ImportError)
    managers = pytest.importorskip(
        "verl.experimental.reward_loop.reward_manager.naive", exc_type=ImportError
    )
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    omegaconf = pytest.importorskip("omegaconf")
    folder = exported / "verl"
    tokenizer = transformers.AutoTokenizer.from_pretrained(policy_folder)
    tokenizer.chat_template = "{{ messages[0].content }}"
    function = {"path": str(folder / "compute_score.py"), "name": "compute_score"}
    config = omegaconf.OmegaConf.create(
        {
            "cache_dir": str(exported / "verl_cache"),
            "reward": {"custom_reward_function": function},
        }
    )
    rows = reader.RLHFDataset(
        data_files=str(folder / "train.parquet"), tokenizer=tokenizer, config=config
    )
    rendered = pd.read_parquet(exported / "rendered_turns.parquet")
    rendered = rendered[rendered["split"] == "train"]

    async def reward(row: dict[str, Any], text: str) -> float:
        manager = managers.NaiveRewardManager(
            config, tokenizer, rewards.get_custom_reward_fn(config)
        )
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        response = torch.tensor([[*ids, tokenizer.eos_token_id]])
        batch = managers.DataProto.from_dict(
            tensors={
                "responses": response,
                "attention_mask": torch.ones_like(response),
            },
            non_tensors={
                key: np.array([row[key]], dtype=object)
                for key in ("data_source", "reward_model", "extra_info")
            },
        )
        return float((await manager.run_single(batch))["reward_score"])

    for row, prompt, completion in zip(
        rows, rendered["prompt"], rendered["completion"], strict=True
    ):
        shown = tokenizer.apply_chat_template(row["raw_prompt"], tokenize=False)
        assert shown == prompt
        assert asyncio.run(reward(row, completion)) == 1.0
        assert asyncio.run(reward(row, "no idea")) == 0.0


def test_kedro_knows_the_types_of_all_parameters() -> None:
    extractor = TypeExtractor({"export": create_pipeline()})

    types = extractor.extract_types_from_pipelines()

    assert set(types) == {"policy", "export", "pivot_selection", "variance_computation"}
