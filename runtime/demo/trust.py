"""Whose the demo's learners are and who may see them: a colleague who left, an emergency, three transfers, privacy."""

from __future__ import annotations

from datetime import date
from typing import Final
from uuid import UUID

from domain.centre import ApproveTrades, OpenCentre
from domain.convention import Party, SeasonTarget, SignConvention
from domain.kind import ReasonGiven
from domain.learner.privacy import LiftHold, PlaceHold, RefuseErasure, RequestErasure
from domain.learner.transfer import AcceptTransfer, RejectTransfer, RequestTransfer, WithdrawTransfer
from domain.organisation import GrantAccess, LocalName, OpenEmergencyAccess, ReviewEmergencyAccess, RevokeAccess
from domain.worker import BindLogin, RecordLeaving, RecordWorker
from runtime.demo.paths import TOLD
from runtime.demo.people import OTHER_CENTRE_NAME
from runtime.demo.setting import CENTRE, PROVINCE, TRADES
from runtime.demo.telling import Teller, id_of, told
from runtime.settings import DEVELOPMENT_ISSUER

OTHER_CENTRE: Final = id_of("centre", "elsewhere")
OTHER_CONVENTION: Final = id_of("convention", "elsewhere")
THERE: Final = "coordinator elsewhere"  # the other centre's coordinator, whose login is demo-coordinator-elsewhere
GONE: Final = "educator who left"
ASSOCIATION: Final = id_of("organisation", "association")


def tell_access(teller: Teller) -> None:
    """Another centre has its coordinator; an educator came and left; an emergency access was opened and reviewed."""
    start = teller.day(9, 1)
    _tell_other_centre(teller, start)
    _tell_colleague(teller, THERE, "Aziza Rami", "coordinator", OTHER_CENTRE, start)
    _tell_colleague(teller, GONE, "Tarik Sabri", "educator", CENTRE, start)
    left_on = teller.day(12, 18)
    revoke = RevokeAccess(organisation=ASSOCIATION, grant=id_of("grant", GONE), why=ReasonGiven("post_left"))
    teller.does("operator", "access revoked", told(teller, revoke, left_on))
    leaving = RecordLeaving(worker=id_of("worker", GONE), left_on=left_on)
    teller.does("coordinator", "educator left", told(teller, leaving, left_on))


def _tell_colleague(teller: Teller, name: str, called: str, role: str, centre: UUID, start: date) -> None:
    worker = id_of("worker", name)
    record = RecordWorker(worker=worker, name=called, organisation=ASSOCIATION, function=role)
    teller.does("operator", f"worker {name}", told(teller, record, start))
    login = BindLogin(worker=worker, issuer=DEVELOPMENT_ISSUER, subject=f"demo-{name.replace(' ', '-')}")
    teller.does("operator", f"login {name}", told(teller, login, start))
    grant = GrantAccess(
        organisation=ASSOCIATION,
        grant=id_of("grant", name),
        subject=worker,
        role=role,
        scope="centre",
        scope_id=str(centre),
        valid_from=start,
    )
    teller.does("operator", f"grant {name}", told(teller, grant, start))


def _tell_other_centre(teller: Teller, start: date) -> None:
    seasons = (teller.season, teller.season + 1)
    centre = OpenCentre(
        centre=OTHER_CENTRE,
        name=LocalName(*OTHER_CENTRE_NAME),
        operator=ASSOCIATION,
        places=40,
        commune="Aïn Sebaâ",
        province=PROVINCE,
        directorate=id_of("organisation", "directorate"),
    )
    teller.does("provincial_directorate", "centre elsewhere", told(teller, centre, start))
    for season in seasons:
        trades = ApproveTrades(centre=OTHER_CENTRE, season=season, trades=list(TRADES))
        on = min(date(season, 9, 1), teller.today)
        teller.does("provincial_directorate", f"trades elsewhere {season}", told(teller, trades, on))
    convention = SignConvention(
        convention=OTHER_CONVENTION,
        kind="funding",
        number=f"EX-{teller.season}-002",
        level="provincial",
        parties=[Party(id_of("organisation", "aref"), "funder"), Party(ASSOCIATION, "operator")],
        centres=[OTHER_CENTRE],
        seasons=[SeasonTarget(season, 20, 12_000_000) for season in seasons],
        age_min=13,
        age_max=20,
        trades=list(TRADES),
        starts_on=start,
        ends_on=date(teller.season + 2, 8, 31),
    )
    teller.does("aref", "convention elsewhere", told(teller, convention, start))


