"""Compares calhub's expansion with two other engines' over many random rules. Run it by ./run."""

import argparse
import collections
import concurrent.futures
import datetime as dt
import functools
import json
import subprocess
import sys
import time
import zoneinfo

import weeks
from cases import FREQS, case as make_case
from known import known_difference
from oracles import FORMAT, Dateutil, Libical, bare_rule

UTC = dt.timezone.utc
# More than any wall clock is from UTC.
NEAR = dt.timedelta(days=2)


def instant(wall, zone):
    """Seconds since 1970. Without a fold the offset is the one before a gap, and the first of an overlap."""
    return int(wall.replace(tzinfo=zoneinfo.ZoneInfo(zone)).timestamp())


def within_end(case, walls):
    """DTSTART, which always counts, and the starts after it up to COUNT or UNTIL."""
    start, end = case["start"], case["end"]
    walls = [wall for wall in walls if wall > start]
    if end and end[0] == "COUNT":
        walls = walls[: end[1] - 1]
    elif end:
        until, form = end[1], end[2]
        if form == "Z" and not case["is_date"]:
            instant_s = int(until.replace(tzinfo=UTC).timestamp())
            walls = [wall for wall in walls if wall < until - NEAR
                     or wall < until + NEAR and instant(wall, case["zone"]) <= instant_s]
        elif form == "local" and not case["is_date"]:
            walls = [wall for wall in walls if wall <= until]
        else:
            walls = [wall for wall in walls if wall.date() <= until.date()]
    return [start] + walls


def end_text(case):
    end = case["end"]
    if not end:
        return ""
    if end[0] == "COUNT":
        return f";COUNT={end[1]}"
    if case["is_date"] or end[2] == "date":
        return f";UNTIL={end[1]:%Y%m%d}"
    return f";UNTIL={end[1]:{FORMAT}}" + ("Z" if end[2] == "Z" else "")


def choose_exceptions(case, walls):
    """EXDATEs, RDATEs and moved instances, some of them of starts that the rule really has."""
    rng, zone = case["rng"], case["zone"]
    inside = [wall for wall in walls if case["from"] <= wall < case["to"]]
    pick = lambda most: rng.sample(inside, min(len(inside), rng.randint(0, most)))
    if rng.random() < 0.5:
        return {"exdates": [], "rdates": [], "overrides": []}
    # One wall-clock time in another: as an instant, or in the series' own zone.
    moved = lambda wall: wall + dt.timedelta(hours=rng.choice([-26, -1, 3, 24 * 9]))
    return {
        "exdates": [(wall, rng.choice(["zone", "utc", "date"])) for wall in pick(4)],
        "rdates": [moved(wall) for wall in pick(3)] if not case["is_date"] else [],
        "overrides": [(wall, moved(wall)) for wall in pick(3)] if not case["is_date"] else [],
    }


def expected(case, exceptions, walls):
    zone = case["zone"]
    at = lambda wall: instant(wall, zone)
    gone_days = {wall.date() for wall, form in exceptions["exdates"] if form == "date" or case["is_date"]}
    gone = {at(wall) for wall, form in exceptions["exdates"] if not (form == "date" or case["is_date"])}
    gone |= {at(wall) for wall, _ in exceptions["overrides"]}
    walls = {wall for wall in walls if case["from"] - NEAR < wall < case["to"] + NEAR} | set(exceptions["rdates"])
    starts = {at(wall) for wall in walls if wall.date() not in gone_days and at(wall) not in gone}
    starts |= {at(start) for _, start in exceptions["overrides"]}
    first, last = (int(case[name].replace(tzinfo=UTC).timestamp()) for name in ("from", "to"))
    return sorted(start for start in starts if first <= start < last)


def request(case, exceptions):
    zone = case["zone"]

    def line(wall, form="zone"):
        if case["is_date"] or form == "date":
            return f"DTSTART;VALUE=DATE:{wall:%Y%m%d}"
        if form == "utc" or zone == "UTC":
            return f"DTSTART:{dt.datetime.fromtimestamp(instant(wall, zone), UTC):{FORMAT}}Z"
        return f"DTSTART;TZID={zone}:{wall:{FORMAT}}"

    return {
        "dtstart": line(case["start"]), "rule": bare_rule(case) + end_text(case),
        "exdates": [line(wall, form) for wall, form in exceptions["exdates"]],
        "rdates": [line(wall) for wall in exceptions["rdates"]],
        "overrides": [[line(wall), line(start)] for wall, start in exceptions["overrides"]],
        "from": f"{case['from']:%Y-%m-%dT%H:%M:%SZ}", "to": f"{case['to']:%Y-%m-%dT%H:%M:%SZ}",
    }


