"""Another client of somebody's calendar: the `caldav` package, which knows nothing of the hub.

    other_client.py SHOW|MOVE|RETITLE URL CALENDAR UID [--to 2027-03-04T15:00] [--title TEXT]

Prints the event as that client understands it, after what it did, as one line of JSON."""

import argparse
import datetime
import json

import caldav


def event_of(arguments):
    client = caldav.DAVClient(arguments.url, username="anna", password="anna-password")
    calendars = client.principal().calendars()
    (calendar,) = [one for one in calendars if one.name == arguments.calendar]
    return calendar.event_by_uid(arguments.uid)


def shown(event):
    component = event.icalendar_component
    zone = component["DTSTART"].params.get("TZID")
    start, end = component["DTSTART"].dt, component["DTEND"].dt
    return {
        "uid": str(component["UID"]),
        "title": str(component["SUMMARY"]),
        "class": str(component.get("CLASS", "PUBLIC")),
        "zone": zone,
        "start": start.isoformat(),
        "end": end.isoformat(),
        "people": len(component.get("ATTENDEE", [])) + ("ORGANIZER" in component),
        "zones": [str(one["TZID"]) for one in event.icalendar_instance.walk("VTIMEZONE")],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("verb", choices=["show", "move", "retitle"])
    parser.add_argument("url")
    parser.add_argument("calendar")
    parser.add_argument("uid")
    parser.add_argument("--to")
    parser.add_argument("--title")
    arguments = parser.parse_args()
    event = event_of(arguments)
    component = event.icalendar_component
    if arguments.verb == "move":
        start, end = component["DTSTART"].dt, component["DTEND"].dt
        to = datetime.datetime.fromisoformat(arguments.to).replace(tzinfo=start.tzinfo)
        component["DTSTART"].dt = to
        component["DTEND"].dt = to + (end - start)
        event.save()
    elif arguments.verb == "retitle":
        component["SUMMARY"] = arguments.title
        event.save()
    print(json.dumps(shown(event_of(arguments))))


main()
