//! What makes a hub pass a place: something a person, a platform or an operator does, and does again when the
//! hub died before it answered.

use std::time::Duration;

use calhub::drill::Point;
use serde_json::{Value, json};
use simulators::{Act as Fails, Fault};

use super::{life::Life, provider::Provider};

/// Something to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Events are added, so that pages can be stored as they come.
    Adding,
    /// Events are added, moved and deleted in several calendars.
    Changing,
    /// A long series is moved: more than one transaction.
    Bulk,
    /// A pull fails.
    Failing,
    /// Calendars are listed again.
    Listing,
    /// A listing fails.
    ListingFails,
    /// A calendar is taken in another zone.
    Zone,
    /// Bob is linked.
    Link,
    /// Bob is unlinked.
    Unlink,
    /// An operator confirms a mass deletion.
    Word,
    /// A resource is made under an `Idempotency-Key`.
    Resource,
    /// The hub starts.
    Start,
}

/// The act that passes a place.
pub fn act_of(point: Point) -> Act {
    match point {
        Point::PageWritten | Point::PageStored | Point::NudgeWritten | Point::NudgeStored => {
            Act::Adding
        }
        Point::Claimed
        | Point::PullBegun
        | Point::PageRead
        | Point::Judged
        | Point::EndWritten
        | Point::EndStored
        | Point::IndexPassed => Act::Changing,
        Point::BatchStored => Act::Bulk,
        Point::FailureWritten | Point::FailureStored => Act::Failing,
        Point::RowFinished | Point::ListingRead | Point::ListingWritten | Point::ListingStored => {
            Act::Listing
        }
        Point::ListingFailed => Act::ListingFails,
        Point::AdvanceRead | Point::AdvanceWritten | Point::AdvanceStored => Act::Zone,
        Point::EraseWritten | Point::EraseStored | Point::RemovalWritten => Act::Unlink,
        Point::LinkChecked
        | Point::LinkWritten
        | Point::LinkStored
        // A link is written down, and sealed within a second.
        | Point::SealBegun
        | Point::SealWritten
        | Point::SealStored => Act::Link,
        Point::WordWritten => Act::Word,
        Point::KeyTaken | Point::AnswerMade | Point::AnswerKept => Act::Resource,
        Point::IndexLoaded
        | Point::Migrated
        | Point::FirstRunWritten
        // Of other programs than the hub; `restored` stops there.
        | Point::BackupWritten
        | Point::RestoreWritten
        // Of holds, bookings and deliveries, which no act here makes.
        | Point::SlotChecked
        | Point::HoldWritten
        | Point::HoldStored
        | Point::BookingWritten
        | Point::BookingStored
        | Point::BeforeSend
        | Point::AfterSend
        | Point::DeliveryWritten
        | Point::DeliveryStored => Act::Start,
    }
}

/// How often a place is passed for certain while its act goes on.
pub fn most_passed(point: Point) -> u64 {
    match act_of(point) {
        // Two calendars get something new.
        Act::Adding if matches!(point, Point::PageWritten | Point::PageStored) => 2,
        Act::Adding | Act::Changing => 3,
        Act::Listing => 2,
        _ => 1,
    }
}

/// One act in one cycle of a run.
pub struct Deed {
    act: Act,
    /// Names the cycle, for keys and names.
    name: String,
}

impl Deed {
    pub fn new(act: Act, name: String) -> Self {
        Self { act, name }
    }

    /// What must be so before the act, while nothing is armed.
    pub async fn prepare(&self, hub: &Life, provider: &mut Provider) {
        match self.act {
            Act::Link => {
                unlink_bob(hub).await;
                until_bob_is_gone(hub).await;
            }
            Act::Bulk => {
                if provider.truth("bulk").is_empty() {
                    provider.move_bulk();
                    sync_and_wait(hub).await;
                }
                provider.move_bulk();
            }
            Act::Word => {
                while provider.count("work") < 12 {
                    provider.add("work");
                }
                sync_and_wait(hub).await;
                provider.delete_most("work");
                sync_and_wait(hub).await;
            }
            _ => {}
        }
    }

    /// Does it. Any part may find no hub any more.
    pub async fn run(&self, hub: &Life, provider: &mut Provider) -> Option<()> {
        match self.act {
            Act::Adding => {
                for name in ["work", "home", "work"] {
                    provider.add(name);
                }
                sync(hub).await
            }
            Act::Changing => {
                change(provider);
                sync(hub).await
            }
            Act::Bulk => sync(hub).await,
            Act::Failing => {
                change(provider);
                let failing =
                    Fails::Status { status: 503, retry_after_s: None, body: String::new() };
                provider.world.fault(Fault::new(failing).account("anna").method("REPORT"));
                sync(hub).await
            }
            Act::Listing => {
                provider.add("work");
                sync(hub).await
            }
            Act::ListingFails => {
                let failing =
                    Fails::Status { status: 503, retry_after_s: None, body: String::new() };
                provider.world.fault(Fault::new(failing).account("anna").method("PROPFIND"));
                sync(hub).await
            }
            Act::Zone => {
                provider.turn_zone();
                self.again(hub, provider).await
            }
            Act::Unlink => unlink_bob(hub).await,
            Act::Link => hub.post("/v1/connections", &provider.login("bob")).await.map(|_| ()),
            Act::Word => {
                let found = hub.get("/v1/ops/quarantine").await?.1;
                assert_eq!(found["items"].as_array()?.len(), 1, "{found}");
                self.again(hub, provider).await
            }
            Act::Resource => self.make_resource(hub).await.map(|_| ()),
            Act::Start => Some(()),
        }
    }

