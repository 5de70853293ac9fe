//! What the change log and a booking's history are told of its events.

use serde_json::{Value, json};

use crate::{
    store::{BookingRow, ConflictRow, HistoryRow, StoreError, Tx},
    sync::Engine,
};

/// Tells both of something that happened to a booking at a provider.
pub(super) async fn tell(
    engine: &Engine,
    tx: &mut Tx,
    booking: &BookingRow,
    kind: &str,
    mut body: Value,
) -> Result<(), StoreError> {
    let tenant = &booking.tenant_id;
    let happened = HistoryRow {
        kind: kind.strip_prefix("booking.").unwrap_or(kind).to_owned(),
        actor: "hub".to_owned(),
        body: body.clone(),
        at: engine.clock.now(),
    };
    tx.bookings().remember(tenant, &booking.booking_id, &happened).await?;
    if let Some(fields) = body.as_object_mut() {
        fields.insert("booking_id".to_owned(), json!(booking.booking_id));
        fields.insert("external_id".to_owned(), json!(booking.external_id));
    }
    let told = engine.change(tenant, kind, "hub", booking.booking_id.as_str(), body);
    tx.changes().append(&[told]).await
}

/// Tells both of a conflict, with what was agreed and what is there.
pub(crate) async fn conflict_told(
    engine: &Engine,
    tx: &mut Tx,
    booking: &BookingRow,
    kind: &str,
    row: &ConflictRow,
) -> Result<(), StoreError> {
    let with = row.span.map(|span| json!({"start": span.start(), "end": span.end()}));
    let body = json!({
        "conflict_id": row.conflict_id, "kind": row.kind, "calendar_id": row.calendar_id,
        "likely_copy": row.likely_copy,
        "agreed": {"start": booking.span.start(), "end": booking.span.end()}, "found": with,
    });
    tell(engine, tx, booking, kind, body).await
}
