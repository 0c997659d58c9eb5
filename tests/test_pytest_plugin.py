"""The pytest plugin in sessions of its own, as a user's tests would meet it."""

import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from tutelage.agents import scripted
from tutelage.graphs import rollout, self_refine
from tutelage.tools import exact
from tutelage.types import Task

pytest_plugins = ["pytester"]

INSTALLED = any(each.value == "tutelage.testing.plugin" for each in entry_points(group="pytest11"))
OPTIONS = (
    *(() if INSTALLED else ("-p", "tutelage.testing.plugin")),
    *("-p", "no:cacheprovider", "-p", "no:langsmith_plugin"),
    *("-o", "asyncio_default_fixture_loop_scope=function"),
)
GRAPH = """
from tutelage.graphs import rollout, self_refine
from tutelage.tools import exact
from tutelage.traces import Run

RUN = "tests/runs/first"

def tasks():
    with Run.open(RUN) as run:
        return [each.task for each in run.rollouts()]

def app(model, rounds=1):
    return self_refine(model, rounds, verifier=exact)
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """A user's project: a graph, and a run of two tasks; the first is refined once, the second is right."""

    def say(messages: object, sample: int) -> str:
        prompt = str(messages)
        if "Check every step" in prompt:
            return "verdict: wrong at step 1" if "answer: draft" in prompt else "verdict: right"
        return "answer: draft" if "What is a?" in prompt and "Rewrite" not in prompt else "answer: x"

    tasks = [Task(id=name, problem=f"What is {name}?", reference="x") for name in "ab"]
    rollout(
        self_refine(scripted(say), 1, verifier=exact),
        tasks,
        verifier=exact,
        store=pytester.path / "tests" / "runs" / "first",
        progress=False,
    ).close()
    pytester.makepyfile(graph=GRAPH)
    pytester.syspathinsert()
    return pytester


def run_test(project: pytest.Pytester, body: str) -> pytest.RunResult:
    project.makepyfile(test_it=f"import pytest\nfrom graph import *\n{body}")
    return project.runpytest_inprocess(*OPTIONS)


def test_a_graph_that_asks_what_was_recorded_passes(project: pytest.Pytester) -> None:
    body = """
def test_rollout(replay):
    model = replay(RUN)
    with rollout(app(model), tasks(), verifier=exact, progress=False) as run:
        assert run.summary()["rollouts"]["done"] == 2

def test_again(replay):
    assert replay.rollout(app, RUN).equal
"""
    run_test(project, body).assert_outcomes(passed=2)


def test_a_call_that_was_never_asked_fails_the_test_and_is_named(project: pytest.Pytester) -> None:
    body = """
def test_rollout(replay):
    model = replay(RUN)
    rollout(app(model, rounds=0), tasks(), verifier=exact, progress=False).close()
"""
    result = run_test(project, body)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*2 recorded calls were never asked*", "*task 'a', repeat 0: call 2 (refiner)*"]
    )


def test_a_divergence_fails_the_test_with_a_diff(project: pytest.Pytester) -> None:
    body = """
def test_rollout(replay):
    replay.rollout(lambda model: app(model.with_sampling(temperature=0.5)), RUN)
"""
    result = run_test(project, body)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*ReplayDivergence: task '?', repeat 0: node 'solver' asks*", "*temperature  1.0 * 0.5*"]
    )


def test_a_divergence_that_a_test_expects_is_no_failure(project: pytest.Pytester) -> None:
    body = """
from tutelage.errors import ReplayDivergence

def test_rollout(replay):
    model = replay(RUN).with_sampling(temperature=0.5)
    with pytest.raises(ReplayDivergence):
        rollout(app(model), tasks(), verifier=exact, progress=False)
"""
    run_test(project, body).assert_outcomes(passed=1)


def test_another_outcome_fails_the_test_with_a_table_or_is_looked_at(project: pytest.Pytester) -> None:
    body = """
class Strict:
    name = "exact"
    def answer(self, solution):
        return "always"
    def score(self, task, solution):
        return exact.score(task, solution)

def test_fails(replay):
    replay.rollout(app, RUN, verifier=Strict())

def test_looks(replay):
    changes = replay.rollout(app, RUN, verifier=Strict(), same=False).changes
    assert {(each.what, each.recorded, each.now) for each in changes} == {("answer", "x", "always")}
"""
    result = run_test(project, body)
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(
        ["*2 rollouts replayed, 2 ended otherwise*", "*'a', repeat 0: answer recorded 'x', now 'always'"]
    )


def test_a_test_may_go_on_live(project: pytest.Pytester) -> None:
    body = """
from tutelage.agents import scripted

def test_live(replay):
    live = scripted(lambda messages, sample: "answer: y")
    again = replay.rollout(lambda model: app(model.with_sampling(top_p=0.5)), RUN, live=live, same=False)
    assert again.live == (("a", 0), ("b", 0))
"""
    run_test(project, body).assert_outcomes(passed=1)


def test_synchronous_and_asynchronous_tests_start_anew_each_time(project: pytest.Pytester) -> None:
    body = """
PROMPT = 'Problem: What is b?\\n\\nSolve it step by step, one step a line. End with a line "answer: X".'

@pytest.mark.parametrize("number", [1, 2])
def test_outside_a_rollout(replay, number):
    assert replay(RUN).invoke(PROMPT).content == "answer: x"

@pytest.mark.asyncio
async def test_in_a_loop(replay):
    assert replay.rollout(app, RUN).equal
"""
    run_test(project, body).assert_outcomes(passed=3)


def test_a_run_that_is_not_there_is_one_sentence(project: pytest.Pytester) -> None:
    result = run_test(project, "def test_rollout(replay):\n    replay('tests/runs/none')")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*StoreError: no run is recorded in*"])


def test_a_fixture_of_that_name_of_the_users_own_stays_theirs(project: pytest.Pytester) -> None:
    body = """
@pytest.fixture
def replay():
    return 3

def test_own(replay):
    assert replay == 3
"""
    run_test(project, body).assert_outcomes(passed=1)


@pytest.mark.slow
def test_the_plugin_imports_nothing_before_a_test_asks_for_it() -> None:
    code = (
        "import sys, tutelage.testing.plugin; "
        "print([m for m in ('tutelage.agents', 'tutelage.graphs', 'langgraph', 'langchain_core') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.slow
def test_the_page_about_replay_holds_tests_that_pass(pytester: pytest.Pytester) -> None:
    """The page's console blocks and other Python are run by test_documentation.py."""
    page = (Path(__file__).parent.parent / "docs" / "replay.md").read_text("utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    tests = [block for block in blocks if "(replay" in block]
    others = [block for block in blocks if "(replay" not in block]
    assert tests
    pytester.makepyfile(test_page="\n".join([*others, *tests]))
    result = pytester.runpytest_inprocess(*OPTIONS)
    assert result.ret == 0
