"""A rollout's turns as a tree of text.

    ├─ solver 0491e439f1  wrong  23-21=2↵2*2=4↵4+42=43↵answer: 43
    │  ↓ reviewer 65cee82b2c  says wrong  …
    └─ solver …

`↓` goes on from the line above, `├─` and `└─` are forks. A turn with several parents stands under the one that
was recorded last, and names the others (`+`).
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tutelage.cli.scene import Scene, said
from tutelage.cli.tables import bold, cut, one_line, width_of
from tutelage.cli.wording import painted, short

if TYPE_CHECKING:
    from tutelage.traces import Turn

__all__ = ["tree", "turn_line"]

NARROWEST = 24
"""Columns that a text has at least."""
WIDEST = 120


def tree(scene: Scene, width: int | None, marked: str | None = None) -> Iterator[str]:
    """Give the lines of a rollout's tree.

    Args:
        scene: The rollout.
        width: Of the terminal; `None` for any.
        marked: The id of a turn that is pointed at.
    """
    children: dict[str | None, list[Turn]] = {}
    order = {turn.id: number for number, turn in enumerate(scene.turns)}
    for turn in scene.turns:
        above = max((parent for parent in scene.parents(turn)), key=lambda each: order[each.id], default=None)
        children.setdefault(None if above is None else above.id, []).append(turn)
    roots = children.get(None, [])
    open_ = [(root, "", _fork(number, len(roots))) for number, root in reversed(list(enumerate(roots)))]
    while open_:
        turn, indent, sign = open_.pop()
        yield turn_line(scene, turn, width, f"{indent}{sign}", turn.id == marked)
        inner = indent + {"├─ ": "│  ", "└─ ": "   "}.get(sign, "")
        found = children.get(turn.id, [])
        if len(found) == 1:
            open_.append((found[0], inner, "↓ "))
        else:
            open_ += [(each, inner, _fork(at, len(found))) for at, each in reversed(list(enumerate(found)))]


def turn_line(scene: Scene, turn: "Turn", width: int | None, before: str = "", marked: bool = False) -> str:
    """Tell a turn on one line: role, id, what is known of it, what it said."""
    role = one_line(turn.role)
    if marked:
        role = bold(f"➤ {role}")
    others = [short(each) for each in turn.parents if each in scene.by_id]
    joined = f" + {', '.join(others[:-1])}" if len(others) > 1 else ""
    words = [one_line(word) for word in scene.words(turn)]
    head = f"{before}{one_line(turn.role)} {short(turn.id)}{joined}  {', '.join(words)}"
    room = max(NARROWEST, (width or WIDEST + width_of(head)) - width_of(head) - 4)
    text = cut(one_line(said(turn)), min(room, WIDEST), middle=True)
    return f"{before}{role} {short(turn.id)}{joined}  {painted(words)}{'  ' if words else ''}{text}"


def _fork(number: int, count: int) -> str:
    if count == 1:
        return ""
    return "└─ " if number == count - 1 else "├─ "
