"""Promises about the tree, kept as tests: the import line, pure rooms, one door per library, a test per source file."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LINE = ("config", "consent", "filters", "gateway")
PURE = (
    "filters/",
    "consent/address.py",
    "consent/model.py",
    "consent/standing.py",
    "consent/grounds.py",
    "consent/mailing.py",
    "consent/decide.py",
    "consent/refusals.py",
    "consent/unsubscribe_words.py",
    "consent/confirmation_words.py",
    "config/policy.py",
    "config/limits.py",
    "config/customers.py",
    "config/domain.py",
    "config/switch.py",
    "config/webhooks.py",
)
IMPURE = {"redis", "sqlalchemy", "asyncio", "socket", "os", "time", "random", "logging"}
DOORS = {
    "aiosmtpd": ("gateway/smtp/",),
    "redis": ("gateway/ledger/",),
    "hiredis": ("gateway/ledger/wire.py",),
    "sqlalchemy": ("consent/",),
    "alembic": ("consent/",),
    "pydantic": ("config/", "gateway/http/"),
    "pydantic_settings": ("config/",),
    "fastapi": ("gateway/http/",),
    "starlette": ("gateway/http/",),
    "uvicorn": ("gateway/http/",),
    "dkim": ("filters/signatures.py",),
    "publicsuffixlist": ("filters/signatures.py",),
    "email_validator": ("consent/address.py",),
    "cryptography": ("consent/keys.py", "consent/unsubscribe.py", "gateway/sign.py", "gateway/smtp/"),
    "argon2": ("consent/credentials.py", "consent/customers.py", "consent/passwords.py", "gateway/smtp/auth.py"),
    "OpenSSL": ("gateway/smtp/certificates.py",),
    "click": ("gateway/cli/",),
    "prometheus_client": ("gateway/metrics.py",),
    "ulid": ("gateway/transaction.py", "gateway/links.py"),
    "jinja2": ("consent/proof.py", "consent/unsubscribe_page.py"),
    "msgspec": ("consent/", "filters/model.py", "gateway/"),
    "psycopg": ("consent/",),
    "confusable_homoglyphs": ("filters/skeleton.py",),
    "lxml": ("filters/lines.py", "filters/page.py"),
    "tinycss2": ("filters/sheet.py", "filters/values.py"),
    "cssselect2": ("filters/sheet.py",),
    "dns": ("gateway/dns.py",),
    "httpx": ("gateway/posting.py",),
    "python_multipart": ("gateway/http/",),
}
SOURCES = sorted(path for room in LINE for path in (ROOT / room).rglob("*.py"))


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(path: Path) -> Iterator[str]:
    """Every module a file imports directly."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_a_package_imports_only_from_those_to_its_left(path: Path) -> None:
    allowed = LINE[: LINE.index(path.relative_to(ROOT).parts[0]) + 1]
    rooms = {module.partition(".")[0] for module in imports(path)}
    assert rooms & (set(LINE) | {"tests"}) <= set(allowed)


@pytest.mark.parametrize("path", [path for path in SOURCES if name(path).startswith(PURE)], ids=name)
def test_pure_rooms_do_no_io_and_read_no_clock(path: Path) -> None:
    assert not {module.partition(".")[0] for module in imports(path)} & IMPURE
    called = {ast.unparse(node.func) for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)}
    assert not {call for call in called if call.split(".")[-1] in ("now", "utcnow", "today") or call == "open"}


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_each_library_has_one_door(path: Path) -> None:
    for module in imports(path):
        doors = DOORS.get(module.partition(".")[0])
        assert doors is None or name(path).startswith(doors), f"{module} belongs to {doors}"


@pytest.mark.parametrize("path", [path for path in SOURCES if path.name != "__init__.py"], ids=name)
def test_each_source_file_has_its_test_file(path: Path) -> None:
    relative = path.relative_to(ROOT)
    if "migrations" in relative.parts:
        return  # run whole by tests/test_contracts.py, on both databases
    expected = ROOT / "tests" / relative.parent / f"test_{relative.name}"
    assert expected.exists(), f"write {expected.relative_to(ROOT)}"


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_public_functions_and_classes_are_documented(path: Path) -> None:
    missing = [
        node.name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
        and not _is_nested(node, path)
    ]
    assert not missing


def _is_nested(node: ast.AST, path: Path) -> bool:
    """Functions inside functions, and hooks of a base class or of a private one, speak through what encloses them."""
    for outer in ast.walk(ast.parse(path.read_text())):
        inner: list[ast.AST] = []
        if isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef):
            inner = [each for each in ast.walk(outer) if each is not outer]
        elif isinstance(outer, ast.ClassDef) and (outer.bases or outer.name.startswith("_")):
            inner = list(outer.body)
        if any(
            type(each) is type(node) and getattr(each, "lineno", 0) == getattr(node, "lineno", -1) for each in inner
        ):
            return True
    return False


@pytest.mark.parametrize("path", [*SOURCES, *sorted((ROOT / "tests").rglob("*.py"))], ids=name)
def test_files_stay_readable(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 480
