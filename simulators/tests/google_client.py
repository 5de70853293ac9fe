"""Drives a served simulator with Google's official Python client, and checks every exchange against Google's own
discovery document.

    google_client.py BASE_URL CLIENT_ID CLIENT_SECRET REFRESH_TOKEN CALLBACK

The client is told nothing but the address: requests, pages, batches and refreshing are its own. The document is the one
that the package bundles; the checks here share nothing with those inside the simulator.
"""

import datetime
import json
import re
import sys
import urllib.parse
import uuid

import google.auth.exceptions
import google_auth_httplib2
import httplib2
from google.api_core.client_options import ClientOptions
from google.oauth2.credentials import Credentials
from googleapiclient.discovery import build_from_document
from googleapiclient.discovery_cache import get_static_doc
from googleapiclient.errors import HttpError

BASE, CLIENT_ID, CLIENT_SECRET, REFRESH, CALLBACK = sys.argv[1:]
DOCUMENT = json.loads(get_static_doc("calendar", "v3"))
SCHEMAS = DOCUMENT["schemas"]


def departs(shape, value, path):
    """The places where a value departs from a schema."""
    if "$ref" in shape:
        return departs(SCHEMAS[shape["$ref"]], value, path)
    kind = shape["type"]
    if kind == "array":
        if not isinstance(value, list):
            return [f"{path} is no array"]
        return [f for n, item in enumerate(value) for f in departs(shape["items"], item, f"{path}[{n}]")]
    if kind == "object":
        if not isinstance(value, dict):
            return [f"{path} is no object"]
        faults = []
        for name, field in value.items():
            known = shape.get("properties", {}).get(name, shape.get("additionalProperties"))
            if known is None:
                faults.append(f"{path}.{name} is unknown")
            else:
                faults += departs(known, field, f"{path}.{name}")
        return faults
    types = {"string": str, "boolean": bool, "integer": int, "number": (int, float), "any": object}
    if not isinstance(value, types[kind]) or (kind == "integer" and isinstance(value, bool)):
        return [f"{path} is no {kind}: {value!r}"]
    form = shape.get("format")
    try:
        if form == "date-time":
            datetime.datetime.fromisoformat(value.replace("Z", "+00:00"))
        elif form == "date":
            datetime.date.fromisoformat(value)
        elif form in ("int64", "int32"):
            int(value)
    except ValueError:
        return [f"{path} is no {form}: {value!r}"]
    return []


def methods():
    for resource in DOCUMENT["resources"].values():
        for method in resource["methods"].values():
            pattern = re.sub(r"\{\w+\}", "[^/]+", method["path"])
            # Literal paths before those with places, so that `import` is no event.
            yield method["path"].count("{"), method["httpMethod"], re.compile(f"/calendar/v3/{pattern}$"), method


METHODS = sorted(methods(), key=lambda row: row[0])


def method_of(verb, path):
    return next((m for _, http, pattern, m in METHODS if http == verb and pattern.match(path)), None)


class Watched(httplib2.Http):
    """A transport that notes what departs from the document in either direction."""

    faults, seen = [], 0

    def request(self, uri, method="GET", body=None, headers=None, **more):
        response, content = super().request(uri, method=method, body=body, headers=headers, **more)
        parts = urllib.parse.urlsplit(uri)
        if parts.path.startswith("/calendar/v3/"):
            self.check(method, parts, body, response, content)
        return response, content

    def check(self, verb, parts, body, response, content):
        Watched.seen += 1
        told = method_of(verb, parts.path)
        if told is None:
            self.faults.append(f"{verb} {parts.path} is in no document")
            return
        for name, value in urllib.parse.parse_qsl(parts.query):
            known = told.get("parameters", {}).get(name) or DOCUMENT["parameters"].get(name)
            if known is None:
                self.faults.append(f"{told['id']}: the parameter {name} is unknown")
            elif "enum" in known and value not in known["enum"]:
                self.faults.append(f"{told['id']}: {name} may not be {value}")
        if body and "request" in told:
            self.faults += departs(told["request"], without_nulls(json.loads(body)), told["id"] + " asked")
        if response.status == 200 and "response" in told:
            self.faults += departs(told["response"], json.loads(content), told["id"] + " answered")
        if response.status >= 400 and content:
            error = json.loads(content)["error"]
            assert error["code"] == response.status and error["errors"][0]["reason"], error


def without_nulls(value):
    if isinstance(value, dict):
        return {name: without_nulls(field) for name, field in value.items() if field is not None}
    return value


