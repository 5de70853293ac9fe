#!/usr/bin/env python3
"""Makes a calendar as people have them: a few hundred events in several zones, as five kinds of software write them.

    realistic_calendar.py DIRECTORY --around 2026-11-22 [--seed 7] [--events 320]

One file a UID (a CalDAV resource); the same seed and date make the same files. Nothing here knows calhub.
"""

import argparse
import datetime as dt
import pathlib
import random

VTIMEZONES = {
    "Europe/Berlin": [("DAYLIGHT", "19700329T020000", "+0100", "+0200", "FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU"),
                      ("STANDARD", "19701025T030000", "+0200", "+0100", "FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU")],
    "America/New_York": [("DAYLIGHT", "20070311T020000", "-0500", "-0400", "FREQ=YEARLY;BYMONTH=3;BYDAY=2SU"),
                         ("STANDARD", "20071104T020000", "-0400", "-0500", "FREQ=YEARLY;BYMONTH=11;BYDAY=1SU")],
    "Europe/London": [("DAYLIGHT", "19700329T010000", "+0000", "+0100", "FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU"),
                      ("STANDARD", "19701025T020000", "+0100", "+0000", "FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU")],
    "Australia/Sydney": [("DAYLIGHT", "20081005T020000", "+1000", "+1100", "FREQ=YEARLY;BYMONTH=10;BYDAY=1SU"),
                         ("STANDARD", "20080406T030000", "+1100", "+1000", "FREQ=YEARLY;BYMONTH=4;BYDAY=1SU")],
    "Asia/Tokyo": [("STANDARD", "19700101T000000", "+0900", "+0900", None)],
    "Asia/Kolkata": [("STANDARD", "19700101T000000", "+0530", "+0530", None)],
}
WINDOWS = {"Europe/Berlin": "W. Europe Standard Time", "America/New_York": "Eastern Standard Time",
           "Europe/London": "GMT Standard Time", "Asia/Tokyo": "Tokyo Standard Time"}
DAYS = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]
PRODIDS = {
    "google": "-//Google Inc//Google Calendar 70.9054//EN",
    "outlook": "Microsoft Exchange Server 2010",
    "apple": "-//Apple Inc.//macOS 14.5//EN",
    "nextcloud": "-//IDN nextcloud.com//Calendar app 5.0//EN",
    "thunderbird": "-//Mozilla.org/NONSGML Mozilla Calendar V1.1//EN",
}


def wall(moment):
    return moment.strftime("%Y%m%dT%H%M%S")


