"""Every export is read by its trainer; in processes of their own, since trainers set their process's threads."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent
TYPES = {
    "sft/messages": "trl.SFTTrainer",
    "sft/prompt_completion": "trl.SFTTrainer",
    "sft/tokens": "trl.SFTTrainer",
    "dpo": "trl.DPOTrainer",
    "kto": "trl.KTOTrainer",
    "reward": "trl.RewardTrainer",
    "prm": "transformers.Trainer",
    "grpo/prompts": "trl.GRPOTrainer",
    "grpo/groups": "trl.GRPOTrainer",
    "sdft": "trl.experimental.sdft.SDFTTrainer",
    "sdpo": "trl.experimental.sdpo.SDPOTrainer",
    "distill": "trl.experimental.server_distillation.ServerDistillationTrainer",
}

pytestmark = pytest.mark.slow


def last_line(*command: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """What the benchmark says of a small recorded run."""
    return last_line("-m", "benchmarks", "exports", "--quick")


def test_every_type_has_a_trainer(told: dict[str, Any]) -> None:
    assert {name: found["trainer"] for name, found in told["types"].items()} == TYPES
    assert told["met"]


@pytest.mark.parametrize("name", TYPES)
def test_a_trainers_loss_is_the_one_computed_from_the_rows(told: dict[str, Any], name: str) -> None:
    found = told["types"][name]
    assert found["rows"] > 0
    assert found["loss"] == pytest.approx(found["independent"], rel=1e-4, abs=1e-6)
    assert abs(found["loss"]) > 1e-5
    assert found["loss_matches"] and found["updated"]


@pytest.mark.parametrize("name", TYPES)
def test_lineage_comes_through_the_trainer_and_leads_to_a_turn(told: dict[str, Any], name: str) -> None:
    assert told["types"][name]["lineage_survives"]


@pytest.mark.parametrize("name", TYPES)
def test_duckdb_reads_the_parquet_file(told: dict[str, Any], name: str) -> None:
    assert told["types"][name]["duckdb_reads"]


@pytest.fixture(scope="module")
def noticed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the benchmark's checks say of rows that are right, and of rows with faults."""
    code = """if True:
        import json, sys
        from pathlib import Path
        from benchmarks.consumers.environment import quiet
        quiet()
        from benchmarks.consumers import bench
        from datasets import Dataset
        from tutelage.agents import embedded_directory
        from benchmarks.consumers.sft import consume

        made = bench.Bench(embedded_directory(), Path(sys.argv[1]), {})
        asked, said = (made.tokenizer(text)["input_ids"] for text in ("Compute 2 + 3.", "2+3=5\\nanswer: 5"))
        lineage = dict.fromkeys(bench.LINEAGE, "x")
        row = {"input_ids": asked + said, "labels": [-100] * len(asked) + said, **lineage}
        ends = [len(asked) + shift for shift in (0, 1, -1)]
        found = [
            consume(Dataset.from_list([row]), made, lambda row: [(row["input_ids"][:end], row["input_ids"][end:])])
            for end in ends
        ]

        rows = [{name: f"{name}-{number}" for name in bench.LINEAGE} | {"prompt": "x"} for number in range(2)]
        lost = [{name: row[name] for name in bench.LINEAGE if name != "policy"} for row in rows]
        print(json.dumps({"matches": [each.matches for each in found], "survives": [
            bench.lineage(rows, [*rows, *rows]),
            bench.lineage(rows, rows[:1]),
            bench.lineage(rows, lost),
            bench.lineage(rows, [{**row, "task_id": "other"} for row in rows]),
            bench.lineage(rows, []),
        ]}))
    """
    return last_line("-c", code, str(tmp_path_factory.mktemp("noticed")))


def test_a_mask_that_is_off_by_one_token_is_noticed(noticed: dict[str, Any]) -> None:
    assert noticed["matches"] == [True, False, False]


def test_lineage_that_is_lost_or_changed_on_the_way_is_noticed(noticed: dict[str, Any]) -> None:
    assert noticed["survives"] == [True, False, False, False, False]
