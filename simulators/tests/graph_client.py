"""Drives a served simulator with Microsoft's own Python client, and checks every answer against its published models.

    graph_client.py BASE_URL CLIENT_ID CLIENT_SECRET REFRESH_TOKEN CALLBACK

The client is told nothing but the address and where tokens come from: requests, pages, batches and parsing are its own. Its
models keep what they do not know apart (`additional_data`), which is how an unknown property shows; the checks here share
nothing with those inside the simulator.
"""

import asyncio
import dataclasses
import datetime
import enum
import json
import sys

import httpx
from kiota_abstractions.authentication import AccessTokenProvider, AllowedHostsValidator, BaseBearerTokenAuthenticationProvider
from kiota_abstractions.base_request_configuration import RequestConfiguration
from msgraph import GraphRequestAdapter, GraphServiceClient
from msgraph.generated.models.calendar import Calendar
from msgraph.generated.models.date_time_time_zone import DateTimeTimeZone
from msgraph.generated.models.day_of_week import DayOfWeek
from msgraph.generated.models.event import Event
from msgraph.generated.models.event_type import EventType
from msgraph.generated.models.exchange_id_format import ExchangeIdFormat
from msgraph.generated.models.free_busy_status import FreeBusyStatus
from msgraph.generated.models.item_body import ItemBody
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph.generated.models.patterned_recurrence import PatternedRecurrence
from msgraph.generated.models.recurrence_pattern import RecurrencePattern
from msgraph.generated.models.recurrence_pattern_type import RecurrencePatternType
from msgraph.generated.models.recurrence_range import RecurrenceRange
from msgraph.generated.models.recurrence_range_type import RecurrenceRangeType
from msgraph.generated.models.single_value_legacy_extended_property import SingleValueLegacyExtendedProperty
from msgraph.generated.models.subscription import Subscription
from msgraph.generated.users.item.calendar.get_schedule.get_schedule_post_request_body import GetSchedulePostRequestBody
from msgraph.generated.users.item.calendar_view.calendar_view_request_builder import CalendarViewRequestBuilder
from msgraph.generated.users.item.calendars.item.calendar_view.delta.delta_request_builder import DeltaRequestBuilder
from msgraph.generated.users.item.events.events_request_builder import EventsRequestBuilder
from msgraph.generated.users.item.translate_exchange_ids.translate_exchange_ids_post_request_body import (
    TranslateExchangeIdsPostRequestBody,
)

BASE, CLIENT_ID, CLIENT_SECRET, REFRESH, CALLBACK = sys.argv[1:]
MARK = "String {00020329-0000-0000-C000-000000000046} Name hub-mirror"
IMMUTABLE = 'IdType="ImmutableId"'
SEEN = []


class Tokens(AccessTokenProvider):
    """Refreshes as any app does, and takes the new refresh token each time."""

    def __init__(self):
        self.refresh, self.access = REFRESH, None

    async def get_authorization_token(self, uri, additional_authentication_context=None):
        if self.access is None:
            form = {"grant_type": "refresh_token", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET,
                    "refresh_token": self.refresh}
            told = httpx.post(f"{BASE}/common/oauth2/v2.0/token", data=form).json()
            assert told["refresh_token"] != self.refresh, "refresh tokens rotate"
            self.access, self.refresh = told["access_token"], told["refresh_token"]
        return self.access

    def get_allowed_hosts_validator(self):
        return AllowedHostsValidator([])


def departs(value, path):
    """What Microsoft's models did not know of a value that they read."""
    if isinstance(value, list):
        return [fault for n, item in enumerate(value) for fault in departs(item, f"{path}[{n}]")]
    if isinstance(value, enum.Enum) or not dataclasses.is_dataclass(value):
        return []
    unknown = [name for name in getattr(value, "additional_data", None) or {} if "@" not in name]
    faults = [f"{path}.{name} is unknown" for name in unknown]
    for field in dataclasses.fields(value):
        if field.name not in ("additional_data", "backing_store"):
            faults += departs(getattr(value, field.name), f"{path}.{field.name}")
    return faults


def seen(value):
    faults = departs(value, type(value).__name__)
    assert not faults, "\n".join(faults)
    SEEN.append(value)
    return value


def client():
    adapter = GraphRequestAdapter(BaseBearerTokenAuthenticationProvider(Tokens()))
    adapter.base_url = f"{BASE}/v1.0"
    return GraphServiceClient(request_adapter=adapter)


