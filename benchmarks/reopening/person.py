"""A process in which somebody debugs at random until it is killed.

Every action is announced in the ledger, then done, then acknowledged there with all that the session tells of itself.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal

from benchmarks.killing.moments import Moment, Trap, set_trap
from benchmarks.reopening.ledger import Ledger
from benchmarks.reopening.picture import picture
from benchmarks.reopening.work import ROLES, TASK, graph
from tutelage.graphs import Session, debug

__all__ = ["ACTIONS", "Life", "live"]

SAMPLES = 3
MANY = 14
"""Branches that are not samples after which no more are made."""


@dataclass(frozen=True, slots=True)
class Life:
    """What a process works on, and how it is to die."""

    store: Path
    ledger: Path
    seed: str
    moment: Moment | None = None


def live(life: Life, up: Connection) -> None:
    """Open the session and act until killed; never returns by itself."""
    ledger = Ledger(life.ledger)
    if life.moment is not None:
        set_trap(Trap(life.moment))
    up.send_bytes(b"up")
    chance = random.Random(life.seed)
    person = Person(debug(graph(ledger), TASK, store=life.store), ledger, chance)
    person.acknowledge("open")
    while True:
        person.act()


class Person:
    """Somebody who drives a session."""

    def __init__(self, session: Session, ledger: Ledger, chance: random.Random) -> None:
        """Take over an open session."""
        self.session = session
        self.ledger = ledger
        self.chance = chance

    def act(self) -> None:
        """Do one thing that can be done here, and write down that it was acknowledged."""
        possible = [name for name in ACTIONS if ACTIONS[name].possible(self)]
        name = self.chance.choices(possible, [ACTIONS[each].weight for each in possible])[0]
        self.ledger.write("begin", action=name, branch=self.session.rollout_id)
        ACTIONS[name].do(self)
        self.acknowledge(name)

    def acknowledge(self, action: str) -> None:
        """Write down what the session tells now."""
        self.ledger.write("end", action=action, **picture(self.session))

    @property
    def held(self) -> bool:
        """Whether the branch can go on."""
        return self.session.stop is not None

    @property
    def at_prompt(self) -> bool:
        """Whether a model call is held."""
        return self.held and self.session.stop is not None and self.session.stop.request is not None

    def unlabelled(self) -> list[str]:
        """The branch's turns of which nothing was said yet."""
        known = {each.turn_id for each in self.session.lessons()}
        turns = [turn for visit in self.session.visits() for turn in visit.turns]
        return [turn for turn in turns if turn not in known]

    def names(self) -> list[str]:
        """The branches that somebody may switch to."""
        return [each.name for each in self.session.branches() if each.kind != "sample" and not each.dropped]

    def name(self) -> str:
        """A name that nobody had."""
        return f"b{self.chance.randrange(10**9)}"


@dataclass(frozen=True, slots=True)
class Action:
    """Something that a person does."""

    weight: float
    possible: Callable[[Person], bool]
    do: Callable[[Person], object]


def edit(person: Person) -> None:
    """Add a line to the log."""
    state: Mapping[str, Any] = person.session.state
    person.session.set("log", [*state.get("log", ()), f"edit {person.chance.randrange(10**9)}"])


def fork(person: Person) -> None:
    """Fork here or anywhere, and stay on the fork."""
    visits = [each for each in person.session.visits() if each.status == "done"]
    at: Any = None
    if visits and (not person.held or person.chance.random() < 0.5):
        visit = person.chance.choice(visits)
        at = (visit.number, person.chance.choice(["before", "after"]))
    elif not person.held:
        at = 1
    person.session = person.session.fork(at=at, name=person.name())


def switch(person: Person) -> None:
    person.session = person.session.switch(person.chance.choice(person.names()))


def drop(person: Person) -> None:
    others = [each for each in person.names() if each != person.session.branch]
    person.session.drop(person.chance.choice(others))


def label(person: Person) -> None:
    turn = person.chance.choice(person.unlabelled())
    match person.chance.randrange(3):
        case 0:
            person.session.accept(turn)
        case 1:
            person.session.reject(turn)
        case _:
            person.session.correct(f"corrected {person.chance.randrange(10**9)}", turn)


def set_breakpoint(person: Person) -> None:
    node = person.chance.choice(["draft", "team/check", "left", "judge"])
    place: Literal["before", "after"] = "before" if person.chance.random() < 0.5 else "after"
    person.session.break_on(node, at=place, when=f"round == {person.chance.randrange(3)}")


def clear(person: Person) -> None:
    person.session.clear(person.chance.choice(person.session.breakpoints()).number)


def resample(person: Person) -> None:
    person.session.resample(SAMPLES, name=person.name())


def rule(person: Person) -> None:
    role = person.chance.choice(ROLES)
    if person.chance.random() < 0.5:
        person.session.rewrite(role, "2+3", "3+2")
    else:
        person.session.sample_with(role, temperature=round(person.chance.random(), 3))


def few(person: Person) -> bool:
    return len([each for each in person.session.branches() if each.kind != "sample"]) < MANY


def always(person: Person) -> bool:
    return True


def held(person: Person) -> bool:
    return person.held


def at_prompt(person: Person) -> bool:
    return person.at_prompt


ACTIONS: dict[str, Action] = {
    "step": Action(30, held, lambda person: person.session.step()),
    "next": Action(6, held, lambda person: person.session.next()),
    "out": Action(2, held, lambda person: person.session.out()),
    "go": Action(2, held, lambda person: person.session.go()),
    "set": Action(10, held, edit),
    "prompt": Action(
        8,
        at_prompt,
        lambda person: person.session.edit_prompt(text=f"edited {person.chance.randrange(10**9)}"),
    ),
    "say": Action(8, at_prompt, lambda person: person.session.say(f"said {person.chance.randrange(10**9)}")),
    "rule": Action(2, held, rule),
    "fork": Action(6, few, fork),
    "switch": Action(5, always, switch),
    "rename": Action(4, always, lambda person: person.session.rename(person.name())),
    "drop": Action(2, lambda person: len(person.names()) > 2, drop),
    "label": Action(8, lambda person: bool(person.unlabelled()), label),
    "break": Action(5, always, set_breakpoint),
    "clear": Action(3, lambda person: bool(person.session.breakpoints()), clear),
    "resample": Action(2, lambda person: person.held and few(person), resample),
}
"""What a person does, and how often."""
