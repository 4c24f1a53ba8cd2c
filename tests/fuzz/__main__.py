"""`make fuzz`: coverage-guided fuzz of the command stream and of data, in memory, by libFuzzer through atheris.

    python -m tests.fuzz [--seconds N] [--corpus FOLDER]       fuzz; a finding stops it and is written as crash-*
    python -m tests.fuzz --report [--corpus FOLDER]            line coverage of gateway/smtp by a corpus alone

The corpus grows in FOLDER (build/fuzz), which begins with tests/fuzz/corpus; counts go to FOLDER.json every
thousand sessions. A finding is mended, and becomes a test in tests/regress/.
"""

import argparse
import json
import sys
import time
from pathlib import Path

SEEDS = Path(__file__).parent / "corpus"
BUILD = Path(__file__).resolve().parents[2] / "build" / "fuzz"


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="fuzz", description="Fuzz of the SMTP edge.")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--corpus", type=Path, default=BUILD)
    parser.add_argument("--report", action="store_true", help="replay the corpus under coverage instead")
    return parser.parse_args()


def fuzz(seconds: int, corpus: Path) -> None:
    """Fuzz; ends the process."""
    import atheris

    # Only what takes octets apart is worth being guided by; it must not have been imported before.
    with atheris.instrument_imports(
        include=[
            "gateway.smtp",
            "gateway.transaction",
            "gateway.pipeline",
            "gateway.transform",
            "filters",
            "consent.address",
        ]
    ):
        from tests.fuzz.harness import Harness

    harness, begun = Harness().__enter__(), time.monotonic()
    counts = corpus.with_suffix(".json")
    # Of earlier runs on the same corpus.
    before = json.loads(counts.read_text()) if counts.exists() else {}

    def one_input(data: bytes) -> None:
        harness.play(data)
        if harness.sessions % 1000 == 0:
            now = {
                "sessions": harness.sessions,
                "reached_data": harness.reached_data,
                "accepted": harness.accepted,
                "seconds": round(time.monotonic() - begun),
            }
            counts.write_text(json.dumps({name: before.get(name, 0) + value for name, value in now.items()}) + "\n")

    corpus.mkdir(parents=True, exist_ok=True)
    arguments = [
        *(f"-max_total_time={seconds}", "-max_len=3000", "-len_control=20", "-timeout=20", "-rss_limit_mb=2048"),
        *(f"-dict={SEEDS.parent / 'smtp.dict'}", f"-artifact_prefix={corpus.parent}/", "-print_final_stats=1"),
        *(str(corpus), str(SEEDS)),
    ]
    atheris.Setup([sys.argv[0], *arguments], one_input)
    atheris.Fuzz()


def report(corpus: Path) -> None:
    """Play the corpus once, under coverage, and print what it covers."""
    import coverage

    measured = coverage.Coverage(source=["gateway.smtp"], data_file=None, config_file=False)
    measured.start()
    from tests.fuzz.harness import Harness

    with Harness() as harness:
        for folder in (SEEDS, corpus):
            for path in sorted(folder.glob("*")):
                harness.play(path.read_bytes())
    measured.stop()
    print(f"{harness.sessions} inputs, {harness.reached_data} reached DATA, {harness.accepted} messages accepted")
    measured.report(show_missing=True)


if __name__ == "__main__":
    chosen = options()
    if chosen.report:
        report(chosen.corpus)
    else:
        fuzz(chosen.seconds, chosen.corpus)