def asking(query=None, *prefer):
    asked = RequestConfiguration(query_parameters=query)
    for one in prefer:
        asked.headers.add("Prefer", one)
    return asked


def at(text):
    return DateTimeTimeZone(date_time=text, time_zone="W. Europe Standard Time")


def event(subject, **more):
    return Event(subject=subject, start=at("2027-03-01T09:00:00"), end=at("2027-03-01T10:00:00"), **more)


def weekly():
    pattern = RecurrencePattern(type=RecurrencePatternType.Weekly, interval=1, days_of_week=[DayOfWeek.Monday])
    ends = RecurrenceRange(type=RecurrenceRangeType.EndDate, start_date=datetime.date(2027, 3, 1),
                           end_date=datetime.date(2027, 3, 22))
    return PatternedRecurrence(pattern=pattern, range=ends)


async def refused(call, status, code):
    try:
        await call
    except ODataError as error:
        assert (error.response_status_code, error.error.code) == (status, code), error
        assert error.error.inner_error.request_id, "errors name their request"
        return
    raise AssertionError(f"{status} was expected")


async def mailbox(graph):
    me = seen(await graph.me.get())
    assert me.user_principal_name and me.id.count("-") == 4
    settings = seen(await graph.me.mailbox_settings.get())
    assert settings.working_hours.start_time == datetime.time(8), settings.working_hours
    assert len(seen(await graph.me.outlook.supported_time_zones.get()).value) == 139
    made = seen(await graph.me.calendars.post(Calendar(name="Bookings")))
    listed = seen(await graph.me.calendars.get()).value
    assert {row.name for row in listed} == {"Calendar", "Bookings"} and listed[0].is_default_calendar
    await refused(graph.me.calendars.post(Calendar(name="Bookings")), 409, "ErrorFolderExists")
    return made.id


async def writing(graph, calendar):
    events = graph.me.calendars.by_calendar_id(calendar).events
    mark = SingleValueLegacyExtendedProperty(id=MARK, value="b-1")
    body = event("Booking", transaction_id="b-1", single_value_extended_properties=[mark],
                 body=ItemBody(content="plain"), show_as=FreeBusyStatus.Oof)
    made = seen(await events.post(body))
    assert made.transaction_id == "b-1" and made.type == EventType.SingleInstance and made.show_as == FreeBusyStatus.Oof
    assert made.start.date_time == "2027-03-01T08:00:00.0000000" and made.start.time_zone == "UTC"
    assert seen(await events.post(body)).id == made.id, "no twin"
    filtered = EventsRequestBuilder.EventsRequestBuilderGetQueryParameters(
        filter=f"singleValueExtendedProperties/Any(ep: ep/id eq '{MARK}' and ep/value eq 'b-1')",
        expand=[f"singleValueExtendedProperties($filter=id eq '{MARK}')"], select=["subject", "start"], top=5)
    found = seen(await events.get(asking(filtered))).value
    assert [row.id for row in found] == [made.id] and found[0].single_value_extended_properties[0].value == "b-1"
    one = graph.me.events.by_event_id(made.id)
    changed = seen(await one.patch(Event(subject="Moved", location=None)))
    assert changed.subject == "Moved" and changed.change_key != made.change_key
    stale = asking()
    stale.headers.add("If-Match", made.additional_data["@odata.etag"])
    await refused(one.patch(Event(subject="Late"), stale), 412, "ErrorIrresolvableConflict")
    ids = TranslateExchangeIdsPostRequestBody(input_ids=[made.id], source_id_type=ExchangeIdFormat.RestId,
                                              target_id_type=ExchangeIdFormat.RestImmutableEntryId)
    told = seen(await graph.me.translate_exchange_ids.post(ids)).value[0].target_id
    assert seen(await graph.me.events.by_event_id(told).get(asking(None, IMMUTABLE))).subject == "Moved"
    await refused(graph.me.events.by_event_id(told).get(), 404, "ErrorItemNotFound")
    await one.delete()
    await refused(one.get(), 404, "ErrorItemNotFound")


