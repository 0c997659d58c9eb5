import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st

from tutelage.graphs.console import Reply, Span
from tutelage.graphs.console.reply import said
from tutelage.graphs.console.styled import block, brief, line, text_of

hostile = st.text(st.characters(categories=["Cc", "Cf", "Cs", "Zl", "Zp"]) | st.characters(), max_size=80)


@given(hostile)
@settings(deadline=None, max_examples=200)
def test_no_span_holds_what_a_terminal_obeys(text: str) -> None:
    for shown in (Span(text), *line(text), *(span for each in block(text) for span in each)):
        assert not any(unicodedata.category(each) in ("Cc", "Cs", "Zl", "Zp") for each in shown.text)


@given(hostile)
@settings(deadline=None, max_examples=100)
def test_a_reply_comes_back_from_json_as_it_was(text: str) -> None:
    reply = Reply((line(text, Span(text, "bad")),), {"a": 1}, refused=True)
    assert Reply.from_json(reply.to_json()) == reply


def test_a_reply_from_elsewhere_is_made_harmless() -> None:
    forged = {"lines": [[["\x1b[2Jgone", "good"]]], "data": None, "refused": False, "ended": False}
    assert Reply.from_json(forged).text == "⟨U+001B⟩[2Jgone"


def test_foreign_lines_are_indented_so_that_none_looks_like_the_consoles_own() -> None:
    assert [text_of(each) for each in block("> before solver\nok")] == ["  > before solver", "  ok"]


def test_long_values_are_cut_and_others_whole() -> None:
    assert brief("a" * 100, 10) == "'aaaaaaaa…"
    assert brief({"b": [1, None, True]}) == "{'b': [1, None, True]}"


def test_joined_replies_keep_the_later_data_and_every_line() -> None:
    joined = said("a", data=1) + said("b") + Reply(refused=True)
    assert (joined.text, joined.data, joined.refused, joined.ended) == ("a\nb", 1, True, False)
