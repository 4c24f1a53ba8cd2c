"""Passwords of credentials: made, and hashed (argon2id) before anything is stored."""

import os
import secrets
from base64 import b64decode
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import Argon2Error, InvalidHashError

from config.customers import Credential, Customer

_LETTERS = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""Without those that are mistaken for one another, and without what a shell or a TOML file would read otherwise."""
_LENGTH = 24


def generated() -> str:
    """A new password: 139 random bits."""
    return "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))


def hashed_beside(password: str, held: str) -> str:
    """The password's hash with the salt and parameters of another encoded argon2id hash.

    So one computation tells whether a password is the one or the other, and a credential with two takes no longer to
    refuse a wrong one than any other. Raises `argon2.exceptions.InvalidHashError` for a hash that is none.
    """
    parameters = extract_parameters(held)
    salt = held.split("$")[4]
    return PasswordHasher.from_parameters(parameters).hash(password, salt=b64decode(salt + "=" * (-len(salt) % 4)))


def hashed(
    customers: Sequence[Customer], known: Mapping[str, Sequence[str]], hasher: PasswordHasher
) -> tuple[Customer, ...]:
    """The customers with a hash in place of each plain password; `known` has stored ones by lower-cased username.

    A known hash that the password fits is kept, so that an unchanged file changes nothing; one made with weaker
    parameters than the hasher's is replaced, unless it is one of several: a password that a command has changed is
    known by them. Tens of milliseconds for each password, on all cores.
    """

    def one(credential: Credential) -> Credential:
        if credential.password is None:
            return credential
        stored = known.get((credential.username or "").lower(), ())
        fitting = (each for each in stored if _fits(hasher, each, credential.password or "", weak=len(stored) > 1))
        value = next(fitting, None) or hasher.hash(credential.password)
        return credential.model_copy(update={"password": None, "password_hash": value})

    # argon2 lets other threads run while it works.
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        done = [list(pool.map(one, customer.credentials)) for customer in customers]
    return tuple(
        customer.model_copy(update={"credentials": tuple(credentials)})
        for customer, credentials in zip(customers, done, strict=True)
    )


def _fits(hasher: PasswordHasher, stored: str, password: str, *, weak: bool) -> bool:
    try:
        hasher.verify(stored, password)
        return weak or not hasher.check_needs_rehash(stored)
    except (Argon2Error, InvalidHashError):
        return False
