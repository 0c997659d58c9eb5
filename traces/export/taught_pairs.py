"""Pairs that were taught: a correction and what it corrects, answers that were ranked, branches that were compared.

Of a ranking of several answers each is paired with the next one; with `reuse` with all that are worse. Not
covered: pairs by a verifier's scores (`tutelage.traces.export.pairs`).
"""

from collections.abc import Iterator, Sequence

from tutelage.traces.export.context import training_context
from tutelage.traces.export.example import Example
from tutelage.traces.export.pairs import Pair, PairSettings
from tutelage.traces.export.story import Story
from tutelage.traces.export.taught import Taught, note, score_of
from tutelage.traces.lessons import Preference

__all__ = ["taught_pairs"]


def taught_pairs(story: Story, examples: Sequence[Example], settings: PairSettings) -> Iterator[Pair]:
    """Give the pairs of one task whose better answer is an example."""
    over = {example.turn.id: note(story, example.turn).over for example in examples}
    for example in examples:
        own = over[example.turn.id]
        for name, why in own.items():
            between = any(name in over.get(other, ()) for other in own)
            if settings.reuse or why.kind != "rank" or not between:
                pair = _pair(story, example, name, why, settings)
                if pair is not None:
                    yield pair


def _pair(story: Story, better: Example, name: str, why: Preference, settings: PairSettings) -> Pair | None:
    worse = story.known.get(name)
    asked = None if why.prompt is None else story.known.get(why.prompt)
    if worse is None or (why.prompt is not None and asked is None):
        return None
    lesson = Taught(why.kind, why.by, asked, name if why.kind == "correct" else None)
    chosen = better._replace(lesson=lesson)
    rejected = Example(story, worse, score_of(note(story, worse)), lesson)
    values = (chosen.score.value, rejected.score.value)
    return Pair(training_context(chosen, settings), chosen, rejected, values, kind=why.kind)
