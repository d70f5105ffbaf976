"""What Forsa is made of: every locked package with its licence, for operators and their auditors.

`make sbom` writes build/sbom.cdx.json (CycloneDX 1.6) and docs/licences.md from the locked requirements and what the
installed packages say of themselves; the same lock gives the same files. Nothing here is imported by a process.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

import msgspec

ROOT: Final = Path(__file__).parents[1]
PERMISSIVE: Final = frozenset(
    {"0BSD", "Apache-2.0", "BSD", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0", "PSF-2.0", "PostgreSQL"}
)
# Licences that ask more of whoever passes a program on, each with why it may stay. No other package has them.
EXCEPTIONS: Final[Mapping[str, tuple[str, str]]] = {
    "certifi": ("MPL-2.0", "tests only: a list of certificates"),
    "crc32c": ("LGPL-2.1-or-later", "a library used as published: imported, not changed, replaceable"),
    "hypothesis": ("MPL-2.0", "tests only; never shipped, not changed"),
    "pathspec": ("MPL-2.0", "checks only; never shipped, not changed"),
    "psycopg": ("LGPL-3.0-only", "a library used as published: imported, not changed, replaceable"),
    "psycopg-binary": ("LGPL-3.0-only", "the same, compiled; it carries libpq and OpenSSL"),
    "psycopg-pool": ("LGPL-3.0-only", "the same"),
}
# What packages say in words, in the names of the SPDX list. BSD: it does not say of how many clauses.
SPDX: Final[Mapping[str, str]] = {
    "Apache 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD 2-Clause License": "BSD-2-Clause",
    "BSD License": "BSD",
    "MIT License": "MIT",
    "MIT license": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}
ELSEWHERE: Final = {"colorama": "BSD-3-Clause"}  # locked for another system, so not installed to be asked
ABOUT: Final = "Written by `make sbom` from the lock; a test refuses all licences but permissive ones and those named."
LOCKED: Final = re.compile(r"^([a-z0-9-]+)==(\S+)")
HASH: Final = re.compile(r"--hash=sha256:([0-9a-f]{64})")


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One locked package."""

    name: str
    version: str
    licence: str  # an SPDX expression, or what the package says; empty where it says nothing
    is_shipped: bool  # a process of Forsa needs it, not only its tests and checks
    files: tuple[str, ...]  # SHA-256 of each file the lock allows
    needs: tuple[str, ...]  # names of locked packages

    @property
    def url(self) -> str:
        """Its package URL."""
        return f"pkg:pypi/{self.name}@{self.version}"


def parts() -> list[Part]:
    """Every locked package, by name."""
    shipped, every = locked(ROOT / "requirements.txt"), locked(ROOT / "requirements-dev.txt")
    return [
        Part(
            name=name,
            version=version,
            licence=licence_of(name),
            is_shipped=name in shipped,
            files=files,
            needs=tuple(sorted(needs_of(name) & every.keys())),
        )
        for name, (version, files) in sorted((every | shipped).items())
    ]


