//! What is stored of an event is what docs/privacy.md lists, and no more.

use std::collections::BTreeSet;

use calhub::model::states::Access;

use super::pair::dump;
use crate::support::{
    engines::{Bed, on_each_engine},
    simulated::ORIGIN,
    stage::Stage,
};
use calhub::{link::LinkRequest, sync::Login};

/// An event with every property that could tell of somebody, each with a word of its own.
const FULL: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//canaryprodid//EN\r\nX-WR-CALNAME:canarycalname\r\n\
X-WR-CALDESC:canarycaldesc\r\nBEGIN:VEVENT\r\nUID:canaryuid-anna@example.org\r\nDTSTAMP:20270101T000000Z\r\n\
DTSTART:20270302T090000Z\r\nDTEND:20270302T100000Z\r\nRRULE:FREQ=WEEKLY;COUNT=3\r\nSUMMARY:canarysummary\r\n\
DESCRIPTION:canarydescription\r\nLOCATION:canarylocation\r\nGEO:48.137154;11.576124\r\nCOMMENT:canarycomment\r\n\
CONTACT:canarycontact\r\nRESOURCES:canaryresources\r\nCATEGORIES:canarycategory\r\nCLASS:PRIVATE\r\n\
URL:https://canaryurl.example/\r\nATTACH:https://canaryattach.example/x\r\n\
ORGANIZER;CN=canaryorganizercn:mailto:canaryorganizer@example.org\r\n\
ATTENDEE;CN=canaryattendeecn;PARTSTAT=ACCEPTED:mailto:canaryattendee@example.org\r\n\
CONFERENCE;VALUE=URI:https://canaryconference.example/\r\nRELATED-TO:canaryrelated\r\nPRIORITY:1\r\nSEQUENCE:4\r\n\
STATUS:CONFIRMED\r\nX-CANARY:canaryxproperty\r\nX-ALT-DESC;FMTTYPE=text/html:canaryhtml\r\n\
BEGIN:VALARM\r\nACTION:DISPLAY\r\nTRIGGER:-PT15M\r\nDESCRIPTION:canaryalarm\r\nEND:VALARM\r\nEND:VEVENT\r\n\
BEGIN:VEVENT\r\nUID:canaryuid-anna@example.org\r\nDTSTAMP:20270101T000000Z\r\n\
RECURRENCE-ID:20270309T090000Z\r\nDTSTART:20270309T110000Z\r\nDTEND:20270309T120000Z\r\n\
SUMMARY:canaryoverride\r\nDESCRIPTION:canaryoverridetext\r\nEND:VEVENT\r\n\
BEGIN:VTODO\r\nUID:canarytodo\r\nDTSTAMP:20270101T000000Z\r\nSUMMARY:canarytodotext\r\nEND:VTODO\r\n\
BEGIN:VJOURNAL\r\nUID:canaryjournal\r\nDTSTAMP:20270101T000000Z\r\nSUMMARY:canaryjournaltext\r\nEND:VJOURNAL\r\nEND:VCALENDAR\r\n";

/// Every word of [`FULL`] that must not be found.
fn canaries() -> BTreeSet<&'static str> {
    FULL.split(|letter: char| !letter.is_ascii_alphanumeric())
        .filter(|word| word.starts_with("canary"))
        .chain(["example", "576124", "PRIVATE"])
        .collect()
}

