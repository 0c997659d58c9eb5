"""Who speaks when: methods as LangGraph state machines, rollouts of any graph over many tasks, debugging sessions."""

from tutelage.graphs.best_of_k import best_of_k
from tutelage.graphs.critique import critique
from tutelage.graphs.debugging import Gain, Session, Spread, debug
from tutelage.graphs.hardness import Scale, confidence, is_hard, low_confidence, low_quality
from tutelage.graphs.magicore import MagicoreState, annotated, magicore
from tutelage.graphs.majority_vote import majority_vote
from tutelage.graphs.one_shot import one_shot
from tutelage.graphs.replay import Change, Replayed, areplay, replay
from tutelage.graphs.rescoring import rescore
from tutelage.graphs.rollout import arollout, rollout
from tutelage.graphs.scorer import Scorer, combined, model_scorer, verifier_scorer
from tutelage.graphs.self_refine import self_refine
from tutelage.graphs.state import LoopState, initial_state, solution_in
from tutelage.graphs.tutoring import tutoring
from tutelage.graphs.voting import elect

__all__ = [
    "Change",
    "Gain",
    "LoopState",
    "MagicoreState",
    "Replayed",
    "Scale",
    "Scorer",
    "Session",
    "Spread",
    "annotated",
    "areplay",
    "arollout",
    "best_of_k",
    "combined",
    "confidence",
    "critique",
    "debug",
    "elect",
    "initial_state",
    "is_hard",
    "low_confidence",
    "low_quality",
    "magicore",
    "majority_vote",
    "model_scorer",
    "one_shot",
    "replay",
    "rescore",
    "rollout",
    "self_refine",
    "solution_in",
    "tutoring",
    "verifier_scorer",
]
