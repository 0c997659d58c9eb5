"""A story as HTML: the problem, the attempts with their steps' scores, reviews, refinements, the answer."""

from tutelage.training.report.sections import section
from tutelage.training.report.story import Attempted, Moment, Step, Story
from tutelage.training.report.text import shown

__all__ = ["story_section"]


def story_section(story: Story) -> str:
    """Tell one rollout step by step."""
    family = f'<span class="tag">{shown(story.task.family)}</span>' if story.task.family else ""
    parts = [_part("problem", "Problem", f'<p class="said">{shown(story.task.problem)}</p>', family)]
    parts += [_moment(moment, first=number == 0) for number, moment in enumerate(story.moments)]
    parts.append(_end(story))
    source = f'<p class="source">{shown(story.source)}</p>' if story.source else ""
    scored = any(step.score is not None for m in story.moments for each in m.attempts for step in each.steps)
    note = "One rollout, as it was recorded."
    note += " The number beside a step is its score, 0 to 1." if scored else ""
    return section("Step by step", f'<ol class="story">{"".join(parts)}</ol>{source}', note)


def _moment(moment: Moment, *, first: bool) -> str:
    role = moment.role.replace("_", " ").capitalize()
    if not moment.attempts:
        return _part("said", role, f'<p class="said">{shown(moment.text.strip() or "(nothing)")}</p>')
    count = len(moment.attempts) + moment.more
    title = f"{role}: {count} attempts" if count > 1 else role
    attempts = "".join(_attempt(each, alone=count == 1) for each in moment.attempts)
    more = f"and {moment.more} more, {moment.more_passed} of them right" if moment.more else ""
    rest = f'<p class="more">{more}</p>' if more else ""
    return _part("attempts" if first else "refined", title, f'<div class="attempts">{attempts}</div>{rest}')


def _attempt(attempt: Attempted, *, alone: bool) -> str:
    kind = {True: "right", False: "wrong", None: "open"}[attempt.passed]
    word = {True: "right", False: "wrong", None: "not judged"}[attempt.passed]
    lines = "".join(map(_step, attempt.steps))
    led = '<span class="led">taken further</span>' if attempt.led_on and not alone else ""
    answer = f"answer {shown(attempt.answer)}" if attempt.answer is not None else "no answer"
    foot = f'<p class="verdict {kind}"><span>{answer}</span><b>{word}</b>{led}</p>'
    return f'<div class="attempt{" led-on" if attempt.led_on else ""}"><ol class="steps">{lines}</ol>{foot}</div>'


def _step(step: Step) -> str:
    if step.score is None:
        return f"<li><code>{shown(step.text)}</code></li>"
    level = "high" if step.score >= 0.75 else "low" if step.score < 0.5 else "middle"
    return f'<li><code>{shown(step.text)}</code><span class="score {level}">{step.score:.2f}</span></li>'


def _end(story: Story) -> str:
    kind = {True: "right", False: "wrong", None: "open"}[story.passed]
    word = {True: "right", False: "wrong", None: "not judged"}[story.passed]
    answer = shown(story.answer) if story.answer is not None else "no answer"
    reference = story.task.reference
    known = (
        f'<span class="reference">reference {shown(reference)}</span>'
        if reference and not story.passed
        else ""
    )
    return _part(
        f"end {kind}", "Answer", f'<p class="answer"><strong>{answer}</strong><b>{word}</b>{known}</p>'
    )


def _part(kind: str, title: str, body: str, beside: str = "") -> str:
    return f'<li class="{kind}"><h3>{shown(title)}{beside}</h3>{body}</li>'