/// The columns that docs/privacy.md lists of a table: the first words in backticks of its lines under the
/// heading that names the table.
fn documented(table: &str) -> BTreeSet<String> {
    let path = format!("{}/docs/privacy.md", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let part = text.split(&format!("### `{table}`")).nth(1).unwrap_or_else(|| panic!("{table}"));
    let part = part.split("\n#").next().unwrap();
    part.lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .map(|line| line.split('`').next().unwrap().to_owned())
        .filter(|column| !column.starts_with("body."))
        .collect()
}

/// All migrations of an engine, in order.
pub fn schema(engine: &str) -> String {
    let dir = format!("{}/migrations/{engine}", env!("CARGO_MANIFEST_DIR"));
    let mut paths: Vec<_> =
        std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

/// The columns of every table of the schema.
fn tables() -> Vec<(String, BTreeSet<String>)> {
    let text = schema("sqlite");
    let altered = text.contains("ALTER TABLE");
    assert!(!altered, "this reads tables from where they are made");
    let mut all = Vec::new();
    for part in text.split("CREATE TABLE ").skip(1) {
        let (name, rest) = part.split_once(" (").unwrap();
        let body = rest.split("\n)").next().unwrap();
        let is_column = |line: &&str| {
            !["PRIMARY", "FOREIGN", "UNIQUE", "CHECK", "--"]
                .iter()
                .any(|word| line.starts_with(word))
        };
        let columns = body.lines().map(str::trim).filter(|line| !line.is_empty()).filter(is_column);
        let columns = columns.map(|line| line.split_whitespace().next().unwrap().to_owned());
        all.push((name.to_owned(), columns.collect()));
    }
    all
}

#[test]
fn the_privacy_page_lists_every_column_that_is_stored() {
    let all = tables();
    assert!(all.len() > 18);
    for (table, columns) in all {
        let listed = documented(&table);
        let missing: Vec<_> = columns.difference(&listed).collect();
        assert!(missing.is_empty(), "docs/privacy.md does not tell of {missing:?} in {table}");
    }
}

#[test]
fn the_privacy_page_lists_everything_that_is_kept_inside_an_event() {
    let text =
        std::fs::read_to_string(format!("{}/docs/privacy.md", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let source =
        std::fs::read_to_string(format!("{}/src/model/event.rs", env!("CARGO_MANIFEST_DIR")))
            .unwrap();
    let part = source.split("pub struct Event {").nth(1).unwrap().split("\n}").next().unwrap();
    let fields = part.lines().filter_map(|line| line.trim().strip_prefix("pub "));
    let mut listed = 0;
    for field in fields {
        let name = field.split(':').next().unwrap();
        assert!(
            text.contains(&format!("| `body.{name}` |")),
            "docs/privacy.md does not tell of {name}"
        );
        listed += 1;
    }
    assert!(listed >= 10, "{listed}");
}

fn is_named(row: &str) -> bool {
    row.starts_with("calendars ") || row.starts_with("connections ")
}

async fn synced(bed: &Bed, access: Access) -> Vec<String> {
    let stage = Stage::new(&bed.store).await;
    let (account, work) = stage.anna();
    work.put("one.ics", FULL);
    let feed = stage.world.add_feed(simulators::FeedSpec::new("canaryfeedname", FULL));
    let caldav = LinkRequest { access: Some(access), ..Stage::caldav(&account, "right") };
    let url = format!("{ORIGIN}{}?token=canaryfeedtoken", feed.path());
    let ics = LinkRequest {
        login: Login::Ics { url: url.into() },
        access: Some(access),
        external_id: None,
        metadata: None,
    };
    stage.linker.link(&stage.tenant, caldav).await.unwrap();
    stage.linker.link(&stage.tenant, ics).await.unwrap();
    stage.settle().await;
    for calendar in stage.calendars().await {
        let times = stage.busy(&calendar.calendar_id).await;
        assert!(
            times.contains(&"2027-03-09T11:00:00Z/2027-03-09T12:00:00Z".to_owned()),
            "{times:?}"
        );
        assert_eq!(times.len(), 3, "{times:?}");
    }
    dump(&bed.url, bed.engine).await
}

#[tokio::test]
async fn no_word_of_an_event_is_stored_at_any_access() {
    for access in [Access::BusyOnly, Access::Read, Access::ReadWrite] {
        on_each_engine(async |bed| {
            let rows = synced(bed, access).await;
            assert!(rows.iter().any(|row| row.starts_with("events ")), "nothing was stored");
            for canary in canaries().into_iter().chain(["canaryfeedtoken"]) {
                // The feed states its own name, which names the calendar and the account.
                let hits: Vec<_> = rows
                    .iter()
                    .filter(|row| row.contains(canary))
                    .filter(|row| canary != "example" || !row.contains("sim.example"))
                    .filter(|row| canary != "canarycalname" || !is_named(row))
                    .collect();
                assert!(hits.is_empty(), "{access:?} {canary}: {hits:?}");
            }
        })
        .await;
    }
}

#[tokio::test]
async fn bookings_are_written_only_where_that_was_agreed() {
    use crate::api::world::TestHub;
    use calhub::model::states::Provider;
    use serde_json::json;
    let hub = TestHub::new().await;
    let (connection, calendar) = hub.calendar(Provider::Caldav).await;
    let body = |name: &str| json!({"name": name, "write_to": calendar});
    hub.post("/v1/resources", body("a")).await.expect(201);
    for access in [Access::BusyOnly, Access::Read] {
        let mut tx = hub.hub.store.begin().await.unwrap();
        let mut row = tx.connections().get(&hub.tenant, &connection).await.unwrap().unwrap();
        row.access = access;
        tx.connections().update(&row, None).await.unwrap();
        tx.commit().await.unwrap();
        let refused = hub.post("/v1/resources", body("b")).await.problem(422, "invalid");
        assert_eq!(refused.body["errors"][0]["code"], "not_writable");
    }
}
