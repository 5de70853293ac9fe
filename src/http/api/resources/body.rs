//! A resource as callers state it and read it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    http::{
        Problem,
        api::calendars::known_zone,
        extract::{check_metadata, check_text},
        wire::Instant,
    },
    model::{ids::CalendarId, policy::Policy},
    store::{LinkRow, ResourceRow},
};

/// One calendar of a resource.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LinkBody {
    pub(super) calendar_id: String,
    /// Whether its busy time makes the resource busy.
    #[serde(default = "yes")]
    pub(super) blocks: bool,
    /// What each class of its busy time blocks; what is left out is the resource's policy.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub(super) policy: Policy,
}

pub(super) fn yes() -> bool {
    true
}

/// How the hub's own events look in the calendar.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct EventTemplate {
    pub(super) title: String,
    /// `private`, `public` or `default`.
    pub(super) visibility: String,
    pub(super) description: bool,
}

impl Default for EventTemplate {
    /// Shows no personal detail.
    fn default() -> Self {
        Self {
            title: "Appointment".to_owned(),
            visibility: "private".to_owned(),
            description: false,
        }
    }
}

/// A resource as callers state it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Dr. Adler", "external_id": "doctor_482", "time_zone": "Europe/Berlin",
    "calendars": [{"calendar_id": "cal_0198c1", "blocks": true, "policy": {"tentative": "busy"}}],
    "write_to": "cal_0198c1"}))]
pub(super) struct ResourceBody {
    pub(super) name: String,
    #[serde(default)]
    pub(super) external_id: Option<String>,
    /// IANA name; `UTC` when left out.
    #[serde(default = "utc")]
    pub(super) time_zone: String,
    #[serde(default = "one")]
    pub(super) capacity: i64,
    #[serde(default)]
    pub(super) calendars: Vec<LinkBody>,
    /// Where bookings are written.
    #[serde(default)]
    pub(super) write_to: Option<String>,
    /// What each class of busy time blocks; what is left out is the tenant's policy.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub(super) policy: Policy,
    #[serde(default)]
    pub(super) event_template: EventTemplate,
    /// `flag`, `follow` or `revert`.
    #[serde(default = "flag")]
    pub(super) on_provider_move: String,
    /// `flag`, `cancel` or `restore`.
    #[serde(default = "flag")]
    pub(super) on_provider_delete: String,
    #[serde(default)]
    pub(super) metadata: BTreeMap<String, String>,
}

pub(super) fn utc() -> String {
    "UTC".to_owned()
}

pub(super) fn one() -> i64 {
    1
}

pub(super) fn flag() -> String {
    "flag".to_owned()
}

/// A resource.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ResourceView {
    pub(super) id: String,
    #[serde(flatten)]
    pub(super) body: ResourceBody,
    pub(super) created_at: Instant,
}

impl ResourceBody {
    pub(super) fn of(row: &ResourceRow, links: &[LinkRow]) -> Self {
        let calendars = links.iter().map(|link| LinkBody {
            calendar_id: link.calendar_id.to_string(),
            blocks: link.blocks,
            policy: serde_json::from_value(link.policy.clone()).unwrap_or_default(),
        });
        Self {
            name: row.name.clone(),
            external_id: row.external_id.clone(),
            time_zone: row.time_zone.clone(),
            capacity: row.capacity,
            calendars: calendars.collect(),
            write_to: row.write_to.as_ref().map(ToString::to_string),
            policy: serde_json::from_value(row.policy.clone()).unwrap_or_default(),
            event_template: serde_json::from_value(row.event_template.clone()).unwrap_or_default(),
            on_provider_move: row.on_provider_move.clone(),
            on_provider_delete: row.on_provider_delete.clone(),
            metadata: serde_json::from_value(row.metadata.clone()).unwrap_or_default(),
        }
    }

    pub(super) fn check(&self) -> Result<(), Problem> {
        check_text("/name", &self.name, 200)?;
        if let Some(external_id) = &self.external_id {
            check_text("/external_id", external_id, 200)?;
        }
        check_metadata(&self.metadata)?;
        check_text("/event_template/title", &self.event_template.title, 200)?;
        let one_of = |pointer: &str, word: &str, words: &[&str]| {
            if words.contains(&word) {
                return Ok(());
            }
            Err(Problem::field(pointer, "invalid", format!("must be one of {}", words.join(", "))))
        };
        one_of(
            "/event_template/visibility",
            &self.event_template.visibility,
            &["private", "public", "default"],
        )?;
        one_of("/on_provider_move", &self.on_provider_move, &["flag", "follow", "revert"])?;
        one_of("/on_provider_delete", &self.on_provider_delete, &["flag", "cancel", "restore"])?;
        if !(1..=10_000).contains(&self.capacity) {
            return Err(Problem::field("/capacity", "invalid", "must be between 1 and 10000"));
        }
        if self.calendars.len() > 100 {
            return Err(Problem::field("/calendars", "too_many", "at most 100 calendars"));
        }
        Ok(())
    }

    /// Lays the body over a row, checking everything that can be checked without the store.
    pub(super) fn lay(&self, row: ResourceRow) -> Result<(ResourceRow, Vec<LinkRow>), Problem> {
        self.check()?;
        let calendar = |text: &str, pointer: &str| {
            text.parse::<CalendarId>()
                .map_err(|_| Problem::field(pointer, "not_found", "there is no such calendar"))
        };
        let mut links: Vec<LinkRow> = Vec::with_capacity(self.calendars.len());
        for (place, link) in self.calendars.iter().enumerate() {
            let pointer = format!("/calendars/{place}/calendar_id");
            let calendar_id = calendar(&link.calendar_id, &pointer)?;
            if links.iter().any(|known| known.calendar_id == calendar_id) {
                return Err(Problem::field(&pointer, "twice", "is given twice"));
            }
            links.push(LinkRow {
                resource_id: row.resource_id.clone(),
                calendar_id,
                blocks: link.blocks,
                policy: as_json(&link.policy),
            });
        }
        let row = ResourceRow {
            external_id: self.external_id.clone(),
            name: self.name.clone(),
            time_zone: known_zone(&self.time_zone)?,
            capacity: self.capacity,
            write_to: self
                .write_to
                .as_deref()
                .map(|text| calendar(text, "/write_to"))
                .transpose()?,
            policy: as_json(&self.policy),
            event_template: as_json(&self.event_template),
            on_provider_move: self.on_provider_move.clone(),
            on_provider_delete: self.on_provider_delete.clone(),
            metadata: as_json(&self.metadata),
            ..row
        };
        Ok((row, links))
    }
}

pub(super) fn as_json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or(Value::Null)
}
