#!/usr/bin/env python3
"""An independent answer to "when is this calendar busy?", for comparison with calhub's.

    busy_oracle.py --from 2026-11-01T00:00:00Z --to 2027-11-01T00:00:00Z --tz Europe/Berlin DIRECTORY

Reads every .ics file below DIRECTORY with the `icalendar` package, expands with python-dateutil on wall-clock times and maps with
zoneinfo, and prints JSON: [[start, end, kind], ...], merged, clipped to the window, kind out_of_office > busy > tentative.
Follows RFC 5545 (exact length with DTEND; offset before a gap; first of an overlap). Shares no code with calhub.
"""

import argparse
import datetime as dt
import json
import pathlib
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr
from icalendar import Calendar

UTC = dt.timezone.utc
WINDOWS = {"W. Europe Standard Time": "Europe/Berlin", "Eastern Standard Time": "America/New_York",
           "GMT Standard Time": "Europe/London", "Tokyo Standard Time": "Asia/Tokyo"}
RANK = {"tentative": 1, "busy": 2, "out_of_office": 3}


class Zones:
    def __init__(self, owner):
        self.owner = ZoneInfo(owner)

    def of(self, prop):
        name = prop.params.get("TZID")
        return ZoneInfo(WINDOWS.get(name, name)) if name else None


def instant(naive, zone):
    """A wall-clock time as an instant; fold=0 is RFC 5545's choice in gaps and overlaps."""
    return naive.replace(tzinfo=zone, fold=0).astimezone(UTC)


def naive_text(text):
    text = str(text)
    return dt.datetime.strptime(text.rstrip("Z"), "%Y%m%dT%H%M%S" if "T" in text else "%Y%m%d")


class Time:
    """A property's value: wall-clock time, zone, whether it is a date."""

    def __init__(self, prop, zones):
        raw = prop.to_ical().decode()
        self.is_date = len(raw) == 8
        self.wall = naive_text(raw)
        self.zone = UTC if raw.endswith("Z") else (zones.of(prop) or zones.owner)

    def at(self):
        return instant(self.wall, self.zone)


def kind(event):
    if str(event.get("STATUS", "")).upper() == "CANCELLED":
        return None
    status = str(event.get("X-MICROSOFT-CDO-BUSYSTATUS", "")).upper()
    if status:
        return {"FREE": None, "TENTATIVE": "tentative", "OOF": "out_of_office"}.get(status, "busy")
    if str(event.get("TRANSP", "")).upper() == "TRANSPARENT":
        return None
    return "tentative" if str(event.get("STATUS", "")).upper() == "TENTATIVE" else "busy"


def ends(event, start, zones):
    """A function from an instance's wall-clock start to its end instant."""
    if start.is_date:
        days = (Time(event["DTEND"], zones).wall - start.wall).days if "DTEND" in event else 1
        return lambda wall: instant(wall + dt.timedelta(days=days), start.zone)
    if "DTEND" in event:
        exact = Time(event["DTEND"], zones).at() - start.at()
    else:
        exact = event["DURATION"].dt
    return lambda wall: instant(wall, start.zone) + exact


def instances(components, zones, window_end):
    masters = [c for c in components if "RECURRENCE-ID" not in c]
    overrides = {Time(c["RECURRENCE-ID"], zones).at(): c for c in components if "RECURRENCE-ID" in c}
    for event in overrides.values():
        start = Time(event["DTSTART"], zones)
        yield start.at(), ends(event, start, zones)(start.wall), kind(event)
    for event in masters:
        start = Time(event["DTSTART"], zones)
        end = ends(event, start, zones)
        walls = [start.wall]
        if "RRULE" in event:
            walls = expand(event["RRULE"].to_ical().decode(), start, window_end)
        excluded = set()
        for line in event.get("EXDATE", []) if isinstance(event.get("EXDATE"), list) else filter(None, [event.get("EXDATE")]):
            zone = zones.of(line) or zones.owner
            excluded |= {instant(naive_text(v.to_ical().decode()), UTC if v.to_ical().endswith(b"Z") else zone) for v in line.dts}
        for wall in walls:
            at = instant(wall, start.zone)
            if at not in excluded and at not in overrides:
                yield at, end(wall), kind(event)


def expand(rule, start, window_end):
    parts = dict(part.split("=", 1) for part in rule.split(";") if part)
    if "UNTIL" in parts:
        until = naive_text(parts["UNTIL"])
        if parts["UNTIL"].endswith("Z"):
            until = until.replace(tzinfo=UTC).astimezone(start.zone).replace(tzinfo=None)
        parts["UNTIL"] = until.strftime("%Y%m%dT%H%M%S")
    text = ";".join(f"{k}={v}" for k, v in parts.items())
    limit = window_end.replace(tzinfo=None) + dt.timedelta(days=2)
    walls = []
    for wall in rrulestr(text, dtstart=start.wall):
        if wall > limit:
            break
        walls.append(wall)
    return walls


def merge(found, begin, end):
    """Strongest kind wins; touching pieces of one kind join."""
    clipped = [(max(s, begin), min(e, end), k) for s, e, k in found if k and s < e and s < end and e > begin]
    edges = sorted({t for s, e, _ in clipped for t in (s, e)})
    merged = []
    for left, right in zip(edges, edges[1:]):
        kinds = [k for s, e, k in clipped if s <= left and e >= right]
        if kinds:
            best = max(kinds, key=RANK.get)
            if merged and merged[-1][1] == left and merged[-1][2] == best:
                merged[-1][1] = right
            else:
                merged.append([left, right, best])
    return merged


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("directory", type=pathlib.Path)
    options.add_argument("--from", dest="begin", type=dt.datetime.fromisoformat, required=True)
    options.add_argument("--to", dest="end", type=dt.datetime.fromisoformat, required=True)
    options.add_argument("--tz", required=True)
    chosen = options.parse_args()
    zones, found = Zones(chosen.tz), []
    for path in sorted(chosen.directory.glob("**/*.ics")):
        by_uid = {}
        for event in Calendar.from_ical(path.read_bytes()).walk("VEVENT"):
            by_uid.setdefault(str(event["UID"]), []).append(event)
        for components in by_uid.values():
            found += instances(components, zones, chosen.end)
    text = lambda moment: moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    print(json.dumps([[text(s), text(e), k] for s, e, k in merge(found, chosen.begin, chosen.end)]))


if __name__ == "__main__":
    main()
