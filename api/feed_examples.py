"""What reads of the feeds answer, for the OpenAPI document: one diploma's award, in each form it is shown in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from api.examples import CENTRE, CONVENTION, DELEGATION, DIPLOMA, SESSION
from domain.learner.diploma import DiplomaAwarded
from domain.partner_feed import IN_FORCE, NATIONAL, PUBLIC, SOURCE, AwardedV1, Message, PublicDiploma, PublicRegister
from domain.texts import LANGUAGES, text

HERE: Final = f"/v1/feeds/{NATIONAL}"
JUNE: Final = date(2027, 6, 21)
HELD: Final = PublicDiploma(
    id=UUID(DIPLOMA), revision=1, status=IN_FORCE, number="2027/0011", earlier_numbers=[],
    register=PublicRegister(UUID(DELEGATION), "vocational_diploma", 2027), title="vocational_diploma", trade="COU",
    level="level_2", centre=UUID(CENTRE), convention=UUID(CONVENTION), session=UUID(SESSION),
    learner_reference=UUID("6d1b5c0e-3a52-4f0c-9b6e-8a7f1f0e2d43"), awarded_on=JUNE,
)  # fmt: skip
AWARDED: Final = Message(
    id=f"{NATIONAL}/1/43", source=SOURCE + NATIONAL, type=PUBLIC[DiplomaAwarded].name, subject=DIPLOMA,
    time=datetime(2027, 6, 21, 9, 30, tzinfo=UTC), dataschema=PUBLIC[DiplomaAwarded].schema,
    feed=NATIONAL, feedepoch=1, feedsequence=43,
    data=msgspec.Raw(msgspec.json.encode(AwardedV1(occurred_on=JUNE, diploma=HELD))),
)  # fmt: skip
SHOWN: Final[Mapping[str, Any]] = {
    "list-feeds": {
        "items": [
            {
                "feed": NATIONAL,
                "region": None,
                "audience": {each: text("audience.national", each) for each in LANGUAGES},
                "topic": "forsa.diploma.events.v1",
                "place": "1/43",
                "links": {"feed": HERE, "snapshot": f"{HERE}/snapshot", "receipts": f"{HERE}/receipts"},
            }
        ]
    },
    "get-feed": [AWARDED],
    "get-feed-snapshot": {"feed": NATIONAL, "place": "1/43", "items": [HELD], "links": {"feed": f"{HERE}?after=1/43"}},
}
ANSWERS: Final[Mapping[str, Any]] = {
    name: msgspec.json.decode(msgspec.json.encode(each)) for name, each in SHOWN.items()
}
