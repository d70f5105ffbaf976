"""The examples are the domain's own: each command, on its history, leads to exactly its events."""

from __future__ import annotations

import pytest

from domain.kind import command_name
from domain.sealed import tag_of
from domain.streams import COMMANDS, EVENTS
from tests.examples import commands
from tests.examples.commands import Example
from tests.scenario import given


@pytest.mark.parametrize("example", commands.COMMANDS, ids=lambda each: command_name(type(each.command)))
def test_the_example_command_leads_to_the_example_events(example: Example) -> None:
    today = max(event.on for _, event in example.then)
    given(*example.given).when(example.command, by=example.by, today=today).then(*example.then)


def test_every_command_has_an_example() -> None:
    assert {type(each.command) for each in commands.COMMANDS} == {spec.command for spec in COMMANDS}


def test_every_event_has_an_example() -> None:
    assert {tag_of(type(event)) for event in commands.EVENTS} == set(EVENTS)
