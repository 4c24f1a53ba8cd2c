"""Ratios are taken turn by turn, and stand beside their goals."""

from tests.bench.measure import Case, Run
from tests.bench.ratios import RATIO_TITLES, TITLES, ratio_rows, ratios, rows, shown

CASE = Case("personal", 2000, 20, 0, auth=True)


def run(relay: str, rate: float, cpu: float) -> Run:
    return Run(relay, 100, rate, cpu, 1, 2, 3, 0, 0, 0, "")


ROUNDS = [
    [run("postern", 900, 1.0), run("postern+dkim", 600, 1.6), run("postfix", 300, 0.5), run("haraka", 100, 3.2)],
    [run("postern", 300, 1.5), run("postern+dkim", 300, 1.5), run("postfix", 200, 0.5), run("haraka", 100, 3.0)],
    [run("postern", 800, 2.0), run("postern+dkim", 500, 1.5), run("postfix", 400, 0.5), run("haraka", 100, 3.0)],
]


def test_the_ratio_is_the_median_of_those_of_single_turns_and_only_of_pairs_that_ran() -> None:
    found = list(ratios(ROUNDS))
    assert [(each.ours, each.theirs) for each in found] == [("postern", "postfix"), ("postern+dkim", "haraka")]
    assert [each.rate for each in found] == [2, 5]
    assert [each.cpu for each in found] == [3, 0.5]


def test_each_pair_is_judged_by_its_goal() -> None:
    lines = list(ratio_rows(CASE, ROUNDS))
    assert [line[5:] for line in lines] == [
        ("postern / postfix", "2.00", "1.50-3.00", "3.00", "2.00-4.00", "3", "1.5", "floor"),
        ("postern+dkim / haraka", "5.00", "3.00-6.00", "0.50", "0.50-0.50", "6", "4", "floor"),
    ]
    one = Case("personal", 2000, 1, 0)
    assert [line[-3:] for line in ratio_rows(one, ROUNDS)] == [("", "", "")] * 2
    assert len(shown([RATIO_TITLES, *lines]).splitlines()) == 3


def test_the_table_says_who_authenticated() -> None:
    lines = list(rows(CASE, ROUNDS, frozenset(("postern", "postern+dkim"))))
    assert [line[4:7] for line in lines] == [
        ("yes", "postern", "800"), ("yes", "postern+dkim", "500"), ("no", "postfix", "300"), ("no", "haraka", "100"),
    ]  # fmt: skip
    assert all(len(line) == len(TITLES) for line in lines)
