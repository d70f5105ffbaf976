"""disclosure: what it costs that a look at a learner is written down before the answer leaves, through the WSGI app."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Final

import msgspec
from flask import Flask
from psycopg_pool import ConnectionPool

from api.app import create_app
from bench.place import Place
from bench.report import Figure, median
from projections.projector import Projector
from projections.records.disclosures import Disclosure, DisclosureLog
from runtime.demo import load_demo
from runtime.settings import read_settings
from runtime.tokens import development_issuer
from runtime.wiring import Forsa, api_parts, compose

TURNS: Final = 600


class Unwritten(DisclosureLog):
    """Where a release without a disclosure log would write."""

    def __init__(self) -> None:
        """Never connects."""
        super().__init__(ConnectionPool(open=False))

    def write(self, disclosure: Disclosure) -> None:
        """Nothing is stored."""


def measure(place: Place) -> dict[str, Figure]:
    """A learner's record with its row and without, turns alternating over the demo's learners; a page of 25 beside."""
    with TemporaryDirectory() as here:
        environ = {
            "FORSA_DATABASE_URL": place.log,
            "FORSA_KEYS_DATABASE_URL": place.keys,
            "FORSA_MASTER_KEY": secrets.token_hex(32),
            "FORSA_TOKEN_KEY_FILE": str(Path(here) / "token-key.json"),
        }
        forsa = compose(msgspec.structs.replace(read_settings(environ), rate_per_second=0))  # one sender, no limit
        load_demo(forsa)
        projector = Projector(place.log, forsa.mapper, forsa.keyring)
        projector.catch_up()
        projector.close()
        figure = _measure(forsa)
        forsa.close()
    return {"disclosure": figure}


def _measure(forsa: Forsa) -> Figure:
    issuer = development_issuer(forsa.settings)
    headers = {"Authorization": f"Bearer {issuer.issue('demo-caseworker', int(time.time()))}"}
    parts = api_parts(forsa, issuer.verifier())
    apps = {
        "with": create_app(parts),
        "without": create_app(msgspec.structs.replace(parts, disclosures=Unwritten())),
    }
    page = apps["without"].test_client().get("/v1/learners?limit=25", headers=headers).get_json()["items"]
    times: dict[str, list[float]] = {f"{kind} {what}": [] for kind in apps for what in ("one", "page")}
    for turn in range(TURNS):
        for kind, app in apps.items():
            one = f"/v1/learners/{page[turn % len(page)]['learner']}"
            times[f"{kind} one"].append(_milliseconds(app, one, headers))
            times[f"{kind} page"].append(_milliseconds(app, "/v1/learners?limit=25", headers))
    middle = {what: median(values[TURNS // 10 :]) for what, values in times.items()}
    note = (
        f"{middle['with one']:.2f} ms of {middle['without one']:.2f} ms; a page of {len(page)}"
        f" {middle['with page']:.2f} of {middle['without page']:.2f}"
    )
    value = middle["with one"] / middle["without one"]
    return Figure(value=value, unit="× unwritten", target=1.5, at_least=False, note=note)


def _milliseconds(app: Flask, path: str, headers: Mapping[str, str]) -> float:
    client = app.test_client()
    began = perf_counter()
    response = client.get(path, headers=dict(headers))
    took = (perf_counter() - began) * 1000
    if response.status_code != 200:
        raise SystemExit(f"{path}: {response.get_data(as_text=True)}")
    return took
