"""The command `postern`. Each subcommand lives in its own module and is imported only when it is called."""

from importlib import import_module

import click

_COMMANDS = {
    "serve": "Run the gateway.",
    "check": "Explain the verdict on an .eml file without sending it.",
    "rules": "Show every rule: code, clause, action, meaning.",
    "customers": "Apply, list, show, suspend and resume customers.",
    "credentials": "List, create, lock, unlock, rotate and remove credentials.",
    "exempt": "Let a rule only observe one customer for a while.",
    "domains": "Add, list, check and remove domains, by proof in the DNS or by your word.",
    "limits": "Show what is used and left of a customer's sending limits.",
    "clusters": "List clusters of near-identical mail; say what they are.",
    "dkim": "Make, show, rotate and remove the keys that customers' mail is signed with.",
    "parties": "Show and add the parties a customer sends for.",
    "lists": "Show and describe lists; lower the grade a complaint raised.",
    "notices": "Keep and show the wordings people were shown.",
    "consent": "Import, show, withdraw, export, prove, erase and verify consents.",
    "unsubscribe": "Make the links by which recipients leave.",
    "relationships": "Record, show and end relationships with recipients.",
    "webhooks": "See what customers are told, try it again, test a webhook.",
    "token": "Create, list and revoke API tokens.",
    "audit": "Search, explain and verify the audit.",
    "sink": "Run a sandbox next hop that keeps mail in files.",
    "demo": "Run a gateway with a sandbox next hop and send it a demonstration set.",
}


class _Lazy(click.Group):
    """A group whose commands are imported when they are called, so that `postern --help` is quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = import_module(f"gateway.cli.{cmd_name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="postern", prog_name="postern")
def main() -> None:
    """Postern: an outbound mail compliance gateway.

    Customers' mail servers use it as their smarthost; it checks every message against the acceptable-use policy,
    forwards what is clean, refuses the rest with an exact reply, and keeps a record of each decision.

    Exit status: 0 done, 1 the answer is no, 2 wrong use or configuration.

    \b
    See it work:        postern demo
    A first set-up:     postern customers apply customers.toml && postern serve
    """
