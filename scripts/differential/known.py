"""Differences that are known, each by a rule that says exactly when it may occur. All others are faults.

Where BYWEEKNO is involved, a difference is known only while weeks counted by their definition alone (weeks.py)
give what we give. Otherwise a difference from libical is known only while dateutil does not side with it, unless
dateutil's own difference is known.
"""

from cases import DAYS, FREQS


def known_difference(name, case, walls, agreed, by_definition):
    """The reason, or None when the difference is not explained. `by_definition` tells whether weeks.py agrees."""
    if walls is None:
        return "gave up or crashed: not compared"
    if "BYWEEKNO" in case["parts"]:
        return "BYWEEKNO, where weeks by their definition are as ours" if by_definition() else None
    if name == "dateutil":
        return dateutil(case["parts"], case["freq"])
    is_witness = dateutil(case["parts"], case["freq"]) is None
    return None if agreed and is_witness else libical(case, case["parts"], case["freq"])


def dateutil(parts, freq):
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
    negative_days = any(day < 0 for day in parts.get("BYMONTHDAY", []) + parts.get("BYYEARDAY", []))
    if "BYSETPOS" in parts and negative_days:
        return "BYSETPOS counts in the order of the list where BYMONTHDAY or BYYEARDAY has negative days"
    if freq in FREQS[4:] and {"BYMINUTE", "BYSECOND"} <= parts.keys():
        return "a rule within the day with BYMINUTE and BYSECOND loses starts"
    if freq in FREQS[4:] and case["interval"] > 1 and parts.keys() & {"BYHOUR", "BYMINUTE", "BYSECOND"}:
        return "INTERVAL is forgotten where a rule within the day has a list of its own times"
    if negative_days and freq not in ("YEARLY", "MONTHLY"):
        return "a negative BYMONTHDAY or BYYEARDAY does not match where it limits"
    if freq == "WEEKLY" and case["interval"] > 1 and "BYDAY" in parts:
        if start_day not in parts["BYDAY"] or week_start not in (None, "MO"):
            return "WEEKLY with INTERVAL, where DTSTART is not in BYDAY or WKST is not MO, is a week off"
    return None
