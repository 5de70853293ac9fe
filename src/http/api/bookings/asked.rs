//! From a body to what the desk takes: a booking of a hold, of a span, or of an event that is there already.

use serde_json::json;

use super::body::{AdoptBody, BookingBody};
use crate::{
    booking::{NewBooking, When},
    http::{
        Api, Problem,
        api::{
            holds::{self, span},
            resources::named,
        },
        auth::Caller,
    },
    model::ids::{BookingId, CalendarId, ResourceId},
    push::Sought,
    store::Tx,
};

/// Reads a body as what the desk takes.
pub(super) async fn asked(
    api: &Api,
    caller: &Caller,
    body: BookingBody,
) -> Result<NewBooking, Problem> {
    body.check()?;
    let mut tx = api.hub.store.glance().await?;
    let (when, write_to) = match &body.adopt {
        Some(adopt) => {
            let (when, calendar) = event(&mut tx, caller, &body, adopt).await?;
            (when, Some(calendar))
        }
        None => {
            let when = time(&mut tx, caller, &body).await?;
            let write_to = match &body.write_to {
                Some(text) => Some(writable(&mut tx, caller, text, "/write_to").await?),
                None => None,
            };
            (when, write_to)
        }
    };
    tx.rollback().await?;
    Ok(NewBooking {
        id: caller.chance.mint(&api.hub, BookingId::mint),
        when,
        details: body.details(),
        time_zone: body.time_zone,
        external_id: body.external_id,
        metadata: json!(body.metadata),
        max_staleness: body.max_staleness.map(|age| age.0),
        allow_unverified: body.allow_unverified,
        write_to,
    })
}

/// The time of a hold, or the one that is stated.
async fn time(tx: &mut Tx, caller: &Caller, body: &BookingBody) -> Result<When, Problem> {
    match (&body.hold_id, body.start, body.end) {
        (Some(hold), None, None) if body.resources.is_empty() => {
            Ok(When::Held(holds::find(tx, caller, hold).await?.hold_id))
        }
        (Some(_), ..) => {
            let detail = "a hold has its own resources and time; leave them out";
            Err(Problem::field("/hold_id", "invalid", detail))
        }
        (None, Some(start), Some(end)) => {
            let resources = named(tx, caller, &body.resources, "/resources").await?;
            Ok(When::At { resources, span: span(start, end)? })
        }
        (None, None, _) => Err(Problem::field("/start", "required", "is required")),
        (None, _, None) => Err(Problem::field("/end", "required", "is required")),
    }
}

/// The time of an event that is there already.
async fn event(
    tx: &mut Tx,
    caller: &Caller,
    body: &BookingBody,
    adopt: &AdoptBody,
) -> Result<(When, CalendarId), Problem> {
    let stated = [
        ("/hold_id", body.hold_id.is_some()),
        ("/start", body.start.is_some()),
        ("/end", body.end.is_some()),
        ("/write_to", body.write_to.is_some()),
    ];
    if let Some((pointer, _)) = stated.into_iter().find(|(_, is_stated)| *is_stated) {
        let detail = "an event that is there has its own; leave it out";
        return Err(Problem::field(pointer, "invalid", detail));
    }
    let sought = match (&adopt.event_id, &adopt.ical_uid) {
        (Some(name), None) => Sought::Event(name.clone()),
        (None, Some(uid)) => Sought::Uid(uid.clone()),
        _ => {
            let detail = "name exactly one of event_id and ical_uid";
            return Err(Problem::field("/adopt", "required", detail));
        }
    };
    let calendar = writable(tx, caller, &adopt.calendar_id, "/adopt/calendar_id").await?;
    let resources = match body.resources.is_empty() {
        false => named(tx, caller, &body.resources, "/resources").await?,
        true => vec![only_writer(tx, caller, &calendar).await?],
    };
    Ok((When::Event { resources, calendar: calendar.clone(), sought }, calendar))
}

/// The one resource that writes into a calendar.
async fn only_writer(
    tx: &mut Tx,
    caller: &Caller,
    calendar: &CalendarId,
) -> Result<ResourceId, Problem> {
    match &tx.resources().writing_into(&caller.tenant, calendar).await?[..] {
        [only] => Ok(only.clone()),
        _ => {
            let detail = "say whose time it is: not exactly one resource writes into this calendar";
            Err(Problem::field("/resources", "required", detail))
        }
    }
}

async fn writable(
    tx: &mut Tx,
    caller: &Caller,
    text: &str,
    pointer: &str,
) -> Result<CalendarId, Problem> {
    let none = || Problem::field(pointer, "not_found", "there is no such calendar");
    let id = text.parse().map_err(|_| none())?;
    let row = tx.calendars().get(&caller.tenant, &id).await?.ok_or_else(none)?;
    if !row.writable {
        return Err(Problem::field(pointer, "not_writable", "this calendar cannot be written"));
    }
    Ok(id)
}
