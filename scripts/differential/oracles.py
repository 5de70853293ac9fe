"""What two independent engines find, on the wall clock, for a rule without its end."""

import datetime as dt
import select
import signal
import subprocess
import warnings

from dateutil import rrule

from cases import DAYS

FORMAT = "%Y%m%dT%H%M%S"
MOST = 60_000
# What an engine has not found by then (dateutil: a fifth of it, in its own time) is not compared.
PATIENCE_S = 0.2


def bare_rule(case, more=None):
    """The rule without COUNT and UNTIL, which are applied the same way to every engine."""
    fields = {"FREQ": case["freq"]}
    if case["interval"] != 1:
        fields["INTERVAL"] = case["interval"]
    if case["week_start"]:
        fields["WKST"] = case["week_start"]
    fields |= case["parts"] | (more or {})
    text = lambda value: ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return ";".join(f"{name}={text(value)}" for name, value in fields.items())


def read(word):
    """Reads what FORMAT writes, ten times faster than strptime."""
    return dt.datetime(*(int(word[at:end]) for at, end in ((0, 4), (4, 6), (6, 8), (9, 11), (11, 13), (13, 15))))


class Libical:
    name = "libical"

    def __init__(self, program):
        self.path = program
        self.start()

    def start(self):
        self.program = subprocess.Popen([self.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def walls(self, case, last):
        start = case["start"].strftime(FORMAT)
        self.program.stdin.write(f"{start}\t{bare_rule(case)}\t{last.strftime(FORMAT)}\t{MOST}\n".encode())
        self.program.stdin.flush()
        # Some rules that never match are walked for centuries, and some crash it.
        answers, _, _ = select.select([self.program.stdout], [], [], PATIENCE_S)
        line = self.program.stdout.readline() if answers else b""
        if not line.endswith(b"\n"):
            self.program.kill()
            self.program.wait()
            self.start()
            return None
        words = line.decode().split()
        if words == ["error"]:
            return []  # It refuses rules that can never match.
        return None if words[-1:] == ["more"] else [read(word) for word in words]


class GaveUp(Exception):
    pass


def give_up(*_):
    raise GaveUp


class Dateutil:
    name = "dateutil"

    def __init__(self):
        signal.signal(signal.SIGVTALRM, give_up)

    def walls(self, case, last):
        try:
            return self.follow_for_a_while(case, last)
        except GaveUp:  # Also when the bell rings just as it is being stopped.
            return None

    def follow_for_a_while(self, case, last):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            signal.setitimer(signal.ITIMER_VIRTUAL, PATIENCE_S / 5)
            try:
                return self.follow(case, last)
            finally:
                signal.setitimer(signal.ITIMER_VIRTUAL, 0)

    def follow(self, case, last):
        try:
            rule = rrule.rrulestr(bare_rule(case, translated(case)), dtstart=case["start"])
        except ValueError:
            return []  # It refuses rules that can never match.
        found = []
        for wall in rule:
            if wall > last:
                break
            found.append(wall)
        return found


def translated(case):
    """The parts that dateutil reads otherwise than RFC 5545, in words that both read alike."""
    parts, freq = case["parts"], case["freq"]
    if "BYWEEKNO" in parts and not {"BYDAY", "BYMONTHDAY", "BYYEARDAY"} & parts.keys():
        # BYWEEKNO alone is all seven days to it; RFC 5545 means DTSTART's weekday.
        return {"BYDAY": DAYS[case["start"].weekday()]}
    days = parts.get("BYDAY", [])
    if any(len(day) > 2 for day in days) and any(len(day) == 2 for day in days):
        # FR,1SA is "a Friday and a first Saturday" to it: name every Friday by number.
        most = 53 if freq == "YEARLY" and "BYMONTH" not in parts else 5
        numbered = [[f"{n}{day}" for n in range(1, most + 1)] if len(day) == 2 else [day] for day in days]
        return {"BYDAY": [day for group in numbered for day in group]}
    return None
