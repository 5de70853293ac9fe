"""Weeks of the year by their definition alone: every day is looked at, nothing is calculated ahead."""

import datetime as dt
import itertools

from cases import DAYS

DAY = dt.timedelta(days=1)


def week_of(day, week_start):
    """The year and number of the week a day lies in; a week belongs to the year that holds four of its days."""
    middle = day - DAY * ((day.weekday() - week_start) % 7) + 3 * DAY
    return middle.year, (middle.timetuple().tm_yday - 1) // 7 + 1


def weeks_in(year, week_start):
    # The 28th of December always lies in the last week, whatever day weeks begin with.
    return week_of(dt.date(year, 12, 28), week_start)[1]


def walls(case, last):
    """The starts of a YEARLY rule with BYWEEKNO, without its end."""
    parts, start = case["parts"], case["start"]
    week_start = DAYS.index(case["week_start"] or "MO")
    days = [DAYS.index(day) for day in parts.get("BYDAY", [DAYS[start.weekday()]])]
    times = list(itertools.product(
        parts.get("BYHOUR", [start.hour]), parts.get("BYMINUTE", [start.minute]), parts.get("BYSECOND", [start.second])))
    origin = week_of(start.date(), week_start)[0]
    by_year = {}
    day = start.date() - 380 * DAY
    while day <= last.date() + 380 * DAY:
        year, number = week_of(day, week_start)
        from_end = number - weeks_in(year, week_start) - 1
        if (day.weekday() in days and {number, from_end} & set(parts["BYWEEKNO"])
                and day.month in parts.get("BYMONTH", [day.month]) and (year - origin) % case["interval"] == 0):
            by_year.setdefault(year, []).extend(dt.datetime.combine(day, dt.time(*time)) for time in times)
        day += DAY
    found = []
    for starts in by_year.values():
        places = parts.get("BYSETPOS")
        places = range(len(starts)) if places is None else {p - 1 if p > 0 else len(starts) + p for p in places}
        found += [starts[place] for place in sorted(places) if 0 <= place < len(starts)]
    return [wall for wall in found if start <= wall <= last]