class Writer:
    """One resource: a master and its overrides, written in the manner of one product."""

    def __init__(self, rng, number, around):
        self.rng, self.around = rng, around
        self.product = rng.choice(list(PRODIDS))
        zones = list(WINDOWS) if self.product == "outlook" else list(VTIMEZONES)
        self.zone = rng.choice(zones)
        self.tzid = WINDOWS[self.zone] if self.product == "outlook" else self.zone
        self.uid = f"{number:04d}-{rng.getrandbits(48):012x}@{self.product}.example"

    def moment(self):
        day = self.around + dt.timedelta(days=self.rng.randint(-60, 390))
        return dt.datetime.combine(day, dt.time(self.rng.randint(7, 19), self.rng.choice([0, 15, 30, 45])))

    def time(self, name, moment, form):
        if form == "date":
            return f"{name};VALUE=DATE:{moment:%Y%m%d}"
        if form == "utc":
            return f"{name}:{wall(moment)}Z"
        if form == "floating":
            return f"{name}:{wall(moment)}"
        return f"{name};TZID={self.tzid}:{wall(moment)}"

    def component(self, lines):
        stamp = "DTSTAMP:20260901T080000Z"
        return ["BEGIN:VEVENT", f"UID:{self.uid}", stamp, *lines, "END:VEVENT"]

    def manner(self, allow_free=True):
        """SUMMARY, TRANSP, STATUS and what the product adds to them."""
        lines = [f"SUMMARY:{self.rng.choice(['Review', 'Zahnarzt', 'Lunch, with Bo', 'Yoga; Kurs', '診察'])}"]
        draw = self.rng.random()
        free = allow_free and draw < 0.12
        tentative = 0.12 <= draw < 0.22
        cancelled = 0.22 <= draw < 0.27
        if self.product == "outlook":
            busy = "FREE" if free else "TENTATIVE" if tentative else self.rng.choice(["BUSY", "BUSY", "OOF"])
            lines += [f"X-MICROSOFT-CDO-BUSYSTATUS:{busy}", f"TRANSP:{'TRANSPARENT' if free else 'OPAQUE'}"]
        else:
            lines.append(f"TRANSP:{'TRANSPARENT' if free else 'OPAQUE'}")
            if tentative:
                lines.append("STATUS:TENTATIVE")
        if cancelled:
            lines.append("STATUS:CANCELLED")
        elif not tentative and self.rng.random() < 0.5:
            lines.append("STATUS:CONFIRMED")
        if self.product == "apple":
            lines.append("X-APPLE-TRAVEL-ADVISORY-BEHAVIOR:AUTOMATIC")
        if self.rng.random() < 0.3:
            lines += ["BEGIN:VALARM", "ACTION:DISPLAY", "DESCRIPTION:soon", "TRIGGER:-PT15M", "END:VALARM"]
        return lines

    def single(self):
        start = self.moment()
        form = self.rng.choice(["zone", "zone", "zone", "utc", "floating"])
        length = dt.timedelta(minutes=self.rng.choice([15, 30, 45, 60, 90, 600]))
        end = self.time("DTEND", start + length, form)
        if self.rng.random() < 0.2:
            end = f"DURATION:PT{int(length.total_seconds()) // 60}M"
        return self.component([self.time("DTSTART", start, form), end, *self.manner()])

    def all_day(self):
        start, days = self.moment(), self.rng.choice([1, 1, 1, 2, 5])
        lines = [self.time("DTSTART", start, "date")]
        if days > 1 or self.rng.random() < 0.7:
            lines.append(self.time("DTEND", start + dt.timedelta(days=days), "date"))
        return self.component(lines + self.manner())

    def series(self):
        start = self.moment() - dt.timedelta(days=self.rng.choice([0, 30, 400, 2500]))
        weekday = DAYS[start.weekday()]
        last = start + dt.timedelta(days=self.rng.randint(20, 700))
        rule, step = self.rng.choice([
            (f"FREQ=WEEKLY;BYDAY={weekday}", 7),
            (f"FREQ=WEEKLY;INTERVAL=2;BYDAY={weekday}", 14),
            (f"FREQ=WEEKLY;UNTIL={wall(last)}Z", 7),
            (f"FREQ=DAILY;COUNT={self.rng.randint(3, 40)}", 1),
            (f"FREQ=DAILY;INTERVAL=3;UNTIL={wall(last)}Z", 3),
            (f"FREQ=MONTHLY;BYMONTHDAY={start.day}", None),
            (f"FREQ=MONTHLY;BYDAY={(start.day - 1) // 7 + 1}{weekday}", None),
            (f"FREQ=YEARLY;BYMONTH={start.month};BYMONTHDAY={start.day}", None),
        ])
        length = dt.timedelta(minutes=self.rng.choice([30, 45, 60, 120]))
        lines = [self.time("DTSTART", start, "zone"), self.time("DTEND", start + length, "zone"), f"RRULE:{rule}"]
        original = lambda n: start + dt.timedelta(days=step * n)
        if step and self.rng.random() < 0.4:
            lines.append(self.time("EXDATE", original(2), "zone"))
        parts = self.component(lines + self.manner(allow_free=False))
        if step and self.rng.random() < 0.5:
            moved = original(1) + dt.timedelta(days=1, hours=2)
            change = [self.time("RECURRENCE-ID", original(1), "zone"), self.time("DTSTART", moved, "zone"),
                      self.time("DTEND", moved + length * 2, "zone")]
            parts += self.component(change + self.manner())
        return parts

    def text(self):
        kind = self.rng.choices([self.single, self.all_day, self.series], [5, 2, 4])[0]
        body = kind()
        lines = ["BEGIN:VCALENDAR", "VERSION:2.0", f"PRODID:{PRODIDS[self.product]}"]
        if any(f"TZID={self.tzid}" in line for line in body):
            lines += ["BEGIN:VTIMEZONE", f"TZID:{self.tzid}"]
            for name, starts, before, after, rule in VTIMEZONES[self.zone]:
                lines += [f"BEGIN:{name}", f"DTSTART:{starts}", f"TZOFFSETFROM:{before}", f"TZOFFSETTO:{after}"]
                lines += [f"RRULE:{rule}"] if rule else []
                lines += [f"END:{name}"]
            lines += ["END:VTIMEZONE"]
        return "\r\n".join([*lines, *body, "END:VCALENDAR", ""])


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("directory", type=pathlib.Path)
    options.add_argument("--around", type=dt.date.fromisoformat, required=True)
    options.add_argument("--seed", type=int, default=7)
    options.add_argument("--events", type=int, default=320)
    chosen = options.parse_args()
    chosen.directory.mkdir(parents=True, exist_ok=True)
    rng = random.Random(chosen.seed)
    for number in range(chosen.events):
        writer = Writer(rng, number, chosen.around)
        (chosen.directory / f"{number:04d}.ics").write_text(writer.text(), encoding="utf-8", newline="")


if __name__ == "__main__":
    main()
