"""How quickly does GRPO through MAgICoRe train: tokens a second of every stage, step time, and use of the device.

    python -m benchmarks speed [--size half-billion] [--steps 6] [--quick]

Random weights sample until their answers are cut, so every step has the same amount of work; all three roles speak in
every rollout and are trained. The first step is left out of the means. On a GPU the default size has 0.5 billion
parameters, on a CPU it is tiny. The engine and the training share the device, one after the other.
"""

import argparse
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks.speeding.operations import Shape
from benchmarks.speeding.peak import peak
from benchmarks.speeding.random_model import SIZES, random_model
from tutelage.agents import connect
from tutelage.graphs import Scale, magicore, verifier_scorer
from tutelage.tools import make_tasks, step_checker
from tutelage.traces import Run
from tutelage.training import GrpoSettings, Judged, reinforce
from tutelage.training.reinforcement.batch import read_batch
from tutelage.types import Sampling

__all__ = ["configure", "render", "run"]

CANDIDATES = 4
"""MAgICoRe's k."""
STAGES = ("generation", "rows", "refit", "logprobs", "update")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add what to run."""
    gpu = shutil.which("nvidia-smi") is not None
    size = "half-billion" if gpu else "tiny"
    parser.add_argument("--size", choices=SIZES, default=size, help="default here: %(default)s")
    parser.add_argument("--steps", type=int, default=6, help="how many, the first is not counted")
    parser.add_argument(
        "--tasks", type=int, default=64 if gpu else 4, help="a step (default here: %(default)s)"
    )
    parser.add_argument("--samples", type=int, default=8 if gpu else 4, help="rollouts a task")
    parser.add_argument("--answer", type=int, default=512 if gpu else 64, help="tokens of an answer")
    parser.add_argument("--memory", type=float, default=0.4, help="the engine's share of a GPU's memory")
    parser.add_argument("--backend", help="vLLM's name of an attention backend (default: vLLM chooses)")
    parser.add_argument("--out", type=Path, default=Path("runs/benchmark-speed"), help="where the runs go")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Train, and read what it took."""
    steps = 2 if args.quick else args.steps
    base = random_model(args.out / "models", args.size)
    folder = args.out / f"{args.size}-{steps}"
    for each in (folder, Path(f"{folder}-runs"), Path(f"{folder}.partial")):
        shutil.rmtree(each, ignore_errors=True)
    _train(args, base, folder, steps)
    device = peak()
    measured = [_of_step(folder, step, Shape.of(base)) for step in range(1, steps)]
    return {
        "device": device,
        "parameters": Shape.of(base).parameters,
        "steps": len(measured),
        "step_seconds": fmean(sum(each["seconds"].values()) for each in measured),
        "stages": {name: _stage(measured, name, device) for name in STAGES},
        "mfu": _share(measured, ("logprobs", "update"), None, device),
    }


def _train(args: argparse.Namespace, base: Path, out: Path, steps: int) -> None:
    tasks = make_tasks("arithmetic", difficulty=4, count=args.tasks * steps, seed=0)
    settings = GrpoSettings(steps=steps, tasks=args.tasks, samples=args.samples, checkpoint_every=None)
    sampling = Sampling(max_tokens=args.answer)
    with connect(
        f"vllm:{base}", sampling=sampling, gpu_memory_utilization=args.memory, attention_backend=args.backend
    ) as model:
        graph = magicore(
            model,
            CANDIDATES,
            scorer=verifier_scorer(step_checker),
            scale=Scale(0.0, 1.0),
            rounds=1,
            temperature=1.0,
            top_p=1.0,
            refine_all=True,
        )
        reinforce(graph, model, tasks, out, verifier=step_checker, reward=variety, settings=settings)


def variety(rollout: Judged) -> dict[str, float]:
    """The share of different characters: a reward that tells random answers apart."""
    return {turn.id: len(set(turn.completion)) / max(1, len(turn.completion)) for turn in rollout.turns}


def _of_step(folder: Path, step: int, shape: Shape) -> dict[str, Any]:
    """Seconds, tokens and operations of each stage of a step."""
    runs = Path(f"{folder}-runs")
    worker = json.loads((folder / "policy.json").read_text("utf-8"))["stages"][str(step)]
    lines = (runs / "steps.jsonl").read_text("utf-8").splitlines()
    parent = next(told for told in map(json.loads, lines) if told["step"] == step)
    lengths = [
        len(row["prompt_ids"]) + len(row["completion_ids"])
        for row in read_batch(runs / f"step-{step:04}.rows")
    ]
    with Run.open(runs / f"step-{step:04}") as recorded:
        sampled = sum(count.completion for count in recorded.tokens().values())
    forward = shape.forward(lengths)
    return {
        "seconds": {
            "generation": parent["seconds/rollout"],
            "rows": worker["rollout"] - parent["seconds/rollout"] - parent["seconds/reload"],
            "refit": worker["publish"] + parent["seconds/reload"],
            "logprobs": worker["logprobs"],
            "update": worker["update"],
        },
        "tokens": {"generation": sampled, "logprobs": sum(lengths), "update": sum(lengths)},
        "operations": {"logprobs": forward, "update": 3 * forward},
    }


def _stage(measured: list[dict[str, Any]], name: str, device: Mapping[str, Any]) -> dict[str, float]:
    seconds = fmean(each["seconds"][name] for each in measured)
    found = {"seconds": seconds}
    if name in measured[0]["tokens"]:
        found["tokens_per_second"] = fmean(each["tokens"][name] for each in measured) / seconds
    if name in measured[0]["operations"]:
        found["mfu"] = _share(measured, (name,), (name,), device)
    return found


def _share(
    measured: list[dict[str, Any]],
    computed: tuple[str, ...],
    during: tuple[str, ...] | None,
    device: Mapping[str, Any],
) -> float:
    """The needed operations of stages over what the device could have done in the time of some, or of all."""
    operations = sum(each["operations"][name] for each in measured for name in computed)
    seconds = sum(each["seconds"][name] for each in measured for name in during or STAGES)
    return float(operations / seconds / device.get("data_sheet", device["measured"]))


def render(result: Mapping[str, Any]) -> str:
    """The section of the results page."""
    device = result["device"]
    against = "the data sheet's" if "data_sheet" in device else "its own largest matrix product's"
    lines = [
        "## How quickly GRPO through MAgICoRe trains (`python -m benchmarks speed`)",
        "",
        f"{device['device']}; {result['parameters']:,} random parameters; mean over {result['steps']} steps after the "
        f"first: {result['step_seconds']:.1f} s a step. MFU is against {against} rate; over the whole step it is "
        f"{100 * result['mfu']:.1f} %.",
        "",
        "| stage | seconds | tokens/s | MFU |",
        "|---|---:|---:|---:|",
    ]
    for name, found in result["stages"].items():
        tokens = f"{found['tokens_per_second']:,.0f}" if "tokens_per_second" in found else ""
        mfu = f"{100 * found['mfu']:.1f} %" if "mfu" in found else ""
        lines.append(f"| {name} | {found['seconds']:.2f} | {tokens} | {mfu} |")
    return "\n".join(lines)
