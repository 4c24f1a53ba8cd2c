"""Customers are looked up while the registry's changes come in from another thread: nobody vanishes meanwhile."""

import sys
import threading
from datetime import UTC, datetime

from config.customers import Customer, Standing
from config.policy import Policy
from consent.customers import StoredCustomer
from gateway.directory import Directory


def test_a_customer_is_found_at_every_instant_of_an_update() -> None:
    networks = [f"10.{i}.{j}.0/24" for i in range(4) for j in range(250)]
    customer = Customer.model_validate(
        {
            "id": "acme", "name": "Acme", "domains": ["acme.example"],
            "credentials": [{"networks": networks}, {"username": "app", "password": "a right password"}],
        }
    )  # fmt: skip
    stored = StoredCustomer(customer, Standing())
    directory = Directory(Policy())
    directory.update([stored])
    ended = threading.Event()

    def follow() -> None:
        for _ in range(15):
            directory.update([stored])
        ended.set()

    interval = sys.getswitchinterval()
    sys.setswitchinterval(0.0005)
    lost = looked = 0
    thread = threading.Thread(target=follow)
    try:
        thread.start()
        while not ended.is_set():
            looked += 1
            try:
                lost += directory.by_username("app") is None or directory.by_address("10.3.249.7") is None
            except KeyError:
                lost += 1
    finally:
        thread.join()
        sys.setswitchinterval(interval)
    # Lost is 530 5.7.0 or 535 5.7.8 for a customer that did nothing wrong: its server bounces the message.
    assert lost == 0, f"{lost} of {looked}"


_ = UTC, datetime
