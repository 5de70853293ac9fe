//! A booking as the event that a calendar should hold. By default it shows no personal detail and mails nobody.

use connectors::connector::{Draft, DraftTime, Guest};
use serde::Deserialize;

use super::identity::hex;
use crate::{
    booking::{Attendee, Details},
    model::time::tzdb,
    secrets::Vault,
    store::{BookingRow, OutboxRow, ResourceRow, StoreError, Tx},
};

/// What a resource wants its events to show. A title shows the booking's own only where it says `{title}`.
#[derive(Debug, Deserialize)]
#[serde(default)]
struct Template {
    title: String,
    visibility: String,
    description: bool,
}

impl Default for Template {
    fn default() -> Self {
        Self {
            title: "Appointment".to_owned(),
            visibility: "private".to_owned(),
            description: false,
        }
    }
}

/// The resource whose template the event follows: of those that write into the calendar, the first.
pub(super) async fn template_of(
    tx: &mut Tx,
    booking: &BookingRow,
    row: &OutboxRow,
) -> Result<Option<ResourceRow>, StoreError> {
    let mut first = None;
    for id in &booking.resources {
        let Some(resource) = tx.resources().get(&booking.tenant_id, id).await? else { continue };
        if resource.write_to.as_ref() == Some(&row.calendar_id) {
            return Ok(Some(resource));
        }
        first = first.or(Some(resource));
    }
    Ok(first)
}

/// The event of a booking, by the template of the resource that it is written for.
pub(super) fn draft(
    booking: &BookingRow,
    details: &Details,
    resource: Option<&ResourceRow>,
) -> Draft {
    let template: Template = resource
        .and_then(|row| serde_json::from_value(row.event_template.clone()).ok())
        .unwrap_or_default();
    let is_open = template.description;
    let text = [details.description.as_deref(), details.join_url.as_deref()];
    let text: Vec<&str> = text.into_iter().flatten().collect();
    Draft {
        start: DraftTime::At(booking.span.start()),
        end: DraftTime::At(booking.span.end()),
        title: template.title.replace("{title}", details.title.as_deref().unwrap_or_default()),
        description: (is_open && !text.is_empty()).then(|| text.join("\n")),
        location: details.location.clone().filter(|_| is_open),
        private: template.visibility == "private",
        tentative: false,
        stamped: booking.touched_at,
        sequence: booking.revision - 1,
        zone: booking.time_zone.as_deref().and_then(|name| tzdb().zone(name)),
        guests: details.attendees.iter().filter(|_| details.invite).map(guest).collect(),
        keeps_words: false,
        keeps_time: false,
    }
}

fn guest(one: &Attendee) -> Guest {
    Guest { address: one.email.clone(), name: one.name.clone() }
}

/// A hash of what a draft says to people, under the hub's own key: short words could be guessed otherwise.
pub(super) fn words(vault: &Vault, draft: &Draft) -> String {
    let Draft { title, description, location, private, guests, .. } = draft;
    let hash =
        vault.hash_secret(&format!("{title:?} {description:?} {location:?} {private} {guests:?}"));
    hex(hash.get(..16).unwrap_or_default())
}
