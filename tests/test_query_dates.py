"""Date expressions become half-open intervals of UTC seconds, right on the days when clocks change."""

from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conversations.query.dates import WORDS, BadDate, Interval, check, resolve

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 18, 15, 30, tzinfo=BERLIN)  # a Wednesday

# Clocks that change at midnight, by half an hour, by a whole day, and not at all.
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "America/Sao_Paulo", "Africa/Cairo", "Asia/Beirut",
         "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kathmandu", "America/Havana", "Africa/Casablanca"]  # fmt: skip
zones = st.sampled_from(ZONES).map(ZoneInfo)
walls = st.datetimes(datetime.fromisoformat("1971-01-01"), datetime.fromisoformat("2150-01-01"))
nows = walls.map(lambda wall: wall.replace(tzinfo=UTC))
days = st.dates(date(1971, 1, 2), date(2150, 1, 1))


def at(
    year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0, zone: tzinfo = BERLIN
) -> float:
    return datetime(year, month, day, hour, minute, second, tzinfo=zone).timestamp()


def edges(text: str, now: datetime = NOW, zone: tzinfo = BERLIN) -> tuple[float, float]:
    """Start and end of an expression that has both."""
    interval = resolve(text, now, zone)
    assert interval.start is not None
    assert interval.end is not None
    return interval.start, interval.end


def since(text: str, now: datetime, zone: tzinfo) -> float:
    start = resolve(text, now, zone).start
    assert start is not None
    return start


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("today", at(2026, 11, 18), at(2026, 11, 19)),
        ("yesterday", at(2026, 11, 17), at(2026, 11, 18)),
        ("this-week", at(2026, 11, 16), at(2026, 11, 23)),
        ("last-week", at(2026, 11, 9), at(2026, 11, 16)),
        ("this-month", at(2026, 11, 1), at(2026, 12, 1)),
        ("last-month", at(2026, 10, 1), at(2026, 11, 1)),
        ("this-year", at(2026, 1, 1), at(2027, 1, 1)),
        ("last-year", at(2025, 1, 1), at(2026, 1, 1)),
        ("30min", at(2026, 11, 18, 15, 0), None),
        ("24h", at(2026, 11, 17, 15, 30), None),
        ("7d", at(2026, 11, 11, 15, 30), None),
        ("2w", at(2026, 11, 4, 15, 30), None),
        ("9mo", at(2026, 2, 18, 15, 30), None),
        ("1y", at(2025, 11, 18, 15, 30), None),
        ("9999y", 0, None),
        ("9999w", 0, None),
        ("2026", at(2026, 1, 1), at(2027, 1, 1)),
        ("2026-12", at(2026, 12, 1), at(2027, 1, 1)),
        ("2026-10-01", at(2026, 10, 1), at(2026, 10, 2)),
        ("2026-10-1", at(2026, 10, 1), at(2026, 10, 2)),
        ("2026-10-01T14:30", at(2026, 10, 1, 14, 30), at(2026, 10, 1, 14, 31)),
        ("2026-10-01T14:30:05", at(2026, 10, 1, 14, 30, 5), at(2026, 10, 1, 14, 30, 6)),
        ("2026-10-01..", at(2026, 10, 1), None),
        ("..2026-10-01", None, at(2026, 10, 2)),
        ("2026-10-01..2026-10-07", at(2026, 10, 1), at(2026, 10, 8)),
        ("2026-09..2026-10-07", at(2026, 9, 1), at(2026, 10, 8)),
        ("2026-10-01..yesterday", at(2026, 10, 1), at(2026, 11, 18)),
        ("14d..7d", at(2026, 11, 4, 15, 30), at(2026, 11, 11, 15, 30)),
        ("..7d", None, at(2026, 11, 11, 15, 30)),
        (">2026-10-01", at(2026, 10, 2), None),
        (">=2026-10-01", at(2026, 10, 1), None),
        ("<2026-10-01", None, at(2026, 10, 1)),
        ("<=2026-10-01", None, at(2026, 10, 2)),
        ("LAST-WEEK", at(2026, 11, 9), at(2026, 11, 16)),
    ],
)
def test_an_expression_means_this_interval(text, start, end):
    check(text)
    assert resolve(text, NOW, BERLIN) == Interval(start, end)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "not_a_date"),
        ("soon", "not_a_date"),
        ("..", "not_a_date"),
        ("today..soon", "not_a_date"),
        (">", "not_a_date"),
        ("2026-10-01...2026-10-02", "not_a_date"),
        ("2026-10-01T14", "not_a_date"),
        ("99999d", "not_a_date"),
        ("٧d", "not_a_date"),
        ("3m", "date_unit"),
        (">7d", "date_comparison"),
        ("2026-02-29", "no_such_day"),
        ("2026-13", "no_such_day"),
        ("2026-10-01T24:00", "no_such_day"),
        ("1969-12-31", "no_such_day"),
        ("2200", "no_such_day"),
        ("2026-10-02..2026-10-01", "reversed"),
        ("1d..2d", "reversed"),
    ],
)
def test_what_is_no_date_says_why(text, code):
    with pytest.raises(BadDate) as caught:
        check(text)
    assert caught.value.code == code


