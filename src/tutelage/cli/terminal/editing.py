"""A person's own editor for a text: `$VISUAL`, else `$EDITOR`, on a file that only its owner can read."""

import click

from tutelage.errors import UserError
from tutelage.valid_text import original_text, valid_text

__all__ = ["edit_text"]


def edit_text(text: str) -> str | None:
    """Let a person edit a text; `None` where it comes back as it was.

    The line feed that editors add at the end is taken away again where there was none.

    Raises:
        UserError: The editor cannot be started, or failed.
    """
    try:
        edited = click.edit(valid_text(text), extension=".md", require_save=False)
    except click.ClickException as error:
        raise UserError(f"{error.format_message()}; set $EDITOR to an editor") from error
    if edited is None:
        return None
    new = original_text(edited)
    if new.endswith("\n") and not text.endswith("\n"):
        new = new[:-1]
    return None if new == text else new
