//! Guests: nobody is mailed unless the platform asks for it, and then by the provider.

use serde_json::{Value, json};
use simulators::{AccountSpec, Profile, World};

use super::place::{Place, hour};
use crate::{
    api::world::NOW,
    support::{
        engines::{Bed, on_each_engine},
        simulated::transport,
    },
};

fn with_guests(place: &Place, invite: &str) -> Value {
    let mut body = place.slot(9, 10);
    body["attendees"] =
        json!([{"email": "bo@example.org", "name": "Bo"}, {"email": "cy@example.org"}]);
    body["invite"] = json!(invite);
    body
}

/// Anna's server mails whom her events invite.
async fn scheduling(bed: &Bed) -> Place {
    let world = World::new(NOW.parse().unwrap());
    let profile = Profile::generic().with(|profile| profile.write.schedules = true);
    let spec = AccountSpec::new("anna", "right").profile(profile);
    Place::over(bed.store.clone(), transport(&world), world, spec, &json!({})).await
}

fn mails(world: &World) -> Vec<String> {
    let mut all: Vec<_> =
        world.outbox().iter().map(|mail| format!("{} {}", mail.method, mail.to)).collect();
    all.sort();
    all.dedup();
    all
}

#[tokio::test]
async fn guests_are_mailed_by_nobody_unless_that_is_asked_for() {
    on_each_engine(async |bed| {
        let place = scheduling(bed).await;
        let id = place.hub.post("/v1/bookings", with_guests(&place, "none")).await.expect(201).id();
        place.settle().await;
        let [body] = &place.objects()[..] else { panic!() };
        assert!(!body.contains("ATTENDEE") && !body.contains("ORGANIZER"), "{body}");
        let to = json!({"start": hour(10), "end": hour(11)});
        place.hub.patch(&format!("/v1/bookings/{id}"), to).await.expect(200);
        place.settle().await;
        place.hub.post(&format!("/v1/bookings/{id}/cancel"), json!({})).await.expect(200);
        place.settle().await;
        assert_eq!(mails(&place.world), [] as [String; 0]);
    })
    .await;
}

#[tokio::test]
async fn the_provider_invites_uninvites_and_cancels_for_a_booking_that_asks_for_it() {
    on_each_engine(async |bed| {
        let place = scheduling(bed).await;
        let body = with_guests(&place, "provider");
        let id = place.hub.post("/v1/bookings", body).await.expect(201).id();
        place.settle().await;
        let asked = ["REQUEST mailto:bo@example.org", "REQUEST mailto:cy@example.org"];
        assert_eq!(mails(&place.world), asked);
        // Bo says yes in their own calendar; the organiser's copy says so, and goes on saying it.
        let [(name, body)] = &place.stored()[..] else { panic!() };
        let bo = body.replace("\r\n ", "");
        let line = bo.lines().find(|line| line.ends_with("bo@example.org")).unwrap();
        place.calendar.put(name, bo.replace(line, &line.replace("NEEDS-ACTION", "ACCEPTED")));
        place.sync().await;
        let path = format!("/v1/bookings/{id}");
        let to = json!({"start": hour(11), "end": hour(12), "title": "Other words",
            "attendees": [{"email": "bo@example.org", "name": "Bo"}, {"email": "dee@example.org"}]});
        place.hub.patch(&path, to).await.expect(200);
        place.settle().await;
        let body = place.objects()[0].replace("\r\n ", "");
        assert!(body.contains("PARTSTAT=ACCEPTED") && body.contains("dee@example.org"), "{body}");
        assert!(!body.contains("cy@example.org"), "{body}");
        assert_eq!(place.booking(&id).await["delivery"], "written");
        place.hub.post(&format!("{path}/cancel"), json!({})).await.expect(200);
        place.settle().await;
        let told = mails(&place.world);
        assert!(told.contains(&"CANCEL mailto:dee@example.org".to_owned()), "{told:?}");
    })
    .await;
}