def test_a_day_has_as_many_hours_as_its_clock_shows():
    def hours(text: str, zone: str) -> float:
        start, end = edges(text, NOW, ZoneInfo(zone))
        return (end - start) / 3600

    assert hours("2026-03-29", "Europe/Berlin") == 23
    assert hours("2026-10-25", "Europe/Berlin") == 25
    assert hours("2026-10-24", "Europe/Berlin") == 24
    assert hours("2018-11-04", "America/Sao_Paulo") == 23  # midnight itself was skipped
    assert hours("2018-02-17", "America/Sao_Paulo") == 25  # 23:00 to 24:00 came twice
    assert hours("2026-04-05", "Australia/Lord_Howe") == 24.5
    assert hours("2011-12-30", "Pacific/Apia") == 0  # the day that Samoa left out


def test_seven_days_ago_is_the_same_wall_clock_time_across_a_change():
    now = datetime(2026, 10, 28, 9, 0, tzinfo=BERLIN)
    assert resolve("7d", now, BERLIN).start == at(2026, 10, 21, 9)
    assert now.timestamp() - since("7d", now, BERLIN) == 7 * 86400 + 3600
    assert now.timestamp() - since("168h", now, BERLIN) == 7 * 86400


def test_a_minute_that_comes_twice_is_meant_both_times():
    start, end = edges("2026-10-25T02:30")
    assert end - start == 3660


def test_months_ago_stay_in_the_month():
    now = datetime(2026, 5, 31, 12, tzinfo=UTC)
    assert resolve("3mo", now, UTC).start == datetime(2026, 2, 28, 12, tzinfo=UTC).timestamp()
    assert (
        resolve("1y", datetime(2024, 2, 29, tzinfo=UTC), UTC).start
        == datetime(2023, 2, 28, tzinfo=UTC).timestamp()
    )


def test_the_zone_decides_what_today_is():
    now = datetime(2026, 11, 18, 23, 30, tzinfo=UTC)
    assert resolve("today", now, BERLIN).start == at(2026, 11, 19)
    assert resolve("today", now, UTC).start == at(2026, 11, 18, zone=UTC)


@given(days, zones)
@settings(max_examples=500, deadline=None)
def test_days_follow_each_other_without_gap_or_overlap(day, zone):
    start, end = edges(day.isoformat(), NOW, zone)
    assert end == edges((day + timedelta(days=1)).isoformat(), NOW, zone)[0]
    assert 0 <= end - start <= 49 * 3600
    month_start, month_end = edges(day.isoformat()[:7], NOW, zone)
    assert month_start <= start
    assert end <= month_end


@given(nows, zones)
@settings(max_examples=500, deadline=None)
def test_now_is_in_today_this_week_this_month_and_every_last_days(now, zone):
    for text in (
        "today",
        "this-week",
        "this-month",
        "this-year",
        "0d",
        "1min",
        "7d",
        "2w",
        "1mo",
        "today..",
        "..today",
    ):
        assert now.timestamp() in resolve(text, now, zone), text
    for text in ("yesterday", "last-week", "last-month", "last-year", ">today", "<today", "..7d"):
        assert now.timestamp() not in resolve(text, now, zone), text
    local = datetime.fromtimestamp(now.timestamp(), zone).date()
    assert resolve("today", now, zone) == resolve(local.isoformat(), now, zone)


@given(nows, zones)
@settings(max_examples=200, deadline=None)
def test_words_meet_their_neighbours(now, zone):
    for before, after in (
        ("yesterday", "today"),
        ("last-week", "this-week"),
        ("last-month", "this-month"),
        ("last-year", "this-year"),
    ):
        assert resolve(before, now, zone).end == resolve(after, now, zone).start


points = st.one_of(
    st.sampled_from(WORDS),
    days.map(date.isoformat),
    st.builds("{}{}".format, st.integers(0, 9999), st.sampled_from(["min", "h", "d", "w", "mo", "y"])),
    walls.map(lambda moment: moment.isoformat(timespec="minutes")),
)


@given(points, points, nows, zones, st.floats(0, 5e9))
@settings(max_examples=300, deadline=None)
def test_comparisons_and_ranges_are_made_of_the_same_edges(first, last, now, zone, moment):
    one, other = resolve(first, now, zone), resolve(last, now, zone)
    start, end = edges(f"{first}..{last}", now, zone)
    assert start == one.start
    assert start <= end
    if first[-1] not in "nhdwoy" or first in WORDS:
        assert (moment in resolve(f"<{first}", now, zone)) != (moment in resolve(f">={first}", now, zone))
        assert (moment in resolve(f"<={first}", now, zone)) != (moment in resolve(f">{first}", now, zone))
        assert (moment in one) == (
            moment in resolve(f"<={first}", now, zone) and moment in resolve(f">={first}", now, zone)
        )
    assert other.end is None or moment in resolve(f"..{last}", now, zone) or moment >= other.end


@given(
    st.one_of(
        st.text(max_size=30),
        st.lists(
            st.sampled_from(["2026", "-10", "-01", "..", "7", "d", ">", "=", "today", "t14:30", "mo"]),
            max_size=6,
        ).map("".join),
    ),
    nows,
    zones,
)
@settings(max_examples=500, deadline=None)
def test_what_passes_the_check_can_be_resolved_at_any_time(text, now, zone):
    try:
        check(text)
    except BadDate:
        return
    interval = resolve(text, now, zone)
    assert interval.start is None or interval.end is None or interval.start <= interval.end
