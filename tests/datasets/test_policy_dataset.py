import json
from pathlib import Path

import pytest
import torch
from kedro.io import DatasetError
from safetensors.torch import load_file
from transformers import Qwen3Config, Qwen3ForCausalLM

from pivotrl_pipeline.datasets.policy_dataset import PolicyDataset
from pivotrl_pipeline.errors import PolicyError
from pivotrl_pipeline.rl.trained_policy import TrainedPolicy

INITIAL_POLICY = Path(__file__).parents[2] / "data/06_models/initial_policy"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random model with the tokenizer in the box."""
    from transformers import AutoTokenizer

    folder = tmp_path_factory.mktemp("source")
    tokenizer = AutoTokenizer.from_pretrained(INITIAL_POLICY)
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
        tie_word_embeddings=True,
    )
    torch.manual_seed(0)
    Qwen3ForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def trained(source: Path) -> TrainedPolicy:
    model = Qwen3ForCausalLM.from_pretrained(source)
    weights = {name: tensor + 1 for name, tensor in model.state_dict().items()}
    return TrainedPolicy(weights, str(source), (), 3, 0.5, 0.25, {"pivots": 7})


def test_saved_weights_are_loaded_by_transformers(
    trained: TrainedPolicy, tmp_path: Path
) -> None:
    dataset = PolicyDataset(filepath=str(tmp_path / "policy"))

    dataset.save(trained)

    model = Qwen3ForCausalLM.from_pretrained(dataset.load().location)
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(tensor, trained.state_dict[name])


def test_lineage_lies_beside_the_weights(
    trained: TrainedPolicy, tmp_path: Path
) -> None:
    PolicyDataset(filepath=str(tmp_path / "policy")).save(trained)

    assert json.loads((tmp_path / "policy/lineage.json").read_text()) == {"pivots": 7}


def test_equal_weights_have_equal_fingerprints(
    trained: TrainedPolicy, tmp_path: Path
) -> None:
    one, two = (PolicyDataset(filepath=str(tmp_path / name)) for name in "ab")
    one.save(trained)
    two.save(trained)

    assert one.load().fingerprint == two.load().fingerprint


def test_failed_save_leaves_the_old_policy_and_nothing_else(
    trained: TrainedPolicy, tmp_path: Path
) -> None:
    dataset = PolicyDataset(filepath=str(tmp_path / "policy"))
    dataset.save(trained)
    before = load_file(tmp_path / "policy/model.safetensors")
    broken = TrainedPolicy({}, "/nowhere", (), 0, None, None)

    with pytest.raises(DatasetError, match="no readable config"):
        dataset.save(broken)

    after = load_file(tmp_path / "policy/model.safetensors")
    assert [path.name for path in tmp_path.iterdir()] == ["policy"]
    assert all(torch.equal(after[name], before[name]) for name in before)


def test_policy_that_cannot_take_its_place_leaves_the_old_one(
    trained: TrainedPolicy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = PolicyDataset(filepath=str(tmp_path / "policy"))
    dataset.save(trained)
    move = Path.replace

    def refuse(self: Path, target: Path) -> Path:
        if self.name.endswith(".part"):
            raise PermissionError("in use")
        return move(self, target)

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(DatasetError, match="in use"):
        dataset.save(trained)

    assert [path.name for path in tmp_path.iterdir()] == ["policy"]
    assert (tmp_path / "policy/model.safetensors").is_file()


def test_missing_folder_is_named(tmp_path: Path) -> None:
    dataset = PolicyDataset(filepath=str(tmp_path / "policy"))

    assert not dataset.exists()
    with pytest.raises(DatasetError, match=r"policy: no policy there; expected"):
        dataset.load()


def test_dataset_without_a_place_says_what_to_give() -> None:
    with pytest.raises(DatasetError, match="neither `filepath` nor `hub_id`"):
        PolicyDataset(filepath=None).load()


def test_unreachable_hub_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    dataset = PolicyDataset(filepath=None, hub_id="nobody/nothing")

    with pytest.raises(DatasetError, match=r"'nobody/nothing'.*cannot be fetched"):
        dataset.load()


def test_a_model_of_a_hub_is_its_commit_once_it_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    commit = "ab" * 20
    moving, pinned = (
        PolicyDataset(filepath=None, hub_id="some/model", revision=revision)
        for revision in (None, commit)
    )

    with pytest.raises(FileNotFoundError, match="'some/model' is not in the cache"):
        moving.fingerprint()
    assert pinned.fingerprint() == f"some/model@{commit}"

    model = tmp_path / "models--some--model"
    (model / "refs").mkdir(parents=True)
    (model / "refs/main").write_text(commit)
    (model / "snapshots" / commit).mkdir(parents=True)
    (model / "snapshots" / commit / "config.json").write_text("{}")
    assert moving.fingerprint() == pinned.fingerprint()


def test_description_needs_no_network() -> None:
    dataset = PolicyDataset(filepath=None, hub_id="nobody/nothing", revision="main")

    assert dataset._describe()["hub_id"] == "nobody/nothing"
    assert issubclass(PolicyError, RuntimeError)
