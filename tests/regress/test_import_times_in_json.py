"""`consent import --json` told `created` and `finished` as microseconds."""

from consent.import_jobs import Job, Order


def test_times_of_an_import_are_told_as_iso_8601() -> None:
    job = Job(id="i", order=Order(customer="acme", list="newsletter"), status="running", created=5_000_000)
    assert job.result()["created"] == "1970-01-01T00:00:05+00:00"
    assert job.result()["finished"] is None