def tell_transfers(teller: Teller) -> None:
    """Three transfers were asked for: one withdrawn, one rejected, one accepted: that learner goes on elsewhere.

    One learner's record was read in an emergency, today: such an access is never back-dated.
    """
    for number in WITHDRAWN, REJECTED, ACCEPTED:
        request = RequestTransfer(
            learner=TOLD[number].learner,
            transfer=id_of("transfer", number),
            to_centre=OTHER_CENTRE,
            effective_on=teller.day(2, 2),
            why=ReasonGiven("family_moved"),
        )
        teller.does("caseworker", f"transfer of {number} requested", told(teller, request, teller.day(1, 12)))
    withdraw = WithdrawTransfer(learner=TOLD[WITHDRAWN].learner, transfer=id_of("transfer", WITHDRAWN))
    teller.does("caseworker", "transfer withdrawn", told(teller, withdraw, teller.day(1, 16)))
    reject = RejectTransfer(
        learner=TOLD[REJECTED].learner, transfer=id_of("transfer", REJECTED), why=ReasonGiven("no_place_left")
    )
    teller.does("coordinator", "transfer rejected", told(teller, reject, teller.day(1, 20)), worker=THERE)
    accept = AcceptTransfer(
        learner=TOLD[ACCEPTED].learner,
        transfer=id_of("transfer", ACCEPTED),
        enrolment=id_of("enrolment", "elsewhere"),
        convention=OTHER_CONVENTION,
    )
    teller.does("coordinator", "transfer accepted", told(teller, accept, teller.day(1, 28)), worker=THERE)
    _tell_emergency(teller)


WITHDRAWN, REJECTED, ACCEPTED = 22, 23, 24


def _tell_emergency(teller: Teller) -> None:
    directorate, emergency = id_of("organisation", "directorate"), id_of("emergency")
    opened = OpenEmergencyAccess(
        organisation=directorate,
        emergency=emergency,
        learner=TOLD[16].learner,
        why=ReasonGiven("staff_unreachable"),
    )
    teller.does("provincial_directorate", "emergency opened", told(teller, opened, teller.today))
    review = ReviewEmergencyAccess(organisation=directorate, emergency=emergency, finding="justified")
    teller.does("aref", "emergency reviewed", told(teller, review, teller.today))


def tell_privacy(teller: Teller) -> None:
    """A family asked that contact details be erased; refused while an authority had them held, and the hold lifted.

    Nobody of the demo is erased: that cannot be undone, and whoever looks around may decide it.
    """
    learner, hold, erasure = TOLD[WITHDRAWN].learner, id_of("hold"), id_of("erasure")
    families, officer = ["contacts"], "data_protection_officer"
    held = PlaceHold(
        learner=learner,
        hold=hold,
        families=families,
        authority=id_of("organisation", "directorate"),
        reference=f"EX-{teller.season}-003",
    )
    teller.does(officer, "hold placed", told(teller, held, teller.day(2, 9)))
    asked = RequestErasure(learner=learner, erasure=erasure, families=families, asked_by="guardian")
    teller.does("caseworker", "erasure requested", told(teller, asked, teller.day(2, 16)))
    refused = RefuseErasure(learner=learner, erasure=erasure, families=families, ground="money_control")
    teller.does(officer, "erasure refused", told(teller, refused, teller.day(2, 20)))
    lifted = LiftHold(learner=learner, hold=hold)
    teller.does(officer, "hold lifted", told(teller, lifted, teller.day(6, 15)))
