"""Acting on the registry of consents from a command: who acts, into which journal, and what is only asked."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from config.settings import Settings
from gateway.audit.errors import JournalClosed
from gateway.cli.context import actor, cli_journal, fail, utc_now
from gateway.consents import By, ConsentRefused, Consents, Unrecorded
from gateway.stores import Stores


class _NoJournal:
    """For questions: nothing is recorded, and what would be is refused."""

    def append_blocking(self, record: object) -> NoReturn:
        """Refuse it."""
        raise JournalClosed("only a question was asked")

    def note(self, record: object) -> NoReturn:
        """Refuse it."""
        raise JournalClosed("only a question was asked")


def asking(settings: Settings, stores: Stores) -> Consents:
    """The registry of consents, for questions: it takes no lock that another command waits for."""
    return Consents(stores, _NoJournal(), utc_now, operator_profile=settings.operator.profile)


@contextmanager
def acting(settings: Settings, stores: Stores) -> Iterator[tuple[Consents, By]]:
    """The registry of consents joined to the journal `cli`, and whoever gave this command, as the operator.

    What is refused ends the command with status 2, and so does what is done and could not be recorded.
    """
    with cli_journal(settings, stores) as journal:
        try:
            consents = Consents(stores, journal, utc_now, operator_profile=settings.operator.profile)
            yield consents, By(actor(), operator=True, origin="cli")
        except ConsentRefused as error:
            fail(str(error), 2)
        except Unrecorded as error:
            fail(f"done, but the audit could not record it: {error}", 2)