def locked(requirements: Path) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Name → (version, SHA-256 of its files) of a file of locked requirements."""
    found: dict[str, tuple[str, tuple[str, ...]]] = {}
    name = ""
    for line in requirements.read_text(encoding="utf-8").splitlines():
        if start := LOCKED.match(line):
            name = start[1]
            found[name] = (start[2], ())
        found[name] = (found[name][0], (*found[name][1], *HASH.findall(line)))
    return found


def licence_of(name: str) -> str:
    """The licence the installed package says it has: its expression, else its words, else its classifiers."""
    try:
        said = metadata.metadata(name).json
    except metadata.PackageNotFoundError:
        return ELSEWHERE.get(name, "")
    words = str(said.get("license", ""))
    if expression := said.get("license_expression"):
        return str(expression)
    if words in SPDX or words in {*SPDX.values(), *PERMISSIVE, *(licence for licence, _ in EXCEPTIONS.values())}:
        return SPDX.get(words, words)
    classifiers = [each for each in said.get("classifier", []) if each.startswith("License")]
    return " AND ".join(SPDX.get(name, name) for name in (each.rpartition(" :: ")[2] for each in classifiers))


def needs_of(name: str) -> set[str]:
    """Names of the packages it asks for, extras apart."""
    try:
        asked = metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return set()
    plain = [each for each in asked if "extra ==" not in each]
    return {re.sub(r"[-_.]+", "-", re.split(r"[^A-Za-z0-9._-]", each, maxsplit=1)[0]).lower() for each in plain}


def is_allowed(name: str, licence: str) -> bool:
    """Whether we may build on it: a permissive licence, or the exception that names package and licence."""
    if EXCEPTIONS.get(name, ("",))[0] == licence and licence:
        return True
    return any(
        all(each.strip(" ()") in PERMISSIVE for each in choice.split(" AND ")) for choice in licence.split(" OR ")
    )


def bill(every: Sequence[Part], release: str) -> dict[str, Any]:
    """The CycloneDX 1.6 document; its serial number follows from what is in it."""
    own = f"pkg:generic/forsa@{release}"
    components = [_component(part) for part in every]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid5(NAMESPACE_URL, msgspec.json.encode(components).hex())}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": own,
                "name": "forsa",
                "version": release,
                "purl": own,
                "licenses": [{"license": {"id": "Apache-2.0"}}],
            }
        },
        "components": components,
        "dependencies": [
            {"ref": own, "dependsOn": sorted(part.url for part in every if part.is_shipped)},
            *({"ref": part.url, "dependsOn": sorted(_urls(every, part.needs))} for part in every),
        ],
    }


def _component(part: Part) -> dict[str, Any]:
    said = {"license": {"name": part.licence}} if part.licence == "BSD" else {"expression": part.licence}
    return {
        "type": "library",
        "bom-ref": part.url,
        "name": part.name,
        "version": part.version,
        "purl": part.url,
        "scope": "required" if part.is_shipped else "excluded",
        "licenses": [said],
        "properties": [{"name": "forsa:locked-file:sha256", "value": each} for each in part.files],
    }


def _urls(every: Sequence[Part], names: Sequence[str]) -> Iterator[str]:
    return (part.url for part in every if part.name in names)


def licence_list(every: Sequence[Part]) -> str:
    """The page docs/licences.md."""
    return "\n".join(
        [
            "# Licences of what Forsa is made of",
            "",
            f"{ABOUT} Forsa itself is Apache-2.0.",
            "",
            *_table("Shipped: what a process needs", every, lambda part: part.is_shipped),
            *_table("Development: tests and checks", every, lambda part: not part.is_shipped),
        ]
    )


def _table(title: str, every: Sequence[Part], is_in: Callable[[Part], bool]) -> list[str]:
    rows = [
        f"| {part.name} | {part.version} | {part.licence} | {EXCEPTIONS.get(part.name, ('', ''))[1]} |"
        for part in every
        if is_in(part)
    ]
    return [f"## {title}", "", "| package | version | licence | why it may stay |", "|---|---|---|---|", *rows, ""]


def main() -> int:
    """Both files are written; 1 where a licence is not allowed, each named on standard error."""
    from runtime.wiring import RELEASE

    every = parts()
    refused = [part for part in every if not is_allowed(part.name, part.licence)]
    for part in refused:
        sys.stderr.write(f"{part.name} {part.version}: the licence {part.licence or '(none said)'} is not allowed\n")
    (ROOT / "build").mkdir(exist_ok=True)
    document = msgspec.json.format(msgspec.json.encode(bill(every, RELEASE)), indent=2)
    (ROOT / "build" / "sbom.cdx.json").write_bytes(document + b"\n")
    (ROOT / "docs" / "licences.md").write_text(licence_list(every), encoding="utf-8")
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
