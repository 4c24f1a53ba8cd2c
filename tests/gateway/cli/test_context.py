"""What commands share: failing plainly, tables, the record of an operator's act."""

import errno
import json
from pathlib import Path

import click
import pytest

from config.files import ConfigError
from config.policy import Action
from config.settings import load_settings
from consent.database import RegistryDown
from consent.documents import DocumentError, UnknownDocument
from consent.keys import SecretsError
from gateway.audit.errors import JournalFull, JournalLocked
from gateway.audit.search import Query
from gateway.cli.context import (
    act_of,
    checked_customers,
    checked_policy,
    cli_journal,
    fail,
    own_journal,
    plainly,
    printable,
    record_action,
    record_all_done,
    show,
    show_one,
    utc_now,
    words,
)
from gateway.evidence import Evidence
from tests.gateway.cli.conftest import Installation, refused, run


@pytest.mark.parametrize(
    "error",
    [
        ConfigError("x"),
        SecretsError("x"),
        RegistryDown("x"),
        JournalFull("x"),
        JournalLocked("x"),
        OSError(errno.EACCES, "x", "f"),
    ],
)
def test_what_an_operator_can_put_wrong_ends_with_2(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended, plainly():
        raise error
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("postern: ")


def test_a_reader_that_has_gone_is_not_told() -> None:
    with pytest.raises(BrokenPipeError), plainly():
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")


def test_our_own_faults_are_not_hidden() -> None:
    with pytest.raises(RuntimeError), plainly():
        raise RuntimeError


def test_each_line_of_a_failure_bears_our_name(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        fail("one\ntwo", 2)
    assert ended.value.code == 2
    assert capsys.readouterr().err == "postern: one\npostern: two\n"


def test_a_cell_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    show([{"a": "\x1b[2Jx", "b": "1e5", "c": None}], False)
    assert capsys.readouterr().out.splitlines()[-1].split() == ["\\x1b[2Jx", "1e5"]
    assert printable("ä\udcff\n") == "ä\\udcff\\n"


def test_json_is_a_list(capsys: pytest.CaptureFixture[str]) -> None:
    show([{"a": 1}], True)
    assert json.loads(capsys.readouterr().out) == [{"a": 1}]
    show([], False)


def test_the_settings_file_is_postern_toml_unless_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    refused(run("customers", "list"), "postern.toml: no such file; name one with --config FILE")
    installation = Installation(tmp_path)
    installation.configure()
    assert run("customers", "list").exit_code == 0
    assert (tmp_path / "var/postern.db").exists()


def test_config_stands_before_or_behind_the_arguments(installation: Installation) -> None:
    for arguments in (("--config", installation.file, "acme"), ("acme", "--config", installation.file)):
        assert run("customers", "show", *arguments).exit_code == 0


def test_a_code_that_is_no_rules_is_named(installation: Installation) -> None:
    (installation.folder / "policy.toml").write_text('[actions]\nHDR-FORM = "observe"\n')
    installation.configure(policy_file="policy.toml")
    with pytest.raises(
        ConfigError, match=r"policy\.toml: actions\.HDR-FORM: unknown rule code; did you mean 'HDR-FROM'"
    ):
        checked_policy(load_settings(installation.file))
    file = installation.folder / "customers.toml"
    text = (
        '[[customers]]\nid = "acme"\nname = "Acme"\ndomains = ["acme.example"]\n[customers.actions]\n{} = "observe"\n'
    )
    file.write_text(text.format("ID-FORM"))
    with pytest.raises(ConfigError, match=r"customer acme: actions\.ID-FORM"):
        checked_customers(file)
    file.write_text(text.format("ID-FROM"))
    assert checked_customers(file)[0].actions == {"ID-FROM": Action.OBSERVE}


def test_a_profile_that_there_is_none_of_is_named(tmp_path: Path) -> None:
    file = tmp_path / "customers.toml"
    text = '[[customers]]\nid = "acme"\nname = "Acme"\ndomains = ["acme.example"]\nprofiles = ["eu", "{}"]\n'
    file.write_text(text.format("usa"))
    with pytest.raises(ConfigError, match=r"customer acme: profiles: no profile 'usa'; did you mean 'us'\?"):
        checked_customers(file)
    file.write_text(text.format("us"))
    assert checked_customers(file)[0].profiles == ("eu", "us")


def test_the_operator_s_profile_must_be_one(installation: Installation) -> None:
    installation.configure(operator={"profile": "usa"})
    with pytest.raises(ConfigError, match=r"operator\.profile: no profile 'usa'; did you mean 'us'\?"):
        checked_policy(load_settings(installation.file))


@pytest.mark.parametrize(("error", "status"), [(DocumentError("x"), 2), (UnknownDocument("x"), 1)])
def test_what_is_not_there_is_the_answer_no(error: Exception, status: int) -> None:
    with pytest.raises(SystemExit) as ended, plainly():
        raise error
    assert ended.value.code == status


def test_one_thing_is_shown_without_what_is_empty(capsys: pytest.CaptureFixture[str]) -> None:
    show_one({"a": "1\x1b[2J", "b": "", "c": None, "d": 0}, False)
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [["a", "1\\x1b[2J"], ["d", "0"]]
    show_one({"a": None}, True)
    assert json.loads(capsys.readouterr().out) == {"a": None}


def test_words_are_tidied_bounded_and_printable() -> None:
    assert words(9)("  two\n words ") == "two words"
    for text in ("ten letters", "a\x1bb"):
        with pytest.raises(click.BadParameter, match="printable text of at most 9 characters"):
            words(9)(text)


def test_commands_that_last_have_journals_of_their_own(installation: Installation) -> None:
    settings, stores = load_settings(installation.file), installation.stores()
    with own_journal(settings, stores), own_journal(settings, stores), cli_journal(settings, stores):
        record = sorted(path.name for path in (installation.folder / "var/audit").iterdir())
    assert record == ["cli", "import-1", "import-2"]
    with own_journal(settings, stores):
        pass
    assert not (installation.folder / "var/audit/import-3").exists()
    stores.close()


def test_many_acts_are_recorded_in_order_by_one_opening_of_the_audit(installation: Installation) -> None:
    settings, stores = load_settings(installation.file), installation.stores()
    record_all_done(settings, stores, [act_of(act="apply", customer=f"c{number}") for number in range(50)])
    record_all_done(settings, stores, [])
    evidence = Evidence(settings, stores, utc_now)
    found = evidence.search(Query(kind="action"))
    assert [each["customer"] for each in found] == [f"c{number}" for number in reversed(range(50))]
    assert len(list(evidence.search(Query(kind="start")))) == 1
    stores.database.close()


def test_an_act_is_recorded_with_who_did_it(installation: Installation) -> None:
    settings, stores = load_settings(installation.file), installation.stores()
    record_action(settings, stores, act="suspend", customer="acme", reason="phishing", details={"a": 1})
    (found,) = Evidence(settings, stores, utc_now).search(Query(kind="action"))
    assert (found["process"], found["act"], found["customer"], found["reason"]) == (
        "cli",
        "suspend",
        "acme",
        "phishing",
    )
    assert "@" in found["actor"]
    assert utc_now().tzinfo is not None
    stores.database.close()
