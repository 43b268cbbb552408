"""What became of events is told in stages, each with the list behind it."""

from xml.etree import ElementTree

import pytest

from app.console.pipeline.flow import About, Stage, event_row, event_title, stages
from app.console.pipeline.sankey import picture
from app.pipeline import Fates, Named, Numbers

ABOUT = About("kana", "track:Export", 0, 3_600_000)
NUMBERS = Numbers(
    Fates(filtered=1, unmapped=2, delivered=3, retried=1, dead={"rejected": 4}),
    Fates(delivered_after_retry=1, dead={"rejected": 1, "unconfirmed": 1}),
)
DEAD = (
    "/dead-letters?destination=kana&reason=rejected&event=Export"
    "&since=1970-01-01T00%3A00%3A00.000Z&until=1970-01-01T01%3A00%3A00.000Z"
)


def test_each_stage_counts_what_came_and_what_had_waited() -> None:
    assert [(one.title, one.first, one.later) for one in stages(NUMBERS, ABOUT)] == [
        ("filtered", 1, 0),
        ("unmapped", 2, 0),
        ("delivered at first attempt", 3, 0),
        ("delivered after retry", 0, 1),
        ("retrying", 1, 0),
        ("dead: rejected", 4, 1),
        ("dead: unconfirmed", 0, 1),
    ]


def test_each_stage_leads_to_the_list_behind_it() -> None:
    there = {one.title: one.address for one in stages(NUMBERS, ABOUT)}
    assert there == {
        "filtered": "/live?destination=kana",
        "unmapped": "/unmapped?destination=kana&event=Export",
        "delivered at first attempt": "/live?destination=kana",
        "delivered after retry": "/live?destination=kana",
        "retrying": "/retries?destination=kana",
        "dead: rejected": DEAD,
        "dead: unconfirmed": "/unconfirmed?destination=kana",
    }


@pytest.mark.parametrize(
    ("key", "title", "letters"),
    [
        ("track:Export", "Export", "Export"),
        ("track:", "(no name)", "track"),
        ("identify", "(identify)", "identify"),
        ("other", "(all other names)", None),
        (f"track:{'x' * 99}…", f"{'x' * 99}…", None),
    ],
)
def test_a_name_of_the_pipeline_is_told_and_looked_for_among_letters(
    key: str, title: str, letters: str | None
) -> None:
    assert event_title(key) == title
    assert About("kana", key, 0, 1).letters_event == letters


def test_a_line_of_an_event_adds_up_and_links_only_what_is_there() -> None:
    row = event_row(Named("track:Export", NUMBERS), ABOUT, "/own")
    assert (row["received"], row["dead"], row["first_attempt"]) == (11, 6, 3)
    assert row["retried_at"] == "/retries?destination=kana"
    none = event_row(Named("track:Export", Numbers(Fates(), Fates())), ABOUT, "/own")
    assert (none["retried_at"], none["dead_at"], none["unmapped_at"]) == ("", "", "")


def test_the_picture_has_a_link_for_each_stage_and_escapes_what_it_says() -> None:
    told = [Stage("dead: <b>", 3, 1, "bad", "/x?a=1&b=2", "")]
    svg = ElementTree.fromstring(picture(told))  # noqa: S314 - our own
    assert [(one.get("href"), one[1].text) for one in svg.iter("a")] == [
        ("/x?a=1&b=2", "dead: <b> 4")
    ]
    assert len(list(svg.iter("path"))) == 2
