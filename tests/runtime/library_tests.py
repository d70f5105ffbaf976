"""The library's own tests, importable without pycryptodome.

Its test module imports the cipher of one package for tests that do not concern us; the library has the same class over
`cryptography`, which we do have.
"""

import sys

import eventsourcing.cryptography

sys.modules.setdefault("eventsourcing.cipher", eventsourcing.cryptography)

import eventsourcing.tests.persistence as persistence  # noqa: E402  # after the stand-in, or it cannot be imported

__all__ = ["persistence"]