def service(refresh=REFRESH):
    credentials = Credentials(
        None, refresh_token=refresh, token_uri=f"{BASE}/g/token", client_id=CLIENT_ID, client_secret=CLIENT_SECRET
    )
    http = google_auth_httplib2.AuthorizedHttp(credentials, http=Watched())
    # The endpoint is for single calls; batches go below the document's root.
    document, options = {**DOCUMENT, "rootUrl": f"{BASE}/"}, ClientOptions(api_endpoint=f"{BASE}/calendar/v3/")
    return build_from_document(document, http=http, client_options=options)


def refused(call, status, reason=None):
    try:
        call.execute()
    except HttpError as error:
        assert error.status_code == status, (error.status_code, error.content)
        if reason:
            assert error.error_details[0]["reason"] == reason, error.error_details
        return error
    raise AssertionError(f"{status} was expected")


def event(name, **more):
    return {
        "id": name,
        "summary": name,
        "start": {"dateTime": "2027-03-01T09:00:00+01:00", "timeZone": "Europe/Berlin"},
        "end": {"dateTime": "2027-03-01T10:00:00+01:00", "timeZone": "Europe/Berlin"},
        **more,
    }


def control(verb, path, body=None):
    _, content = httplib2.Http().request(f"{BASE}/_sim/{path}", method=verb, body=body and json.dumps(body))
    return json.loads(content)


def pages(api, **query):
    request = api.events().list(calendarId="primary", **query)
    items = []
    while request is not None:
        answer = request.execute()
        items += answer["items"]
        request = api.events().list_next(request, answer)
    return items, answer["nextSyncToken"]


def writing(api):
    events = api.events()
    made = events.insert(calendarId="primary", body=event("booking1"), sendUpdates="none").execute()
    refused(events.insert(calendarId="primary", body=event("booking1")), 409, "duplicate")
    patched = events.patch(calendarId="primary", eventId="booking1", body={"description": "x", "location": None}).execute()
    assert patched["description"] == "x" and patched["etag"] != made["etag"]
    stale = events.update(calendarId="primary", eventId="booking1", body=event("booking1"))
    stale.headers["If-Match"] = made["etag"]
    refused(stale, 412, "conditionNotMet")
    fresh = events.update(calendarId="primary", eventId="booking1", body=patched)
    fresh.headers["If-Match"] = patched["etag"]
    assert fresh.execute()["sequence"] == 0
    meet = event("meeting1", conferenceData={"createRequest": {"requestId": "r1"}})
    meet = events.insert(calendarId="primary", body=meet, conferenceDataVersion=1).execute()
    assert meet["conferenceData"]["entryPoints"][0]["uri"] == meet["hangoutLink"]
    imported = {**event("x"), "iCalUID": "uid@elsewhere.example"}
    del imported["id"]
    first = events.import_(calendarId="primary", body=imported).execute()
    assert events.import_(calendarId="primary", body=imported).execute()["id"] == first["id"]
    assert events.quickAdd(calendarId="primary", text="Lunch").execute()["summary"] == "Lunch"
    assert events.delete(calendarId="primary", eventId="meeting1").execute() == ""
    refused(events.delete(calendarId="primary", eventId="meeting1"), 410, "deleted")
    refused(events.get(calendarId="primary", eventId="never1"), 404, "notFound")
    assert events.get(calendarId="primary", eventId="meeting1").execute()["status"] == "cancelled"
    refused(events.insert(calendarId="primary", body={"summary": "x"}), 400, "required")


def series(api):
    events = api.events()
    events.insert(calendarId="primary", body=event("series", recurrence=["RRULE:FREQ=WEEKLY;COUNT=4"])).execute()
    found = events.instances(calendarId="primary", eventId="series").execute()["items"]
    assert [row["id"] for row in found][1] == "series_20270308T080000Z", found
    events.delete(calendarId="primary", eventId=found[1]["id"]).execute()
    move = {"start": {"dateTime": "2027-03-16T09:00:00Z"}, "end": {"dateTime": "2027-03-16T10:00:00Z"}}
    events.patch(calendarId="primary", eventId=found[2]["id"], body=move).execute()
    rows = {row["id"]: row for row in pages(api)[0]}
    assert rows[found[1]["id"]]["status"] == "cancelled" and "start" not in rows[found[1]["id"]]
    assert rows[found[2]["id"]]["originalStartTime"] == found[2]["originalStartTime"]
    single, _ = pages(api, singleEvents=True, timeMin="2027-03-01T00:00:00Z", timeMax="2027-04-01T00:00:00Z")
    assert len([row for row in single if row.get("recurringEventId") == "series"]) == 3


