"""What is learnt: selection from runs, fine-tuning, evaluation, comparison, and the page that tells it.

`distill` makes a policy directory from a run, `evaluate` says how good something is, `compare` whether it
is better. Names are loaded when they are first used, so that importing this room costs nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tutelage.training.adapters import blank_adapter, merge_adapter
    from tutelage.training.appraisal import (
        Appraisal,
        Arm,
        Critique,
        Forgetting,
        appraise,
        read_appraisal,
        write_appraisal,
    )
    from tutelage.training.attempts import attempts
    from tutelage.training.bootstrapping import Contrast, bootstrap, contrasts
    from tutelage.training.comparison import Comparison, compare
    from tutelage.training.critic_report import CriticReport, examine_critic
    from tutelage.training.critics import CriticSettings, train_critic
    from tutelage.training.curricula.bandits import SelfEvolving, UpperConfidence
    from tutelage.training.curricula.curriculum import Curriculum, Uniform
    from tutelage.training.curricula.difficulty import AdaptiveTarget, Staged, Window
    from tutelage.training.curricula.progress import LearningProgress
    from tutelage.training.dataset import rows, write_rows
    from tutelage.training.distillation import distill
    from tutelage.training.evaluation import Attempt, Evaluation, evaluate
    from tutelage.training.improvement.loop import Improvement, improve, leaderboard, rollback
    from tutelage.training.improvement.own_reviewer import OwnReviewer
    from tutelage.training.improvement.settings import ImproveSettings, Limit
    from tutelage.training.jobs.launching import train
    from tutelage.training.jobs.lora import LoraSettings
    from tutelage.training.objectives import (
        OBJECTIVES,
        DistillationSettings,
        DpoSettings,
        KtoSettings,
        Objective,
        PrmSettings,
        RewardSettings,
        SdftSettings,
        SdpoSettings,
        SftSettings,
        SoftBootstrappingSettings,
    )
    from tutelage.training.reinforcement.confidence import confidence_reward
    from tutelage.training.reinforcement.critiques import critique_reward, leak_penalty
    from tutelage.training.reinforcement.loop import reinforce
    from tutelage.training.reinforcement.rewards import (
        Judged,
        Reward,
        effect_reward,
        outcome_reward,
        own_reward,
        per_role,
        refined_reward,
        verdict_reward,
        weighted,
    )
    from tutelage.training.reinforcement.settings import GrpoSettings
    from tutelage.training.report import Story, page, story_of, write_page
    from tutelage.training.selection import Example, Selection, SelectionSettings, select
    from tutelage.training.shares import Flow, PassAt, Share
    from tutelage.training.statistics import (
        Interval,
        bootstrap_mean,
        holm,
        maj_at_k,
        mcnemar,
        mean_at_k,
        mean_interval,
        newcombe,
        pass_at_k,
        share_interval,
        sign_flip,
        wilson,
    )

__all__ = [
    "OBJECTIVES",
    "AdaptiveTarget",
    "Appraisal",
    "Arm",
    "Attempt",
    "Comparison",
    "Contrast",
    "CriticReport",
    "CriticSettings",
    "Critique",
    "Curriculum",
    "DistillationSettings",
    "DpoSettings",
    "Evaluation",
    "Example",
    "Flow",
    "Forgetting",
    "GrpoSettings",
    "ImproveSettings",
    "Improvement",
    "Interval",
    "Judged",
    "KtoSettings",
    "LearningProgress",
    "Limit",
    "LoraSettings",
    "Objective",
    "OwnReviewer",
    "PassAt",
    "PrmSettings",
    "Reward",
    "RewardSettings",
    "SdftSettings",
    "SdpoSettings",
    "Selection",
    "SelectionSettings",
    "SelfEvolving",
    "SftSettings",
    "Share",
    "SoftBootstrappingSettings",
    "Staged",
    "Story",
    "Uniform",
    "UpperConfidence",
    "Window",
    "appraise",
    "attempts",
    "blank_adapter",
    "bootstrap",
    "bootstrap_mean",
    "compare",
    "confidence_reward",
    "contrasts",
    "critique_reward",
    "distill",
    "effect_reward",
    "evaluate",
    "examine_critic",
    "holm",
    "improve",
    "leaderboard",
    "leak_penalty",
    "maj_at_k",
    "mcnemar",
    "mean_at_k",
    "mean_interval",
    "merge_adapter",
    "newcombe",
    "outcome_reward",
    "own_reward",
    "page",
    "pass_at_k",
    "per_role",
    "read_appraisal",
    "refined_reward",
    "reinforce",
    "rollback",
    "rows",
    "select",
    "share_interval",
    "sign_flip",
    "story_of",
    "train",
    "train_critic",
    "verdict_reward",
    "weighted",
    "wilson",
    "write_appraisal",
    "write_page",
    "write_rows",
]

_HOMES = {
    "OBJECTIVES": "objectives",
    "AdaptiveTarget": "curricula.difficulty",
    "Appraisal": "appraisal",
    "Arm": "appraisal",
    "Attempt": "evaluation",
    "Comparison": "comparison",
    "Contrast": "bootstrapping",
    "Critique": "appraisal",
    "CriticReport": "critic_report",
    "CriticSettings": "critics",
    "Curriculum": "curricula.curriculum",
    "DistillationSettings": "objectives",
    "DpoSettings": "objectives",
    "Evaluation": "evaluation",
    "Example": "selection",
    "Flow": "shares",
    "Forgetting": "appraisal",
    "GrpoSettings": "reinforcement.settings",
    "ImproveSettings": "improvement.settings",
    "Improvement": "improvement.loop",
    "Interval": "statistics",
    "Judged": "reinforcement.rewards",
    "KtoSettings": "objectives",
    "LearningProgress": "curricula.progress",
    "Limit": "improvement.settings",
    "LoraSettings": "jobs.lora",
    "Objective": "objectives",
    "PassAt": "shares",
    "OwnReviewer": "improvement.own_reviewer",
    "PrmSettings": "objectives",
    "Reward": "reinforcement.rewards",
    "RewardSettings": "objectives",
    "SdftSettings": "objectives",
    "SdpoSettings": "objectives",
    "Selection": "selection",
    "SelectionSettings": "selection",
    "SelfEvolving": "curricula.bandits",
    "SftSettings": "objectives",
    "Share": "shares",
    "SoftBootstrappingSettings": "objectives",
    "Staged": "curricula.difficulty",
    "Story": "report",
    "Uniform": "curricula.curriculum",
    "UpperConfidence": "curricula.bandits",
    "Window": "curricula.difficulty",
    "appraise": "appraisal",
    "attempts": "attempts",
    "blank_adapter": "adapters",
    "bootstrap": "bootstrapping",
    "bootstrap_mean": "statistics",
    "compare": "comparison",
    "confidence_reward": "reinforcement.confidence",
    "contrasts": "bootstrapping",
    "critique_reward": "reinforcement.critiques",
    "distill": "distillation",
    "effect_reward": "reinforcement.rewards",
    "evaluate": "evaluation",
    "holm": "statistics",
    "improve": "improvement.loop",
    "leaderboard": "improvement.loop",
    "examine_critic": "critic_report",
    "leak_penalty": "reinforcement.critiques",
    "maj_at_k": "statistics",
    "mcnemar": "statistics",
    "mean_at_k": "statistics",
    "mean_interval": "statistics",
    "merge_adapter": "adapters",
    "newcombe": "statistics",
    "outcome_reward": "reinforcement.rewards",
    "own_reward": "reinforcement.rewards",
    "page": "report",
    "pass_at_k": "statistics",
    "per_role": "reinforcement.rewards",
    "read_appraisal": "appraisal",
    "refined_reward": "reinforcement.rewards",
    "reinforce": "reinforcement.loop",
    "rollback": "improvement.loop",
    "rows": "dataset",
    "select": "selection",
    "share_interval": "statistics",
    "sign_flip": "statistics",
    "story_of": "report",
    "train": "jobs.launching",
    "train_critic": "critics",
    "verdict_reward": "reinforcement.rewards",
    "weighted": "reinforcement.rewards",
    "wilson": "statistics",
    "write_appraisal": "appraisal",
    "write_page": "report",
    "write_rows": "dataset",
}


def __getattr__(name: str) -> Any:
    """Load a public name from its module."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
