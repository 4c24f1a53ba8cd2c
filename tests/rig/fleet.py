"""A fleet: several gateways on one PostgreSQL and one Redis Cluster, behind one HAProxy that speaks PROXY to them."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from consent.keys import Secrets
from tests.rig import postgres, redis
from tests.rig.haproxy import Haproxy
from tests.rig.postern import Postern
from tests.rig.processes import free_port

DURABLE = {"fsync": "on", "max_connections": "200", "shared_buffers": "128MB"}
"""PostgreSQL as one runs it, not as tests do."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """Nodes of one process each, and what they share."""

    nodes: Sequence[Postern]
    fronts: Mapping[int, int]
    """How many of the nodes, the first of them, are behind it -> port of the balancer."""
    balancer: Haproxy
    counters: redis.Cluster
    registry: postgres.Postgres
    secrets: Secrets
    """All nodes have the same."""

    def shared(self) -> dict[str, list[int]]:
        """The roots of the process trees of what the nodes share."""
        return {
            "Redis": [server.pid for server in self.counters.servers],
            "HAProxy": [self.balancer.pid],
            "PostgreSQL": [self.registry.pid],
        }


@contextmanager
def running(
    folder: Path,
    sizes: Sequence[int],
    next_hops: Mapping[str, int],
    customers: Sequence[Mapping[str, Any]],
    files: Sequence[tuple[str, str, str]] = (),
) -> Iterator[Fleet]:
    """As many nodes as the largest of `sizes`, ready, and the balancer with a port for each size.

    `next_hops` are names and ports; `files` are consents in the generic format: customer, list, text.
    """
    with ExitStack() as stack:
        registry = stack.enter_context(postgres.running(DURABLE))
        url = stack.enter_context(registry.database())
        counters = stack.enter_context(redis.running_cluster())
        count = max(sizes)
        settings = {
            "next_hops": [
                {"name": name, "addresses": [f"127.0.0.1:{port}"], "share": 1.0} for name, port in next_hops.items()
            ],
            "registry": {"url": url},
            "ledger": {"url": counters.url, "nodes": count},
        }
        nodes = list[Postern]()
        for number in range(count):
            node = Postern(
                folder / f"gw{number + 1}",
                0,
                customers=() if nodes else customers,
                settings=settings,
                listener={"proxy_from": ["127.0.0.1"]},
            ).prepare()
            if nodes:
                (node.folder / "var").mkdir()
                shutil.copy(nodes[0].folder / "var" / "secrets.toml", node.folder / "var" / "secrets.toml")
            nodes.append(node)
        for customer, name, text in files:
            (nodes[0].folder / "consents.csv").write_text(text)
            nodes[0].command("consent", "import", "consents.csv", "--customer", customer, "--list", name)
        for node in nodes:
            stack.enter_context(node)
        for node in nodes:
            node.wait_ready()
        fronts = {size: free_port() for size in sizes}
        balancer = Haproxy(folder, {port: [node.port for node in nodes[:size]] for size, port in fronts.items()})
        stack.enter_context(balancer.up())
        secrets = Secrets.load_or_create(nodes[0].folder / "var" / "secrets.toml")
        yield Fleet(nodes, fronts, balancer, counters, registry, secrets)
