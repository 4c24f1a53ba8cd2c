"""Passwords of credentials: hashed (argon2id) before anything is stored."""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from config.customers import Credential, Customer


def hashed(customers: Sequence[Customer], known: Mapping[str, str], hasher: PasswordHasher) -> tuple[Customer, ...]:
    """The customers with a hash in place of each plain password; `known` has stored ones by lower-cased username.

    A known hash that the password fits is kept, so that an unchanged file changes nothing; one made with weaker
    parameters than the hasher's is replaced. Tens of milliseconds for each password, on all cores.
    """

    def one(credential: Credential) -> Credential:
        if credential.password is None:
            return credential
        stored = known.get((credential.username or "").lower())
        value = stored if stored and _fits(hasher, stored, credential.password) else hasher.hash(credential.password)
        return credential.model_copy(update={"password": None, "password_hash": value})

    # argon2 lets other threads run while it works.
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        done = [list(pool.map(one, customer.credentials)) for customer in customers]
    return tuple(
        customer.model_copy(update={"credentials": tuple(credentials)})
        for customer, credentials in zip(customers, done, strict=True)
    )


def _fits(hasher: PasswordHasher, stored: str, password: str) -> bool:
    try:
        hasher.verify(stored, password)
        return not hasher.check_needs_rehash(stored)
    except (Argon2Error, InvalidHashError):
        return False
