"""The corpus of public messages: the bytes of every shape ever sent, one file each in messages/. Never edited.

`python -m tests.contracts.messages` writes the files that are missing, and never touches one that is. A message that
gets another field gets another file, `<type>.2`: give its example the new name, the file of the old shape stays.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec

from domain.learner.diploma import (
    DiplomaAnnulled,
    DiplomaAwarded,
    DiplomaCorrected,
    DiplomaDuplicateIssued,
    DiplomaHandedOver,
    DiplomaMinutesRectified,
)
from domain.partner_feed import (
    NATIONAL,
    EpochOpenedV1,
    Place,
    PublicDiploma,
    diploma_after,
    epoch_message,
    message_of,
)
from domain.partner_receipts import PARTNER_SOURCE, SEEN_V1, SeenV1
from tests.contracts import stored_examples

DIRECTORY: Final = Path(__file__).parent / "messages"
MOMENT: Final = datetime(2026, 11, 22, 9, 30, 15, 250_000, tzinfo=UTC)
FIRST_DAY: Final = date(2026, 10, 1)
EVENTS: Final[dict[type[Any], Any]] = {type(each): each for each in reversed(stored_examples.EVENTS)}
LIFE: Final[tuple[tuple[str, type[Any], dict[str, Any]], ...]] = (  # the name of each message's file, and its event
    ("ma.forsa.diploma.awarded.v1", DiplomaAwarded, {}),
    ("ma.forsa.diploma.corrected.v1", DiplomaCorrected, {}),
    ("ma.forsa.diploma.handed-over.v1", DiplomaHandedOver, {"copy": 0}),
    ("ma.forsa.diploma.duplicate-issued.v1", DiplomaDuplicateIssued, {}),
    ("ma.forsa.diploma.handed-over.v1.2", DiplomaHandedOver, {}),
    ("ma.forsa.diploma.minutes-rectified.v1", DiplomaMinutesRectified, {}),
    ("ma.forsa.diploma.annulled.v1", DiplomaAnnulled, {}),
    ("ma.forsa.diploma.awarded.v1.2", DiplomaAwarded, {"diploma": stored_examples.GROUP, "trade": None}),
)


def made() -> dict[str, bytes]:
    """File name without its end → the bytes of an example of every shape that is sent now."""
    opened = EpochOpenedV1(previous_epoch=1, stands_until=8, reason="restore")
    return dict(_life()) | {
        "ma.forsa.feed.epoch-opened.v1": epoch_message(NATIONAL, 2, opened, MOMENT),
        SEEN_V1: msgspec.json.encode(_receipt()),
    }


def _life() -> Iterator[tuple[str, bytes]]:
    diploma: PublicDiploma | None = None
    for sequence, (name, of, other) in enumerate(LIFE, 1):
        event = msgspec.structs.replace(EVENTS[of], on=FIRST_DAY + timedelta(days=sequence), **other)
        diploma = diploma_after(diploma, event)
        yield name, message_of(NATIONAL, Place(1, sequence), event, diploma, MOMENT)


def _receipt() -> dict[str, Any]:
    data = SeenV1(feed=NATIONAL, epoch=1, sequence=8)
    source = f"{PARTNER_SOURCE}{stored_examples.BY.actor}"
    return {"specversion": "1.0", "id": "2026-11-22/1", "source": source, "type": SEEN_V1, "data": data}


def corpus() -> dict[str, bytes]:
    """File name without its end → bytes, of every shape ever sent."""
    return {path.stem: path.read_bytes() for path in sorted(DIRECTORY.glob("*.json"))}


def write_missing() -> list[str]:
    """Every example has its file; the names of those that had none."""
    missing = {name: each for name, each in made().items() if not (DIRECTORY / f"{name}.json").exists()}
    for name, content in missing.items():
        (DIRECTORY / f"{name}.json").write_bytes(content)
    return list(missing)


if __name__ == "__main__":
    print("made", *write_missing())
