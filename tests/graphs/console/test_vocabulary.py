import pytest

from tutelage.errors import UserError
from tutelage.graphs.console.aliases import expanded
from tutelage.graphs.console.command import GROUPS
from tutelage.graphs.console.commands import COMMANDS
from tutelage.graphs.console.vocabulary import Vocabulary

vocabulary = Vocabulary(COMMANDS)

HABITS = {
    "h": "help",
    "s": "step",
    "n": "next",
    "c": "continue",
    "r": "return",
    "unt": "until",
    "u": "up",
    "d": "down",
    "w": "where",
    "l": "list",
    "p": "p",
    "pp": "pp",
    "a": "args",
    "b": "break",
    "cl": "clear",
    "j": "jump",
    "q": "quit",
}


@pytest.mark.parametrize(("typed", "name"), HABITS.items())
def test_the_letters_of_pdb_do_what_they_do_there(typed: str, name: str) -> None:
    assert name in vocabulary.find(typed).names


def test_every_beginning_of_a_name_that_fits_one_command_finds_it() -> None:
    for command in COMMANDS:
        for length in range(1, len(command.name)):
            try:
                found = vocabulary.find(command.name[:length])
            except UserError as error:
                assert "may be" in str(error)
            else:
                assert found is command or command.name[:length] in found.names


def test_an_ambiguous_beginning_names_all_that_it_may_be() -> None:
    with pytest.raises(UserError, match=r"'re' may be .*rename.*resample"):
        vocabulary.find("re")


@pytest.mark.parametrize(
    ("typed", "near"), [("brake", "break"), ("swich", "switch"), ("contniue", "continue")]
)
def test_an_unknown_command_names_the_nearest(typed: str, near: str) -> None:
    with pytest.raises(UserError, match=f"unknown command '{typed}'; did you mean '{near}'"):
        vocabulary.find(typed)


def test_what_is_near_to_nothing_points_to_help() -> None:
    with pytest.raises(UserError, match="type help"):
        vocabulary.find("xyzzyx")


def test_every_command_has_help_a_group_and_a_short_summary() -> None:
    for command in COMMANDS:
        assert command.about and command.about[0].isupper()
        assert command.group in GROUPS
        assert len(command.summary) < 120, command.name


def test_aliases_fill_in_words() -> None:
    aliases = {"wrong": "b after %1, verdict == '%2'", "go": "c", "all": "p %*"}
    assert expanded(aliases, "wrong reviewer none") == "b after reviewer, verdict == 'none'"
    assert expanded(aliases, "go now") == "c now"
    assert expanded(aliases, "all a b") == "p a b"
    assert expanded(aliases, "step") == "step"


@pytest.mark.parametrize(
    ("aliases", "text", "why"),
    [({"a": "b", "b": "a"}, "a", "ring"), ({"a": "p %2"}, "a x", "needs a word for %2")],
)
def test_aliases_that_cannot_be_resolved_are_one_sentence(
    aliases: dict[str, str], text: str, why: str
) -> None:
    with pytest.raises(UserError, match=why):
        expanded(aliases, text)
