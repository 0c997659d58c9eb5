"""What a session tells of itself, as plain data: what is acknowledged, and what is looked for after a kill."""

from collections.abc import Mapping
from typing import Any

from benchmarks.reopening.work import prompt_digest
from tutelage.graphs import Session

__all__ = ["picture", "place"]


def picture(session: Session) -> dict[str, Any]:
    """All branches, breakpoints, lessons and turns, and where the branch of this session is."""
    return {
        "branches": {
            each.rollout_id: {
                "name": each.name,
                "parent": each.parent,
                "at": each.at,
                "kind": each.kind,
                "dropped": each.dropped,
                "edits": each.edits,
                "ended": each.status in ("done", "failed"),
            }
            for each in session.branches()
        },
        "breakpoints": {
            str(each.number): each.model_dump(mode="json", exclude={"hits"}) for each in session.breakpoints()
        },
        "lessons": {each.turn_id: [each.kind, each.text] for each in session.lessons()},
        "turns": {
            turn.id: [turn.rollout_id, prompt_digest(turn.messages), turn.completion, turn.author]
            for branch in session.branches()
            for turn in session.run_record.turns(branch.rollout_id)
        },
        "here": session.rollout_id,
        "place": place(session),
    }


def place(session: Session) -> Mapping[str, Any]:
    """Where a branch is, its state, and the visits that it has behind it."""
    stop = session.stop
    own = [each for each in session.visits() if each.branch == session.branch and each.status == "done"]
    return {
        "status": session.status,
        "when": None if stop is None else stop.when,
        "visit": None if stop is None else stop.visit.key,
        "prompt": None if stop is None or stop.request is None else prompt_digest(stop.request.messages),
        "log": session.state.get("log", []),
        "ended": sorted(each.key for each in own),
        "ran": sorted([each.node, len(session.read(each.number).get("log", []))] for each in own),
    }