    /// What whoever got no answer does once the hub is there again; sets right what the act has put wrong.
    pub async fn again(&self, hub: &Life, provider: &mut Provider) -> Option<()> {
        provider.world.clear_faults();
        match self.act {
            Act::Zone => {
                let work = calendar_id(hub, "work").await?;
                let zone = json!({"time_zone": provider.zone});
                let (status, said) = hub.patch(&format!("/v1/calendars/{work}"), &zone).await?;
                assert_eq!(status, 200, "{said}");
                Some(())
            }
            Act::Unlink => {
                unlink_bob(hub).await?;
                until_bob_is_gone(hub).await;
                self.relink(hub, provider).await
            }
            Act::Link => self.relink(hub, provider).await,
            Act::Word => {
                let found = hub.get("/v1/ops/quarantine").await?.1;
                for held in found["items"].as_array()? {
                    let id = held["calendar_id"].as_str()?;
                    let path = format!("/v1/ops/quarantine/{id}/confirm");
                    let (status, said) = hub.post(&path, &json!({})).await?;
                    assert!(status == 202 || status == 404, "{said}");
                }
                Some(())
            }
            Act::Resource => {
                let (status, made) = self.make_resource(hub).await?;
                assert_eq!(status, 201, "{made}");
                let all = hub.get("/v1/resources?limit=500").await?.1;
                let named = |row: &&Value| row["name"] == self.name.as_str();
                let same: Vec<_> = all["items"].as_array()?.iter().filter(named).collect();
                assert_eq!(same.len(), 1, "one key, one effect: {same:?}");
                assert_eq!(same[0]["id"], made["id"]);
                Some(())
            }
            _ => Some(()),
        }
    }

    async fn relink(&self, hub: &Life, provider: &Provider) -> Option<()> {
        let (status, made) = hub.post("/v1/connections", &provider.login("bob")).await?;
        assert!(status == 200 || status == 201, "{made}");
        Some(())
    }

    async fn make_resource(&self, hub: &Life) -> Option<(u16, Value)> {
        let wanted = json!({"name": self.name, "time_zone": "Europe/Berlin"});
        hub.post_once("/v1/resources", &self.name, &wanted).await
    }
}

/// A little of everything, and no event twice: its entry could not be told apart.
fn change(provider: &mut Provider) {
    let name = ["work", "home", "shop"][provider.chance(3) as usize];
    match provider.chance(3) {
        0 => provider.edit(name),
        1 if provider.count(name) > 4 => provider.delete(name),
        _ => provider.add(name),
    }
    for name in ["work", "home", "shop"] {
        if provider.chance(2) == 0 {
            provider.add(name);
        }
    }
}

/// Asks for everything to be read.
pub async fn sync(hub: &Life) -> Option<()> {
    let (status, said) = hub.post("/v1/ops/sync", &json!({"all": true})).await?;
    assert_eq!(status, 202, "{said}");
    Some(())
}

/// Asks for everything to be read and waits until it was.
pub async fn sync_and_wait(hub: &Life) {
    let asked = jiff::Timestamp::now();
    sync(hub).await.expect("the hub runs");
    for _ in 0..3_000 {
        let all = calendars(hub).await.expect("the hub runs");
        let read = |row: &Value| row["synced_at"].as_str()?.parse::<jiff::Timestamp>().ok();
        if all.iter().all(|row| read(row).is_some_and(|at| at >= asked)) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not everything is read: {:?}", calendars(hub).await);
}

pub async fn calendars(hub: &Life) -> Option<Vec<Value>> {
    hub.get("/v1/calendars?limit=500").await?.1["items"].as_array().cloned()
}

pub async fn calendar_id(hub: &Life, name: &str) -> Option<String> {
    let all = calendars(hub).await?;
    let found = all.iter().find(|row| row["name"] == name)?;
    found["id"].as_str().map(str::to_owned)
}

async fn bob(hub: &Life) -> Option<Option<String>> {
    let all = hub.get("/v1/connections").await?.1;
    let label =
        |row: &&Value| row["account_label"].as_str().is_some_and(|text| text.contains("bob"));
    let found = all["items"].as_array()?.iter().find(label).cloned();
    Some(found.and_then(|row| row["id"].as_str().map(str::to_owned)))
}

async fn unlink_bob(hub: &Life) -> Option<()> {
    if let Some(id) = bob(hub).await? {
        let (status, said) = hub.delete(&format!("/v1/connections/{id}")).await?;
        assert!(status == 202 || status == 404, "{said}");
    }
    Some(())
}

async fn until_bob_is_gone(hub: &Life) {
    for _ in 0..2_000 {
        if bob(hub).await.expect("the hub runs").is_none() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("bob is still there");
}
