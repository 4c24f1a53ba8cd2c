"""The operator's secrets: the file, address keys, sealing."""

import hmac
import multiprocessing
import os
import stat
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.address import Address
from consent.imports.row import DomainName, Hashed, Subject
from consent.keys import Secrets, SecretsError, SubjectKey, Unsealable, key_octets, key_text
from tests.rig import registry

LOCAL = st.from_regex(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]{1,20}", fullmatch=True)


@pytest.fixture
def secrets(tmp_path: Path) -> Secrets:
    return registry.secrets(tmp_path)


def test_the_file_is_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "secrets.toml"
    first = Secrets.load_or_create(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Secrets.load_or_create(path) == first
    assert [each.name for each in path.parent.iterdir()] == ["secrets.toml"]
    assert first.fingerprint != Secrets.load_or_create(tmp_path / "other.toml").fingerprint


def _fingerprint(path: Path) -> str:
    return Secrets.load_or_create(path).fingerprint


def test_processes_that_make_it_at_once_get_the_same_secrets(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        found = pool.map(_fingerprint, [tmp_path / "secrets.toml"] * 12, chunksize=1)
        pool.close()
        pool.join()
    assert len(set(found)) == 1
    assert [each.name for each in tmp_path.iterdir()] == ["secrets.toml"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_file_that_others_can_read_is_refused_with_the_command_that_helps(tmp_path: Path, mode: int) -> None:
    path = registry.secrets(tmp_path).path
    path.chmod(mode)
    with pytest.raises(SecretsError, match=f"run: chmod 600 {path}"):
        Secrets.load_or_create(path)


@pytest.mark.parametrize(
    ("line", "instead", "message"),
    [
        ("version", "version = 2", "version: must be 1"),
        ("version", "", "version: must be 1"),
        ("audit_key", "", "audit_key: must be 32 octets in base64"),
        ("audit_key", 'audit_key = "AAAA"', "audit_key: must be 32 octets in base64"),
        ("audit_key", "audit_key = 7", "audit_key: must be 32 octets in base64"),
        ("wrapping_key", 'wrapping_key = "not base64!"', "wrapping_key: must be 32 octets in base64"),
        ("address_key", "address_key = ", "not valid TOML"),
        ("version", "version = 1\nother_key = 1", "other_key: unknown key"),
    ],
)
def test_a_broken_file_is_named_with_its_key(tmp_path: Path, line: str, instead: str, message: str) -> None:
    path = registry.secrets(tmp_path).path
    lines = path.read_text().splitlines()
    path.write_text("\n".join(instead if each.startswith(line + " =") else each for each in lines))
    with pytest.raises(SecretsError, match=message) as caught:
        Secrets.load_or_create(path)
    assert str(caught.value).startswith(str(path))
    secret = [each.split('"')[1] for each in lines if '"' in each]
    assert not any(each in str(caught.value) for each in secret)


def test_one_key_twice_is_refused(tmp_path: Path) -> None:
    path = registry.secrets(tmp_path).path
    lines = path.read_text().splitlines()
    value = next(each for each in lines if each.startswith("audit_key")).partition(" = ")[2]
    path.write_text("\n".join(f"address_key = {value}" if each.startswith("address_key") else each for each in lines))
    with pytest.raises(SecretsError, match="two keys are the same"):
        Secrets.load_or_create(path)


def test_a_file_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SecretsError, match=r"file/secrets\.toml: cannot be read or made"):
        Secrets.load_or_create(tmp_path / "file" / "secrets.toml")


def test_nothing_printed_shows_a_secret(secrets: Secrets) -> None:
    subject = SubjectKey.new("1:x")
    for secret in (secrets.address_secret, secrets.wrapping_secret, secrets.mac_key, subject.secret):
        for shown in (repr(secrets), repr(subject), secrets.fingerprint):
            assert secret.hex() not in shown
            assert repr(secret) not in shown


def test_a_fingerprint_names_its_secrets_only(secrets: Secrets, tmp_path: Path) -> None:
    assert secrets.matches(secrets.fingerprint)
    assert not secrets.matches(secrets.fingerprint[:-1] + "x")
    assert not secrets.matches("")
    assert len(secrets.fingerprint) == 32


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Secrets:
    return registry.secrets(tmp_path_factory.mktemp("secrets"))


@given(LOCAL, LOCAL)
def test_address_keys_are_equal_just_when_the_canonical_forms_are(shared: Secrets, one: str, two: str) -> None:
    ann, loud, other = (Address.parse(f"{local}@acme.example") for local in (one, one.upper(), two))
    assert shared.address_key(ann) == shared.address_key(loud)
    assert (shared.address_key(ann) == shared.address_key(other)) == (ann.canonical == other.canonical)


def test_an_address_key_has_its_version_and_shows_no_address(secrets: Secrets, tmp_path: Path) -> None:
    address = Address.parse("Ann@Bücher.example")
    key = secrets.address_key(address)
    assert key.startswith("1:")
    assert len(key) == 45
    assert key == secrets.address_key(Address.parse("ann@xn--bcher-kva.example"))
    assert key != Secrets.load_or_create(tmp_path / "other.toml").address_key(address)


@given(st.text(st.characters(), max_size=300))
def test_what_is_sealed_opens_again(text: str) -> None:
    subject = SubjectKey.new("1:subject")
    assert subject.open(subject.seal(text)) == text


@given(st.text(max_size=80))
def test_no_other_text_opens(text: str) -> None:
    with pytest.raises(Unsealable):
        SubjectKey.new("1:subject").open(text)


def test_a_sealed_text_is_bound_to_its_key_and_its_subject() -> None:
    subject = SubjectKey.new("1:ann")
    sealed = subject.seal("ann@acme.example")
    assert sealed != subject.seal("ann@acme.example")
    for other in (SubjectKey.new("1:ann"), SubjectKey("1:bob", subject.secret)):
        with pytest.raises(Unsealable):
            other.open(sealed)
    changed = sealed[:20] + ("A" if sealed[20] != "A" else "B") + sealed[21:]
    for wrong in (changed, sealed[:-4], "2:" + sealed[2:], sealed[2:]):
        with pytest.raises(Unsealable):
            subject.open(wrong)


def test_a_wrapped_key_is_bound_to_its_subject_and_these_secrets(secrets: Secrets, tmp_path: Path) -> None:
    subject = SubjectKey.new("1:ann")
    wrapped = secrets.wrap("1:ann", subject.secret)
    assert len(wrapped) == 60
    assert subject.secret not in wrapped
    assert secrets.unwrap("1:ann", wrapped) == subject
    for name, keys in (("1:bob", secrets), ("1:ann", Secrets.load_or_create(tmp_path / "other.toml"))):
        with pytest.raises(Unsealable):
            keys.unwrap(name, wrapped)
    for damaged in (b"", wrapped[:-1], os.urandom(60)):
        with pytest.raises(Unsealable):
            secrets.unwrap("1:ann", damaged)


# -- the registry of consents


def test_a_subject_s_octets_are_those_of_its_address_key(secrets: Secrets) -> None:
    address = Address.parse("Ann@Acme.example")
    octets = secrets.subject_octets(address)
    assert len(octets) == 33
    assert key_text(octets) == secrets.address_key(address)
    assert key_octets(secrets.address_key(address)) == octets
    expected = hmac.digest(secrets.address_secret, b"ann@acme.example", "sha256")
    assert octets == b"\x01" + expected


def test_subjects_of_other_kinds_have_keys_of_their_own(secrets: Secrets, tmp_path: Path) -> None:
    subjects: list[Subject] = [
        Address.parse("a@acme.example"),
        DomainName("acme.example"),
        Hashed("md5", "0" * 32),
        Hashed("sha1", "0" * 32),
    ]
    assert len({secrets.subject_octets(subject) for subject in subjects}) == 4
    expected = hmac.digest(secrets.address_secret, b"@acme.example", "sha256")
    assert secrets.subject_octets(subjects[1]) == b"\x01" + expected
    other = Secrets.load_or_create(tmp_path / "other.toml")
    assert not {secrets.subject_octets(each) for each in subjects} & {other.subject_octets(each) for each in subjects}


@given(st.binary(min_size=32, max_size=32))
def test_octets_and_text_of_a_key_are_one(octets: bytes) -> None:
    assert key_octets(key_text(b"\x01" + octets)) == b"\x01" + octets


@given(st.text(max_size=60) | st.from_regex(r"1:[A-Za-z0-9_=+/-]{40,46}", fullmatch=True))
def test_only_a_key_s_own_text_is_taken(text: str) -> None:
    try:
        octets = key_octets(text)
    except ValueError:
        return
    assert key_text(octets) == text
    assert len(octets) == 33


def test_personal_keys_follow_from_customer_subject_and_salt(secrets: Secrets) -> None:
    keys, subject = secrets.personal_keys, b"\x01" + bytes(32)
    fields = {"ip": "192.0.2.7"}
    first = keys.of("acme", subject, bytes(16))
    others = [
        keys.of("acm", subject, bytes(16)),
        keys.of("acme", subject, b"1" * 16),
        keys.of("acme", bytes(33), bytes(16)),
    ]
    assert first.commitments(fields) == keys.of("acme", subject, bytes(16)).commitments(fields)
    assert all(other.commitments(fields) != first.commitments(fields) for other in others)
    sealed = first.seal(b"{}")
    assert sealed != first.seal(b"{}")
    assert first.open(sealed) == b"{}"
    for other in others:
        with pytest.raises(Unsealable):
            other.open(sealed)


def test_a_commitment_fixes_name_and_value_apart(secrets: Secrets) -> None:
    key = secrets.personal_keys.of("acme", bytes(33), bytes(16))
    made = key.commitments({"ip": "xy", "ipx": "y", "": "ipxy"})
    assert len(set(made.values())) == 3
    assert all(
        len(each) == 16 and set(each) <= {*string.ascii_letters, *string.digits, "-", "_"} for each in made.values()
    )


def test_keys_of_the_registry_are_derived_and_shown_nowhere(secrets: Secrets) -> None:
    assert len(secrets.chain_key) == len(secrets.trace_key) == 32
    assert secrets.trace_key not in (secrets.mac_key, secrets.chain_key)
    of_webhooks = [secrets.webhook_secret("acme", 1), secrets.webhook_secret("acme", 2), secrets.webhook_secret("b", 1)]
    assert len({*of_webhooks, secrets.mac_key, secrets.chain_key, secrets.trace_key}) == 6
    assert {len(each) for each in of_webhooks} == {32}
    assert secrets.chain_key not in (secrets.mac_key, secrets.personal_keys.secret)
    shown = repr(secrets) + repr(secrets.personal_keys)
    for key in (secrets.chain_key, secrets.trace_key, secrets.personal_keys.secret):
        assert repr(key) not in shown


def test_unsubscribe_keys_differ_by_year_and_by_secrets(tmp_path: Path) -> None:
    one, other = (Secrets.load_or_create(tmp_path / name) for name in ("one.toml", "other.toml"))
    found = [each.unsubscribe_key(number) for each in (one, other) for number in range(3)]
    assert len(set(found)) == 6
    assert {len(key) for key in found} == {64}
