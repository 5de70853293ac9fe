"""Random recurrence rules that RFC 5545 allows, each the same again for the same seed."""

import datetime as dt
import random

ZONES = [
    "UTC", "Europe/Berlin", "Europe/London", "Europe/Dublin", "America/New_York", "America/Los_Angeles",
    "America/St_Johns", "America/Sao_Paulo", "America/Santiago", "America/Asuncion", "Africa/Cairo",
    "Africa/Casablanca", "Asia/Kolkata", "Asia/Kathmandu", "Asia/Tehran", "Asia/Gaza", "Asia/Tokyo",
    "Australia/Lord_Howe", "Australia/Sydney", "Pacific/Apia", "Pacific/Chatham", "Atlantic/Azores",
]
DAYS = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]
DAY_S = 86400
FREQS = ["YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY", "SECONDLY"]
WEIGHTS = [28, 28, 18, 14, 6, 4, 2]
# How long the window is, and how far it may lie from DTSTART, in days. The oracles walk all the way.
SPANS = {"YEARLY": (5000, 6000), "MONTHLY": (1000, 3000), "WEEKLY": (400, 2500), "DAILY": (90, 1000),
         "HOURLY": (6, 10), "MINUTELY": (0.5, 0.8), "SECONDLY": (0.02, 0.03)}


def some(rng, values, most):
    return sorted(rng.sample(values, rng.randint(1, min(most, len(values)))))


def signed(rng, most, count):
    return sorted({rng.choice([1, 1, -1]) * rng.randint(1, most) for _ in range(rng.randint(1, count))})


def chance(rng, percent):
    return rng.random() * 100 < percent


def near(parts, start):
    """Makes a rule that comes round within a day match its DTSTART, or most such rules would match nothing."""
    own = {"BYMONTH": start.month, "BYMONTHDAY": start.day, "BYYEARDAY": start.timetuple().tm_yday,
           "BYDAY": DAYS[start.weekday()], "BYHOUR": start.hour, "BYMINUTE": start.minute, "BYSECOND": start.second}
    return {name: sorted({*values, own[name]}) if name in own else values for name, values in parts.items()}


def by_parts(rng, freq, is_date):
    """The BY parts of one rule, only where RFC 5545 gives them a meaning."""
    parts = {}
    if chance(rng, 35 if freq == "YEARLY" else 20):
        parts["BYMONTH"] = some(rng, range(1, 13), 4)
    by_week = freq == "YEARLY" and chance(rng, 15)
    if by_week:
        parts["BYWEEKNO"] = some(rng, [1, 2, 20, 51, 52, 53, -1, -2, -53], 3)
    if freq in ("YEARLY", "HOURLY", "MINUTELY", "SECONDLY") and not by_week and chance(rng, 10):
        parts["BYYEARDAY"] = some(rng, [1, 60, 61, 100, 200, 365, 366, -1, -306, -307, -366], 4)
    if freq != "WEEKLY" and not by_week and chance(rng, 30):
        parts["BYMONTHDAY"] = signed(rng, 31, 4)
    if chance(rng, 45):
        days = some(rng, DAYS, 4)
        numbered = freq in ("YEARLY", "MONTHLY") and not by_week and chance(rng, 55)
        if numbered:
            most = 53 if freq == "YEARLY" and "BYMONTH" not in parts else 5
            days = [f"{signed(rng, most, 1)[0]}{day}" if chance(rng, 80) else day for day in days]
        parts["BYDAY"] = days
    if not is_date:
        if chance(rng, 15):
            parts["BYHOUR"] = some(rng, range(24), 4)
        if chance(rng, 12):
            parts["BYMINUTE"] = some(rng, range(60), 3)
        if chance(rng, 6):
            parts["BYSECOND"] = some(rng, range(60), 2)
    if parts and chance(rng, 18):
        has_times = parts.keys() & {"BYHOUR", "BYMINUTE", "BYSECOND"}
        most = 40 if freq == "YEARLY" and chance(rng, 20) else 4 if has_times or freq in FREQS[:3] else 1
        parts["BYSETPOS"] = signed(rng, most, 3)
    return parts


def case(seed, number):
    rng = random.Random(f"{seed}/{number}")
    freq = rng.choices(FREQS, WEIGHTS)[0]
    is_date = freq in FREQS[:4] and chance(rng, 12)
    span, distance = SPANS[freq]
    start = dt.datetime(1995, 1, 1) + dt.timedelta(days=rng.randrange(0, 11000))
    if chance(rng, 10):
        start = start.replace(month=rng.choice([1, 2, 12]), day=rng.choice([1, 28]))
    hour = rng.choice([0, 0, 1, 2, 2, 3, 9, 12, 18, 23])
    start = start.replace(hour=hour, minute=rng.choice([0, 0, 15, 30, 59]), second=rng.choice([0, 0, 0, 7]))
    if is_date:
        start = start.replace(hour=0, minute=0, second=0)
    parts = by_parts(rng, freq, is_date)
    if freq in FREQS[4:]:
        parts = near(parts, start)
    interval = rng.choice([1, 1, 1, 1, 2, 2, 3, 4, 5, 7, 12, 18, 70000 if freq == "MINUTELY" and chance(rng, 5) else 1])
    week_start = rng.choice([None, None, "MO", "SU", "TU", "SA"])
    first = start - dt.timedelta(hours=30)
    if chance(rng, 70):
        first += dt.timedelta(seconds=rng.randrange(int(distance * DAY_S)))
    last = min(first + dt.timedelta(seconds=DAY_S + rng.randrange(int(span * DAY_S))), dt.datetime(2036, 12, 1))
    end = None
    if chance(rng, 35):
        end = ("COUNT", rng.choice([1, 2, 3, 10, 50, 365, 1000]))
    elif chance(rng, 40):
        until = start + dt.timedelta(days=rng.randrange(0, int(distance + span) + 2), hours=rng.choice([0, 0, 1, 5]))
        end = ("UNTIL", until, rng.choice(["Z", "Z", "local", "date"]))
    return {
        "number": number, "freq": freq, "is_date": is_date, "zone": "UTC" if is_date else rng.choice(ZONES), "start": start,
        "interval": interval, "parts": parts, "week_start": week_start, "end": end,
        "from": first, "to": max(last, first + dt.timedelta(days=1)), "rng": rng,
    }