async def series(graph, calendar):
    here = graph.me.calendars.by_calendar_id(calendar)
    window = DeltaRequestBuilder.DeltaRequestBuilderGetQueryParameters(
        start_date_time="2027-03-01T00:00:00Z", end_date_time="2027-06-01T00:00:00Z")
    prefer = (IMMUTABLE, "odata.maxpagesize=2")

    async def round(page):
        rows = []
        while True:
            rows += page.value
            if page.odata_delta_link:
                return rows, page.odata_delta_link
            page = seen(await here.calendar_view.delta.with_url(page.odata_next_link).get(asking(None, *prefer)))

    master = seen(await here.events.post(event("Stand-up", recurrence=weekly())))
    assert master.recurrence.range.end_date == datetime.date(2027, 3, 22)
    rows, link = await round(seen(await here.calendar_view.delta.get(asking(window, *prefer))))
    kinds = [row.type for row in rows]
    assert kinds == [EventType.SeriesMaster] + [EventType.Occurrence] * 4, kinds
    assert rows[1].subject is None and rows[1].series_master_id == rows[0].id, "occurrences are thin"
    view = CalendarViewRequestBuilder.CalendarViewRequestBuilderGetQueryParameters(
        start_date_time="2027-03-08T00:00:00Z", end_date_time="2027-03-09T00:00:00Z")
    second = seen(await here.calendar_view.get(asking(view))).value[0]
    await graph.me.events.by_event_id(second.id).delete()
    rows, link = await round(seen(await here.calendar_view.delta.with_url(link).get(asking(None, *prefer))))
    assert len(rows) == 4 and not any("@removed" in row.additional_data for row in rows), "no tombstone"
    await graph.me.events.by_event_id(master.id).delete()
    rows, link = await round(seen(await here.calendar_view.delta.with_url(link).get(asking(None, *prefer))))
    assert [row.additional_data["@removed"] for row in rows] == [{"reason": "deleted"}]
    control("PATCH", f"accounts/{(await graph.me.get()).mail}", {"expire_delta_links": True})
    await refused(here.calendar_view.delta.with_url(link).get(asking(None, *prefer)), 410, "SyncStateNotFound")


async def telling(graph, calendar):
    ends = datetime.datetime.fromisoformat(control("GET", "../clock")["now"].replace("Z", "+00:00"))
    wanted = Subscription(change_type="created,updated,deleted", notification_url=CALLBACK, client_state="secret",
                          lifecycle_notification_url=CALLBACK, resource=f"me/calendars/{calendar}/events",
                          expiration_date_time=ends + datetime.timedelta(days=6))
    made = seen(await graph.subscriptions.post(wanted))
    one = graph.subscriptions.by_subscription_id(made.id)
    renewed = seen(await one.patch(Subscription(expiration_date_time=ends + datetime.timedelta(days=3))))
    assert renewed.expiration_date_time < made.expiration_date_time
    assert [row.id for row in seen(await graph.subscriptions.get()).value] == [made.id]
    await one.delete()
    await refused(one.get(), 404, "ResourceNotFound")


async def schedules(graph):
    me = (await graph.me.get()).mail
    body = GetSchedulePostRequestBody(schedules=[me], start_time=at("2027-03-01T08:00:00"),
                                      end_time=at("2027-03-01T12:00:00"), availability_view_interval=60)
    await graph.me.calendar.events.post(event("Visit"))
    told = seen(await graph.me.calendar.get_schedule.post(body)).value[0]
    assert told.availability_view == "0200" and told.schedule_items[0].status == FreeBusyStatus.Busy


def control(verb, path, body=None):
    answer = httpx.request(verb, f"{BASE}/_sim/microsoft/{path}", content=body and json.dumps(body))
    assert answer.status_code == 200, answer.text
    return answer.json()


def sharpness():
    """The check itself finds what is wrong."""
    stray = Event(subject="x", body=ItemBody(content="x"))
    assert departs(stray, "event") == []
    stray.body.additional_data = {"titel": "x", "@odata.type": "y"}
    assert departs(stray, "event") == ["event.body.titel is unknown"]


async def main():
    graph = client()
    calendar = await mailbox(graph)
    await writing(graph, calendar)
    await series(graph, calendar)
    await telling(graph, calendar)
    await schedules(graph)
    await graph.me.calendars.by_calendar_id(calendar).delete()
    await refused(graph.me.calendars.by_calendar_id(calendar).get(), 404, "ErrorItemNotFound")
    violations = control("GET", "violations")
    assert violations == [], violations
    print(f"{len(SEEN)} answers, none departs from the models of msgraph-sdk")


if __name__ == "__main__":
    sharpness()
    asyncio.run(main())
