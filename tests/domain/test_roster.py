"""A roster is read into commands, and everything that is wrong with it is said at once, by row, column and way out."""

from datetime import date
from uuid import UUID

import pytest

from domain.learner.identification import Identifier, IdentifyLearner, NameGiven, RecordIdentity
from domain.reference import LANGUAGES
from domain.roster import LARGEST_BYTES, MOST_ROWS, Roster, RosterError, read_roster
from domain.roster_columns import COLUMNS, find_column, header_key

TODAY = date(2026, 11, 22)
LEARNER = UUID(int=7)
HEADER = "given name,family name,sex"


def read(*lines: str) -> Roster:
    return read_roster("\n".join(lines).encode(), TODAY)


def codes(roster: Roster) -> list[tuple[int, str]]:
    return [(error.row, error.code) for error in roster.errors]


def identified(roster: Roster, at: int = 0) -> IdentifyLearner:
    return roster.rows[at].identify(LEARNER, season=2026, province="CAS", source="association")


def test_a_row_becomes_the_command_that_identifies_a_learner() -> None:
    roster = read(
        "الاسم الشخصي,الاسم العائلي,Prénom,Nom,Sexe,Date de naissance,Code Massar,الجماعة,الإقليم",
        "أمينة,البقالي,Amina,El Bakkali,أنثى,٠٣/٠٥/٢٠١٠,j 130 011 111,Sidi Moumen,Rabat",
    )
    assert roster.errors == []
    assert identified(roster) == IdentifyLearner(
        learner=LEARNER,
        season=2026,
        province="RAB",
        commune="Sidi Moumen",
        source="association",
        names=[NameGiven("أمينة", "البقالي"), NameGiven("Amina", "El Bakkali")],
        sex="f",
        birth_date=date(2010, 5, 3),
        identifiers=[Identifier("massar", "J130011111")],
    )
    assert roster.rows[0].more_of_identity(LEARNER) is None


def test_what_identification_does_not_take_becomes_a_second_command() -> None:
    roster = read(f"{HEADER},lieu de naissance,الهاتف", "Amina,El Bakkali,f,Fès,0612345678")
    assert roster.rows[0].more_of_identity(LEARNER) == RecordIdentity(
        learner=LEARNER,
        names=[NameGiven("Amina", "El Bakkali")],
        sex="f",
        birth_place="Fès",
        phone="+212612345678",
    )


def test_the_sex_is_read_in_the_words_people_write() -> None:
    roster = read(HEADER, *(f"Amina,A{word},{word}" for word in ("فتاة", "أنثى", "Fille", "فتى", "ولد", "garçon")))
    assert [row.values["sex"] for row in roster.rows] == ["f", "f", "f", "m", "m", "m"]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_commas_semicolons_and_tabs_separate(separator: str) -> None:
    roster = read(HEADER.replace(",", separator), "Amina,El Bakkali,f".replace(",", separator))
    assert identified(roster).names == [NameGiven("Amina", "El Bakkali")]


def test_a_byte_order_mark_and_windows_line_ends_are_fine() -> None:
    roster = read_roster(b"\xef\xbb\xbf" + f"{HEADER}\r\nAmina,Bakkali,f\r\n\r\n".encode(), TODAY)
    assert (roster.errors, roster.row_count, len(roster.rows)) == ([], 1, 1)


@pytest.mark.parametrize(
    "header", ["Date de naissance", "DATE  DE NAISSANCE", "date-de-naissance", "تاريخ الازدياد", "تاريخ الإزدياد"]
)
def test_headers_are_found_however_they_are_spelled(header: str) -> None:
    column = find_column(header)
    assert column is not None
    assert column.name == "birth_date"


def test_no_two_columns_are_called_the_same() -> None:
    called = [(header_key(each), column.name) for column in COLUMNS for each in {column.name, *column.called}]
    names: dict[str, str] = {}
    for key, name in called:
        assert names.setdefault(key, name) == name, key


@pytest.mark.parametrize(
    ("cell", "born", "certainty"),
    [
        ("2010-05-03", date(2010, 5, 3), "exact"),
        ("03/05/2010", date(2010, 5, 3), "exact"),
        ("3.5.2010", date(2010, 5, 3), "exact"),
        ("٢٠١٠", date(2010, 1, 1), "year_only"),
    ],
)
def test_birth_dates_day_first_or_iso_or_the_year_alone(cell: str, born: date, certainty: str) -> None:
    command = identified(read(f"{HEADER},birth_date", f"A,B,m,{cell}"))
    assert (command.birth_date, command.birth_certainty) == (born, certainty)


