//! The acts of the writing side: bookings, their ends, their deliveries, and what compares them.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use calhub::{
    booking::{Actor, Desk, Details, NewBooking, When},
    clock::{SystemClock, SystemEntropy},
    model::{ids::BookingId, interval::Span, states::BookingStatus},
    store::BookingRow,
    sync::{Lane, Removal},
};
use jiff::SignedDuration;
use serde_json::json;

use super::{Doing, RESOURCE, Scene, Undone, at_peace};
use crate::store::resource_id;

/// The hour of the next booking.
static HOURS: AtomicI64 = AtomicI64::new(100);

impl Scene {
    fn desk(&self) -> Desk {
        Desk::new(Arc::clone(&self.stage.engine))
    }

    /// The room for an hour of its own, written into the calendar that comes first.
    async fn hour(&self) -> NewBooking {
        let from = HOURS.fetch_add(1, Ordering::Relaxed);
        let at = |hour: i64| self.stage.now() + SignedDuration::from_hours(hour);
        NewBooking {
            id: BookingId::mint(&SystemClock, &SystemEntropy),
            when: When::At {
                resources: vec![resource_id(RESOURCE)],
                span: Span::new(at(from), at(from + 1)).unwrap(),
            },
            details: Details::default(),
            time_zone: None,
            external_id: None,
            metadata: json!({}),
            max_staleness: Some(SignedDuration::MAX),
            allow_unverified: true,
            write_to: Some(self.calendars().await.remove(0)),
        }
    }

    fn actor(&self) -> Actor<'_> {
        Actor { tenant: &self.stage.tenant, name: "test", request: None }
    }

    async fn booking(&self) -> BookingRow {
        let new = self.hour().await;
        self.desk().book(self.actor(), new).await.unwrap().booking
    }

    async fn booked(&self) -> Doing {
        let (desk, tenant, new) = (self.desk(), self.stage.tenant.clone(), self.hour().await);
        Doing::of(async move {
            let booked =
                desk.book(Actor { tenant: &tenant, name: "test", request: None }, new).await;
            booked.map(|_| ()).map_err(|error| format!("{error:?}"))
        })
    }

    async fn cancelled(&self) -> Doing {
        let (desk, tenant) = (self.desk(), self.stage.tenant.clone());
        let booking = self.booking().await.booking_id;
        Doing::of(async move {
            let actor = Actor { tenant: &tenant, name: "test", request: None };
            let ended = desk.end_booking(actor, &booking, BookingStatus::Cancelled, None).await;
            ended.map(|_| ()).map_err(|error| format!("{error:?}"))
        })
    }

    /// A booking whose delivery was lost.
    async fn reconciled(&self) -> Doing {
        let booking = self.booking().await.booking_id;
        let calendar = self.calendars().await.remove(0);
        let (engine, tenant) = (Arc::clone(&self.stage.engine), self.stage.tenant.clone());
        let mut tx = self.stage.store.begin().await.unwrap();
        let (lane, subject) = (Lane::Deliver.as_str(), format!("{booking}/{calendar}"));
        tx.work().remove(&tenant, lane, &subject).await.unwrap();
        tx.commit().await.unwrap();
        Doing::of(async move {
            let done = engine.reconcile(&tenant, &calendar, 100, false).await;
            done.map(|_| ()).map_err(|error| format!("{error:?}"))
        })
    }
}

#[tokio::test]
async fn a_booking_and_its_end_wait_for_nobody_who_waits_for_them() {
    at_peace(async |scene| scene.booked().await).await;
    at_peace(async |scene| scene.cancelled().await).await;
}

#[tokio::test]
async fn a_delivery_and_a_comparison_wait_for_nobody_who_waits_for_them() {
    at_peace(async |scene| {
        scene.booking().await;
        scene.drained(Lane::Deliver)
    })
    .await;
    at_peace(async |scene| {
        scene.booking().await;
        scene.drained(Lane::Clash)
    })
    .await;
    at_peace(async |scene| scene.reconciled().await).await;
}

#[tokio::test]
async fn the_end_of_what_bookings_were_written_into_waits_for_nobody_who_waits_for_it() {
    at_peace(async |scene| {
        scene.booking().await;
        let (linker, tenant) = (scene.stage.linker.clone(), scene.stage.tenant.clone());
        let connection = scene.connection().await;
        let engine = Arc::clone(&scene.stage.engine);
        Doing::of(async move {
            let removed = linker.remove(&tenant, &connection, Removal::PLAIN).await;
            removed.map(|_| ()).map_err(|error| format!("{error:?}"))?;
            let drained = engine.drain(Lane::Remove, calhub::store::Share::All).await;
            drained.map(|_| ()).map_err(|error| format!("{error:?}"))
        })
    })
    .await;
    at_peace(async |scene| {
        scene.booking().await;
        scene.undone(Undone::Tenant)
    })
    .await;
}
