"""Slow start: how many recipients a new cluster may reach, as a function of its age. Pure."""

_HOUR = 3600.0
_MOST_DOUBLINGS = 24


def allowance(start: int, age: float) -> int:
    """Recipients that a cluster may reach within ten minutes, `age` seconds after it was founded.

    `start` of them in the first hour, and twice as many in each further one (design, section 5: "growing by the hour"):
    with 20, a campaign of 10,000 is through in seven hours. 0 puts no bound, here as in customers.toml, and comes back.
    """
    return start << min(_MOST_DOUBLINGS, max(0, int(age // _HOUR)))
