"""Differences that are known, each by a rule that says exactly when it may occur. All others are faults.

A difference from libical is only known while dateutil does not side with it against us. The exception is
BYWEEKNO with INTERVAL: where a week crosses the turn of the year, both go by the calendar year of each day.
"""

from cases import DAYS, FREQS


def known_difference(name, case, walls, agreed):
    """The reason, or None when the difference is not explained."""
    if walls is None:
        return "gave up (150 ms, or a crash): not compared"
    if name == "dateutil":
        return dateutil(case, case["parts"], case["freq"])
    by_years_of_weeks = "BYWEEKNO" in case["parts"] and case["interval"] > 1
    return None if agreed and not by_years_of_weeks else libical(case, case["parts"], case["freq"])


def dateutil(case, parts, freq):
    if "BYWEEKNO" in parts and (case["interval"] > 1 or "BYSETPOS" in parts):
        return "BYWEEKNO: a week that crosses the turn of the year is cut by calendar years; ours belongs to one year"
    if any(week < 0 for week in parts.get("BYWEEKNO", [])):
        return "BYWEEKNO: a negative week that crosses the turn of the year lacks its days of the old year"
    if freq == "WEEKLY" and "BYSETPOS" in parts:
        return "BYSETPOS: its first week begins with DTSTART; ours with WKST"
    return None


def libical(case, parts, freq):
    start_day, week_start = DAYS[case["start"].weekday()], case["week_start"]
    if "BYSETPOS" in parts and freq not in ("YEARLY", "MONTHLY"):
        return "BYSETPOS is ignored unless FREQ is YEARLY or MONTHLY"
    if "BYSETPOS" in parts and parts.keys() & {"BYHOUR", "BYMINUTE", "BYSECOND"}:
        return "BYSETPOS counts days, not the times of day on them"
    if freq == "YEARLY" and "BYMONTHDAY" in parts and "BYMONTH" not in parts:
        return "YEARLY;BYMONTHDAY without BYMONTH is looked for in DTSTART's month only"
    if "BYYEARDAY" in parts and parts.keys() & {"BYMONTH", "BYMONTHDAY"}:
        return "BYYEARDAY with BYMONTH or BYMONTHDAY is refused"
    if "BYWEEKNO" in parts and (case["interval"] > 1 or "BYMONTH" in parts or min(parts["BYWEEKNO"]) < 0 or week_start not in (None, "MO")):
        return "BYWEEKNO that is negative, with INTERVAL, BYMONTH or WKST finds other weeks"
    if freq in FREQS[4:] and case["interval"] > 1 and parts.keys() & {"BYHOUR", "BYMINUTE", "BYSECOND"}:
        return "INTERVAL is forgotten where a rule within the day has a list of its own times"
    if any(day < 0 for day in parts.get("BYMONTHDAY", [])) and freq not in ("YEARLY", "MONTHLY"):
        return "a negative BYMONTHDAY does not match where it limits"
    if freq == "WEEKLY" and case["interval"] > 1 and "BYDAY" in parts:
        if start_day not in parts["BYDAY"] or week_start not in (None, "MO"):
            return "WEEKLY with INTERVAL, where DTSTART is not in BYDAY or WKST is not MO, is a week off"
    return None
