"""Seeds of a fuzz target, from the fixtures: seeds.py TARGET DIRECTORY."""

import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parent.parent / "fixtures"
target, out = sys.argv[1], pathlib.Path(sys.argv[2])


def calendars():
    return [path.read_bytes() for path in sorted((root / "ics").rglob("*.ics"))]


def replies():
    return [path.read_bytes() for path in sorted((root / "caldav").glob("*.xml"))]


def rules():
    for text in calendars():
        text = re.sub(rb"\r?\n[ \t]", b"", text)
        start = re.search(rb"^DTSTART([;:][^\r\n]*)", text, re.M)
        for rule in re.findall(rb"^RRULE:([^\r\n]*)", text, re.M):
            yield (start.group(1) if start else b":20270301T090000Z") + b"\n" + rule


def answers():
    """What is asked first, then the replies in some orders, then a body within one."""
    all_replies = replies()
    for what in (0, 1, 2, 9, 17, 26):
        for turn in range(len(all_replies)):
            turned = all_replies[turn:] + all_replies[:turn]
            yield bytes([what]) + b"\n%%\n".join(turned[:6])
    for text in calendars()[:40]:
        yield bytes([0]) + b"200 ETag: \"2\"\n" + text


def pages():
    """What is asked first, then Google's replies and refusals in some orders."""
    folder = root / "google"
    all_pages = [path.read_bytes() for path in sorted(folder.glob("*.json"))]
    refusals = [path.name[:3].encode() + b"\n" + path.read_bytes() for path in sorted((folder / "refused").glob("*.json"))]
    event = b'{"id":"c9jmeg9hc5m66rrd","etag":"\\"1\\"","start":{"date":"2027-03-01"},"end":{"date":"2027-03-02"}}'
    for what in range(0, 5):
        for turn in range(len(all_pages)):
            turned = all_pages[turn:] + all_pages[:turn]
            yield bytes([what]) + b"\n%%\n".join(turned[:4])
        for refusal in refusals:
            yield bytes([what]) + b"\n%%\n".join([refusal, all_pages[turn % 3], event, refusal, event])
    yield bytes([3]) + b"\n%%\n".join([event] * 6)
    yield bytes([2]) + b"\n%%\n".join([(folder / "channel.json").read_bytes(), b"204\n"])


def bodies():
    documents = [
        b"{}",
        b'{"name":"x","scopes":["admin"]}',
        b'{"provider":"caldav","url":"https://cal.example/","username":"anna","password":"x"}',
        b'{"provider":"ics","url":"https://cal.example/a.ics"}',
        b'{"name":"Room","capacity":1,"calendars":[{"calendar_id":"cal_1"}],"time_zone":"Europe/Berlin"}',
        b'{"start":"2027-03-01T00:00:00Z","end":"2027-03-08T00:00:00Z","resources":["res_1"]}',
        b'{"a":' * 40 + b"1" + b"}" * 40,
        b'"\\ud800"',
        b"\xff\xfe",
    ]
    for operation in range(0, 48):
        for number, document in enumerate(documents):
            yield bytes([operation, number * 8 % 64]) + b"x_1?limit=2&after=1\n" + document


def addresses():
    listed = root / "hostile" / "urls.txt"
    if listed.exists():
        for line in listed.read_text().splitlines():
            if line and not line.startswith("#"):
                yield line.split("\t")[1].encode()
    yield from (b"https://example.com/", b"webcal://example.com:8443/a.ics", b"anna@example.org")


made = {"ics": calendars, "rrule": rules, "multistatus": answers, "google": pages, "http_bodies": bodies, "url": addresses}[target]()
for number, seed in enumerate(made):
    (out / f"{number:04}").write_bytes(seed)