def syncing(api):
    events = api.events()
    for n in range(7):
        events.insert(calendarId="primary", body=event(f"page{n}")).execute()
    items, token = pages(api, maxResults=3)
    assert len({row["id"] for row in items}) == len(items) >= 10
    events.delete(calendarId="primary", eventId="page0").execute()
    events.patch(calendarId="primary", eventId="page1", body={"summary": "new"}).execute()
    changes, following = pages(api, maxResults=1, syncToken=token)
    assert [(row["id"], row["status"]) for row in changes] == [("page0", "cancelled"), ("page1", "confirmed")]
    refused(events.list(calendarId="primary", syncToken=following, timeMin="2027-03-01T00:00:00Z"), 400)
    account = urllib.parse.quote(api.calendars().get(calendarId="primary").execute()["id"])
    control("PATCH", f"google/accounts/{account}", {"expire_sync_tokens": "told"})
    refused(events.list(calendarId="primary", syncToken=following), 410, "fullSyncRequired")


def calendars(api):
    made = api.calendars().insert(body={"summary": "Bookings", "timeZone": "Europe/London"}).execute()
    request, listed = api.calendarList().list(maxResults=1), []
    while request is not None:
        answer = request.execute()
        listed += answer["items"]
        request = api.calendarList().list_next(request, answer)
    assert {row["accessRole"] for row in listed} == {"owner"} and len(listed) == 2 and "nextSyncToken" in answer
    moved = api.events().move(calendarId="primary", eventId="booking1", destination=made["id"]).execute()
    assert moved["organizer"]["email"] == made["id"]
    left = [row for row in pages(api, showDeleted=True)[0] if row["id"] == "booking1"]
    assert left[0].keys() == {"kind", "etag", "id", "status"}, left
    asked = {"timeMin": "2027-03-01T00:00:00Z", "timeMax": "2027-03-02T00:00:00Z",
             "items": [{"id": made["id"]}, {"id": "stranger@example.com"}]}
    busy = api.freebusy().query(body=asked).execute()["calendars"]
    assert busy[made["id"]]["busy"] == [{"start": "2027-03-01T08:00:00Z", "end": "2027-03-01T09:00:00Z"}], busy
    assert busy["stranger@example.com"]["errors"][0]["reason"] == "notFound"
    api.calendarList().patch(calendarId=made["id"], body={"hidden": True}).execute()
    api.calendars().delete(calendarId=made["id"]).execute()
    refused(api.events().list(calendarId=made["id"]), 404, "notFound")
    assert api.settings().get(setting="timezone").execute()["value"] == "Europe/Berlin"
    assert len(api.settings().list().execute()["items"]) >= 5


def channels(api):
    body = {"id": str(uuid.uuid4()), "type": "web_hook", "address": CALLBACK, "token": "t",
            "params": {"ttl": "99999999"}}
    opened = api.events().watch(calendarId="primary", body=body).execute()
    assert opened["kind"] == "api#channel" and opened["expiration"].isdigit()
    refused(api.events().watch(calendarId="primary", body=body), 400, "channelIdNotUnique")
    stop = {"id": opened["id"], "resourceId": opened["resourceId"]}
    assert api.channels().stop(body=stop).execute() == ""
    refused(api.channels().stop(body=stop), 404)


def batches(api):
    answers = {}

    def note(number, answer, error):
        answers[number] = error.status_code if error else answer

    batch = api.new_batch_http_request(callback=note)
    for n in range(4):
        batch.add(api.events().insert(calendarId="primary", body=event(f"batch{n}")), request_id=f"made{n}")
    batch.add(api.events().get(calendarId="primary", eventId="never1"), request_id="never")
    batch.execute()
    assert answers["never"] == 404 and answers["made3"]["id"] == "batch3", answers


def ending(api):
    _, content = httplib2.Http().request(
        f"{BASE}/g/revoke", method="POST", body=urllib.parse.urlencode({"token": REFRESH}),
        headers={"content-type": "application/x-www-form-urlencoded"})
    try:
        service().events().list(calendarId="primary").execute()
    except google.auth.exceptions.RefreshError as error:
        assert "invalid_grant" in str(error), error
    else:
        raise AssertionError("a revoked grant still refreshes")


def sharpness():
    """The check itself finds what is wrong."""
    wrong = [{"titel": "x"}, {"summary": 5}, {"created": "yesterday"}, {"start": {"date": "1.3."}}, {"attendees": {}}]
    for body in wrong:
        assert departs({"$ref": "Event"}, body, "event"), body
    assert not departs({"$ref": "Event"}, event("x"), "event")


if __name__ == "__main__":
    sharpness()
    api = service()
    for step in (writing, series, syncing, calendars, channels, batches, ending):
        step(api)
    violations = control("GET", "google/violations")
    assert not Watched.faults, "\n".join(Watched.faults)
    assert violations == [], violations
    print(f"{Watched.seen} exchanges, none departs from revision {DOCUMENT['revision']} of the discovery document")
