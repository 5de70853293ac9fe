//! One suite on both engines: what callers of the store rest on.

mod calendars;
mod changes;
mod events;
mod following;
mod secrets;
mod tenancy;
mod timeline;
mod work;

use std::time::Duration;

use calhub::{
    clock::{ManualClock, SeededEntropy},
    model::{
        ids::{CalendarId, ConnectionId, ResourceId, TenantId},
        states::{Access, ConnectionState, Provider},
    },
    store::{
        CalendarRow, ConnectionRow, RemoteCalendarRow, ResourceRow, Sealed, Store, TenantRow, Tx,
    },
};
use jiff::Timestamp;
use serde_json::json;

/// An instant of the suite's own clock, in seconds.
pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

pub fn tenant_id(name: &str) -> TenantId {
    format!("ten_{name}").parse().unwrap()
}

pub fn connection_id(name: &str) -> ConnectionId {
    format!("con_{name}").parse().unwrap()
}

pub fn calendar_id(name: &str) -> CalendarId {
    format!("cal_{name}").parse().unwrap()
}

pub fn resource_id(name: &str) -> ResourceId {
    format!("res_{name}").parse().unwrap()
}

pub fn clock() -> ManualClock {
    ManualClock::at(at(0))
}

pub fn entropy(seed: u64) -> SeededEntropy {
    SeededEntropy::new(seed)
}

pub fn tenant_row(tenant: &TenantId) -> TenantRow {
    TenantRow {
        tenant_id: tenant.clone(),
        name: "Practice".to_owned(),
        policy: json!({"tentative": "busy"}),
        allow_net: Some(vec!["10.0.0.0/8".to_owned()]),
        created_at: at(0),
    }
}

pub fn connection_row(tenant: &TenantId, connection: &str) -> ConnectionRow {
    ConnectionRow {
        tenant_id: tenant.clone(),
        connection_id: connection_id(connection),
        provider: Provider::Caldav,
        identity: format!("https://dav.example/{connection}"),
        account_label: "anna".to_owned(),
        external_id: None,
        access: Access::Read,
        state: ConnectionState::Syncing,
        login: Sealed::new(vec![0, 1, 2, 255]),
        learned: json!(null),
        metadata: json!({"team": "blue"}),
        last_ok_at: None,
        last_error: None,
        failures: 0,
        revision: 1,
        created_at: at(0),
        touched_at: at(0),
    }
}

pub fn listed(calendar: &str) -> RemoteCalendarRow {
    RemoteCalendarRow {
        calendar_id: calendar_id(calendar),
        provider_ref: format!("/dav/{calendar}/"),
        name: calendar.to_owned(),
        time_zone: Some("Europe/Zurich".to_owned()),
        writable: true,
        transparent: false,
        poll_every: Duration::from_mins(15),
        expected_max_age: Duration::from_mins(30),
    }
}

pub fn resource_row(tenant: &TenantId, resource: &str) -> ResourceRow {
    ResourceRow {
        tenant_id: tenant.clone(),
        resource_id: resource_id(resource),
        external_id: None,
        name: "Room 1".to_owned(),
        time_zone: "Europe/Zurich".to_owned(),
        capacity: 1,
        write_to: None,
        policy: json!({}),
        event_template: json!({"title": "Appointment"}),
        on_provider_move: "flag".to_owned(),
        on_provider_delete: "flag".to_owned(),
        metadata: json!({}),
        revision: 1,
        created_at: at(0),
        touched_at: at(0),
    }
}

/// Stores a tenant with one connection `a` that lists one calendar `a`.
pub async fn seed(tx: &mut Tx, tenant: &TenantId) -> CalendarRow {
    tx.tenants().create(&tenant_row(tenant)).await.unwrap();
    tx.connections().insert(&connection_row(tenant, "a")).await.unwrap();
    let listing = [listed("a")];
    tx.calendars().upsert_listed(tenant, &connection_id("a"), &listing, at(0)).await.unwrap();
    tx.calendars().get(tenant, &calendar_id("a")).await.unwrap().unwrap()
}

/// The same, committed.
pub async fn seeded(store: &Store, tenant: &TenantId) -> CalendarRow {
    let mut tx = store.begin().await.unwrap();
    let calendar = seed(&mut tx, tenant).await;
    tx.commit().await.unwrap();
    calendar
}