def run_share(options, numbers):
    """Works through some of the cases with engines of its own."""
    oracles = [Dateutil(), Libical(options.libical)]
    engine = subprocess.Popen([options.engine], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    tally, reasons, starts = collections.Counter(), collections.Counter(), 0
    for number in numbers:
        case = make_case(options.seed, number)
        # A clock change may lay a start up to three hours before others that come first on the wall.
        last = case["to"].replace(tzinfo=UTC).astimezone(zoneinfo.ZoneInfo(case["zone"])).replace(tzinfo=None)
        last += dt.timedelta(hours=3)
        found = {oracle.name: oracle.walls(case, last) for oracle in oracles}
        exceptions = choose_exceptions(case, within_end(case, found["dateutil"] or []))
        asked = request(case, exceptions)
        engine.stdin.write(json.dumps(asked) + "\n")
        engine.stdin.flush()
        ours = json.loads(engine.stdout.readline())
        starts += len(ours) if isinstance(ours, list) else 0
        theirs = {name: expected(case, exceptions, within_end(case, walls))
                  for name, walls in found.items() if walls is not None}
        for name, walls in found.items():
            agreed = theirs.get("dateutil") == theirs.get("libical")
            by_definition = lambda: ours == expected(case, exceptions, within_end(case, weeks.walls(case, last)))
            if walls is not None and theirs[name] == ours:
                verdict = "same"
            elif reason := known_difference(name, case, walls, agreed, by_definition):
                verdict = "known"
                reasons[name, reason] += 1
            else:
                verdict = "unexplained"
                show(name, number, asked, ours, theirs[name])
            tally[case["freq"], f"{name} {verdict}"] += 1
    return tally, reasons, starts


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--cases", type=int, default=5000)
    options.add_argument("--seed", default="calhub-1")
    options.add_argument("--jobs", type=int, default=2)
    options.add_argument("--engine", required=True)
    options.add_argument("--libical", required=True)
    options = options.parse_args()
    began = time.monotonic()
    shares = [range(first, min(first + 500, options.cases)) for first in range(0, options.cases, 500)]
    tally, reasons, starts = collections.Counter(), collections.Counter(), 0
    with concurrent.futures.ProcessPoolExecutor(options.jobs) as pool:
        for one in pool.map(functools.partial(run_share, options), shares):
            tally, reasons, starts = tally + one[0], reasons + one[1], starts + one[2]
            print(f"\r{sum(tally.values()) // 2} cases", end="", file=sys.stderr, flush=True)
    report(options, tally, reasons, starts)
    print(f"\n{time.monotonic() - began:.0f} s", file=sys.stderr)
    sys.exit(1 if any(key[1].endswith("unexplained") for key in tally) else 0)


def show(name, number, asked, ours, theirs):
    print(f"\ncase {number} differs from {name}: {json.dumps(asked)}", file=sys.stderr)
    if not isinstance(ours, list) or theirs is None:
        print(f"  ours {ours if not isinstance(ours, list) else len(ours)}, theirs {theirs and len(theirs)}", file=sys.stderr)
        return
    readable = lambda stamps: [f"{dt.datetime.fromtimestamp(s, UTC):%Y-%m-%d %a %H:%M:%S}" for s in sorted(stamps)[:6]]
    print(f"  only ours   {readable(set(ours) - set(theirs))}", file=sys.stderr)
    print(f"  only theirs {readable(set(theirs) - set(ours))}", file=sys.stderr)


def report(options, tally, reasons, starts):
    columns = [f"{name} {verdict}" for name in ("dateutil", "libical") for verdict in ("same", "known", "unexplained")]
    print(f"{options.cases} cases, seed {options.seed!r}, {starts} starts\n")
    print("| FREQ | " + " | ".join(columns) + " |")
    print("|---|" + "---:|" * len(columns))
    for freq in FREQS:
        print(f"| {freq} | " + " | ".join(str(tally[freq, column]) for column in columns) + " |")
    print("| all | " + " | ".join(str(sum(tally[freq, column] for freq in FREQS)) for column in columns) + " |")
    print("\nKnown differences (`known.py` says exactly when each may occur):\n")
    for (name, reason), count in reasons.most_common():
        print(f"- {name}, {count}: {reason}")


if __name__ == "__main__":
    main()
