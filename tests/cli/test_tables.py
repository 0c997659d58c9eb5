from tutelage.cli.tables import Column, cut, table, width_of

COLUMNS = (
    Column("name", cuttable=True),
    Column("count", right=True),
    Column("text", cuttable=True, widest=40),
)
ROWS = [["a" * 30, "1", "b" * 100], ["ä", "1,000", "漢字" * 4]]


def plain(lines: list[str]) -> list[str]:
    return [line.replace("\x1b[1m", "").replace("\x1b[0m", "") for line in lines]


def test_a_table_without_a_terminal_has_its_full_width() -> None:
    header, first, second = plain(list(table(COLUMNS, ROWS, None)))
    assert header.split() == ["name", "count", "text"]
    assert first.startswith("a" * 30 + "      1  bbb")
    assert len(first) == 30 + 2 + 5 + 2 + 40
    assert second.index("1,000") == 32


def test_a_table_fits_its_terminal() -> None:
    for width in range(29, 90):
        lines = plain(list(table(COLUMNS, ROWS, width)))
        assert len(lines) == 3
        assert max(map(width_of, lines)) <= width


def test_a_narrow_terminal_gets_a_line_for_each_cell() -> None:
    lines = plain(list(table(COLUMNS, ROWS, 20)))
    assert lines[:2] == [f"name   {'a' * 30}", "count  1"]
    assert "" in lines


def test_a_table_without_rows_has_no_header() -> None:
    assert list(table(COLUMNS, [], 80)) == []


def test_a_long_table_begins_before_its_rows_end() -> None:
    def endless() -> object:
        while True:
            yield ["x", "1", "y"]

    lines = table(COLUMNS, endless(), 80)  # type: ignore[arg-type]
    assert next(lines)
    assert next(lines)


def test_cells_stay_on_their_line_and_are_harmless() -> None:
    *_, line = table(COLUMNS, [["a\nb", "\x1b[2J", "c"]], None)
    assert line.startswith("a↵b   ⟨U+001B⟩[2J  c")


def test_cutting_counts_what_a_terminal_shows() -> None:
    assert cut("漢字漢字", 5) == "漢字…"
    assert cut("abcdefghij", 7, middle=True) == "abcd…ij"
    assert cut("e\u0301" * 3, 3) == "e\u0301" * 3