@pytest.mark.parametrize(
    ("column", "cell", "code"),
    [
        ("birth_date", "31/02/2010", "bad-date"),
        ("birth_date", "05/13/2010", "bad-date"),
        ("birth_date", "40301", "bad-date"),
        ("birth_date", "2027-01-01", "birth-date-out-of-range"),
        ("province", "Atlantis", "unknown-code"),
        ("source", "nobody", "unknown-code"),
        ("phone", "12", "bad-phone"),
        ("nationality", "Maroc", "bad-country"),
        ("الاسم الشخصي", "Amina", "not-arabic"),
        ("commune", "a\u202eb", "bidi-override"),
        ("address", "x" * 2001, "text-too-long"),
        ("full name", "123", "no-letter"),
    ],
)
def test_a_cell_that_cannot_be_read_is_refused_with_what_would_do(column: str, cell: str, code: str) -> None:
    roster = read(f"given name,sex,{column}", f"Amina,f,{cell}", "Nora,f,")
    assert codes(roster) == [(2, code)]
    assert roster.errors[0].column == column
    assert len({roster.errors[0].said(language) for language in LANGUAGES}) == len(LANGUAGES)
    assert [row.number for row in roster.rows] == [3]


def test_every_error_of_every_row_is_said_at_once() -> None:
    roster = read(f"{HEADER},birth_date,phone", "Amina,B,x,1/1/1,2", ",,,,", "Omar,B,,,", ",B,m,,", "Ali,B,m")
    assert codes(roster) == [
        (2, "unknown-code"),
        (2, "bad-date"),
        (2, "bad-phone"),
        (4, "sex-missing"),
        (5, "name-missing"),
        (6, "ragged-row"),
    ]
    assert (roster.row_count, roster.refused, roster.rows) == (4, {2, 4, 5, 6}, [])


def test_a_row_that_repeats_another_is_refused_and_the_first_kept() -> None:
    roster = read(
        f"{HEADER},birth_date,massar",
        "Amina,B,f,2010-05-03,J130011111",
        "Nora,C,f,2011-01-01,j130011111",
        "Omar,D,m,2010-01-01,",
        "OMAR,d,m,01/01/2010,",
        "Ali,E,m,,",
        "Ali,E,m,,",
        "Omar,D,m,2010-01-02,",
    )
    assert codes(roster) == [(3, "massar-twice"), (5, "learner-twice"), (7, "learner-twice")]
    assert [row.number for row in roster.rows] == [2, 4, 6, 8]


def test_an_odd_massar_code_is_a_warning_only() -> None:
    """DOMAIN rule 6."""
    roster = read(f"{HEADER},massar", "Amina,B,f,J999")
    assert (roster.errors, len(roster.rows)) == ([], 1)
    assert roster.warnings == [RosterError(2, "massar", "massar-format", "J999")]


@pytest.mark.parametrize(
    ("content", "row", "code"),
    [
        (b"", 0, "no-header"),
        (b"\n\n", 0, "no-header"),
        (HEADER.encode() + b"\nAm\xe9lie,B,f\n", 2, "not-utf-8"),
        (HEADER.encode() + b"\nA\0,B,f\n", 2, "nul-character"),
        (HEADER.encode() + b'\n"A,B,f\n', 2, "bad-quotes"),
        (b"given name,sex,favourite colour\n", 1, "unknown-column"),
        (b"given name,prenom,sex\n", 1, "column-twice"),
        (b"family name,sex\n", 1, "no-name-column"),
        (b"given name\n", 1, "no-sex-column"),
        (b"x" * (LARGEST_BYTES + 1), 0, "file-too-large"),
        (b"given name,sex\n" + b"A,f\n" * (MOST_ROWS + 1), 0, "too-many-rows"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_whole(content: bytes, row: int, code: str) -> None:
    roster = read_roster(content, TODAY)
    assert codes(roster) == [(row, code)]
    assert len({roster.errors[0].said(language) for language in LANGUAGES}) == len(LANGUAGES)
    assert roster.rows == []


def test_an_unknown_column_is_named_with_the_nearest_known_one() -> None:
    error = read("given name,sex,date of brith", "A,f,2010").errors[0]
    assert (error.value, error.code) == ("date of brith", "unknown-column")
    assert all("date of birth" in error.said(language) for language in LANGUAGES)


def test_the_key_of_a_row_is_what_it_says_not_how_it_is_spelled() -> None:
    one = read(f"{HEADER},birth_date", "Amina, Bakkali ,f,2010-05-03").rows[0]
    same = read("Sexe;Nom;Prénom;Date de naissance", "Féminin;Bakkali;Amina;٠٣/٠٥/٢٠١٠").rows[0]
    other = read(f"{HEADER},birth_date", "Amina,Bakkali,f,2010-05-04").rows[0]
    assert one.key == same.key != other.key
