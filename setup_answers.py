"""The answers for `python bot.py setup`: given as options or typed, each tried at its service at once."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from billing.errors import DiscordUnavailable, DuesError, ProviderError
from billing.model.translatable_text import Text, Verbatim
from config import SettingsError
from config_secrets import read_secret
from i18n import tr
from i18n.plain import plain_words

YES = "--yes"
FILES = {
    "--token-file": "DISCORD_TOKEN",
    "--stripe-key-file": "STRIPE_API_KEY",
    "--paypal-secret-file": "PAYPAL_CLIENT_SECRET",
    "--client-secret-file": "DISCORD_CLIENT_SECRET",
}
VALUES = {"--paypal-id": "PAYPAL_CLIENT_ID", "--public-url": "PUBLIC_URL"}
NONE = "-"  # typed to leave an answer out that the settings file has


class Terminal(Protocol):
    """Asks and informs the person at the terminal."""

    def ask(self, question: str, *, secret: bool) -> str:
        """Return the line that the person types; a secret is not shown.

        Raises EOFError if nobody can type.
        """

    def say(self, words: str) -> None:
        """Print a paragraph."""


class Screen:
    """The terminal in which this process runs."""

    def ask(self, question: str, *, secret: bool) -> str:
        """Return the line that the person types; a secret is not shown.

        Raises EOFError if nobody can type.
        """
        return getpass.getpass(f"{question} ") if secret else input(f"{question} ")

    def say(self, words: str) -> None:
        """Print a paragraph."""
        print(words, end="\n\n", flush=True)


def has_person() -> bool:
    """Return True if somebody can type answers."""
    return sys.stdin is not None and sys.stdin.isatty()


def read_options(arguments: Sequence[str]) -> dict[str, str] | None:
    """Parse the options to answers by setting name, and read the files that they name.

    Returns None if an option is unknown, repeated or without a value. Raises SettingsError if a file cannot
    be read. The option YES is returned under its own name.
    """
    answers, faults, left = {}, [], [part for one in arguments for part in one.split("=", 1)]
    while left:
        option = left.pop(0)
        setting = YES if option == YES else {**FILES, **VALUES}.get(option)
        if setting is None or setting in answers or (option != YES and not left):
            return None
        value: str | Text = option if option == YES else left.pop(0)
        if option in FILES:
            value = read_secret(option, Path(str(value)))
        if isinstance(value, Text):
            faults.append(value)
        answers[setting] = str(value).strip()
    if faults:
        raise SettingsError(faults)
    return answers


def text_of(error: DuesError) -> Text | str:
    """Return the text of an error for the owner, with more detail about the account than members see."""
    of_setup = isinstance(error.user_message, Text) and error.user_message.code.startswith("setup.")
    if isinstance(error, DiscordUnavailable):
        return Text("setup.discord_silent", error=Verbatim(str(error)))
    if not isinstance(error, ProviderError) or of_setup:
        return error.user_message
    if error.retry:
        return Text("setup.provider_silent", error=Verbatim(str(error)))
    return Text("setup.provider_refused", error=Verbatim(str(error)))


@dataclass(frozen=True)
class Field:
    """One line to type: the name of its setting, the code of its question, and whether it is secret.

    `enter`: the code of the text that says what Enter does while there is no current answer; empty if an
    answer is required.
    """

    setting: str
    question: str
    enter: str = ""
    secret: bool = True


class Interview:
    """Collects the answers.

    `given`: the answers given as options. `current`: the values in the settings file, which stay unless
    another answer is given. `terminal`: None if nobody can type.

    Without a terminal, `faults` collects the faults of all answers, and `may_pass` is True if one of them is
    that a service did not answer.
    """

    def __init__(
        self, given: Mapping[str, str], current: Mapping[str, str], terminal: Terminal | None
    ) -> None:
        self._given, self._current, self._terminal = dict(given), current, terminal
        self.faults: list[Text | str] = []
        self.may_pass = False

    def ask(
        self, *fields: Field, accept: Callable[[dict[str, str]], None], optional: bool = False
    ) -> dict[str, str]:
        """Return the answers to these fields, by setting; empty if they are optional and left out.

        `accept` raises DuesError or SettingsError if the answers are wrong. They are then asked for again, or
        without a terminal recorded in `faults`, and the result is empty.
        """
        while True:
            answers: dict[str, str] = {}
            for field in fields:
                left_out = optional and bool(answers) and not any(answers.values())
                answers[field.setting] = self._answer(field, left_out=left_out)
            if optional and not any(answers.values()):
                return {}
            try:
                accept(answers)
            except (DuesError, SettingsError) as error:
                if not self._may_ask_again(error):
                    return {}
            else:
                return answers

    def _answer(self, field: Field, *, left_out: bool) -> str:
        current = self._current.get(field.setting, "")
        given = self._given.pop(field.setting, None)
        if given is not None or self._terminal is None:
            return current if given is None else given
        if left_out:
            return ""
        keeps = tr("setup.keep_or_leave_out", none=NONE) if field.enter else tr("setup.keep")
        hint = keeps if current else tr(field.enter) if field.enter else ""
        question = "\n".join([*filter(None, (tr(field.question), hint)), ">"])
        typed = self._terminal.ask(question, secret=field.secret).strip()
        return "" if typed == NONE else typed or current

    def _may_ask_again(self, error: DuesError | SettingsError) -> bool:
        faults = error.faults if isinstance(error, SettingsError) else [text_of(error)]
        if self._terminal is None:
            self.faults += faults
            self.may_pass |= isinstance(error, DuesError) and error.retry
            return False
        for fault in faults:
            self._terminal.say(plain_words(fault))
        return True
