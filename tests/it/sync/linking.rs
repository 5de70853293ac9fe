//! The same account is the same connection, and a login is kept only when it works.

use calhub::{
    link::{LinkError, LinkRequest, LinkUpdate, Login},
    model::states::Access,
};
use simulators::{AccountSpec, FeedSpec};

use crate::support::{
    engines::on_each_engine,
    simulated::ORIGIN,
    stage::{Stage, event, hour, hour_event},
};

fn feed(url: &str) -> LinkRequest {
    let login = Login::Ics { url: url.to_owned().into() };
    LinkRequest { login, access: Some(Access::BusyOnly), external_id: None, metadata: None }
}

#[tokio::test]
async fn a_wrong_password_is_named_and_nothing_is_kept() {
    on_each_engine(async |bed| {
        let stage = Stage::new(&bed.store).await;
        let (account, _) = stage.anna();
        let asked = Stage::caldav(&account, "wrong");
        let error = stage.linker.link(&stage.tenant, asked).await.unwrap_err();
        assert_eq!(error.code(), "unauthorized");
        assert!(stage.calendars().await.is_empty());
        assert_eq!(stage.settle().await, 0);
    })
    .await;
}

#[tokio::test]
async fn the_same_account_is_the_same_connection_with_the_same_calendars() {
    on_each_engine(async |bed| {
        let stage = Stage::new(&bed.store).await;
        let (account, work) = stage.anna();
        work.put("a.ics", hour_event("a", 2, 9));
        let first = stage.link(&account).await;
        stage.settle().await;
        let calendar = stage.calendar("work").await.calendar_id;
        assert_eq!(stage.link(&account).await, first);
        stage.settle().await;
        let rows = stage.calendars().await;
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].calendar_id, calendar);
    })
    .await;
}

#[tokio::test]
async fn an_account_linked_again_keeps_its_access_unless_told_otherwise() {
    on_each_engine(async |bed| {
        let stage = Stage::new(&bed.store).await;
        let (account, _) = stage.anna();
        let connection = stage.link(&account).await;
        let access = async |access| {
            let asked = LinkRequest { access, ..Stage::caldav(&account, "right") };
            stage.linker.link(&stage.tenant, asked).await.unwrap();
            let mut tx = stage.store.read().await.unwrap();
            tx.connections().get(&stage.tenant, &connection).await.unwrap().unwrap().access
        };
        assert_eq!(access(None).await, Access::Read);
        assert_eq!(access(Some(Access::ReadWrite)).await, Access::ReadWrite);
        assert_eq!(access(None).await, Access::ReadWrite);
    })
    .await;
}

#[tokio::test]
async fn a_new_password_keeps_every_id_and_another_account_is_refused() {
    on_each_engine(async |bed| {
        let stage = Stage::new(&bed.store).await;
        let (account, _) = stage.anna();
        let connection = stage.link(&account).await;
        stage.settle().await;
        let calendar = stage.calendar("work").await.calendar_id;
        account.set_password("new");
        let password = |word: &str| LinkUpdate {
            password: Some(word.to_owned().into()),
            ..LinkUpdate::default()
        };
        let update = |change| stage.linker.update(&stage.tenant, &connection, change, None);
        update(password("new")).await.unwrap();
        stage.settle().await;
        assert_eq!(stage.calendar("work").await.calendar_id, calendar);
        assert_eq!(stage.state(&connection).await.as_str(), "healthy");

        let bob = stage.world.add_account(AccountSpec::new("bob", "new"));
        let other = LinkUpdate {
            url: Some(format!("{ORIGIN}{}", bob.path()).into()),
            username: Some("bob".to_owned()),
            ..LinkUpdate::default()
        };
        let error = update(other).await.unwrap_err();
        assert!(matches!(error, LinkError::DifferentAccount), "{error:?}");
        let error = update(password("wrong")).await.unwrap_err();
        assert_eq!(error.code(), "unauthorized");
        let stale =
            stage.linker.update(&stage.tenant, &connection, LinkUpdate::default(), Some(77));
        assert!(matches!(stale.await.unwrap_err(), LinkError::Stale));
    })
    .await;
}

#[tokio::test]
async fn a_feed_is_linked_read_and_followed() {
    on_each_engine(async |bed| {
        let stage = Stage::new(&bed.store).await;
        let published = stage.world.add_feed(FeedSpec::new("plan", hour_event("a", 2, 9)));
        let url = format!("{ORIGIN}{}", published.path());
        let linked = stage.linker.link(&stage.tenant, feed(&url)).await.unwrap();
        stage.settle().await;
        let row = stage.calendars().await.remove(0);
        assert_eq!(stage.busy(&row.calendar_id).await, [hour(2, 9)]);
        assert_eq!(stage.state(&linked.connection_id).await.as_str(), "healthy");
        published.set(hour_event("a", 2, 10));
        stage.sync().await;
        assert_eq!(stage.busy(&row.calendar_id).await, [hour(2, 10)]);
        let again = stage.linker.link(&stage.tenant, feed(&url)).await.unwrap();
        assert!(!again.created);
        let text = format!("{:?}", stage.changes().await);
        assert!(!text.contains(&published.path()), "the address of a feed is a secret");
    })
    .await;
}

#[tokio::test]
async fn a_feed_states_its_zone_and_its_pace() {
    on_each_engine(async |bed| {
        let stage = Stage::new(&bed.store).await;
        let body = event("f", "DTSTART:20270302T090000\nDTEND:20270302T100000").replace(
            "BEGIN:VEVENT",
            "X-WR-TIMEZONE:Asia/Tokyo\r\nX-WR-CALNAME:Plan\r\nREFRESH-INTERVAL;VALUE=DURATION:PT2H\r\nBEGIN:VEVENT",
        );
        let published = stage.world.add_feed(FeedSpec::new("plan", body));
        let url = format!("{ORIGIN}{}", published.path());
        stage.linker.link(&stage.tenant, feed(&url)).await.unwrap();
        stage.settle().await;
        let row = stage.calendars().await.remove(0);
        assert_eq!(stage.busy(&row.calendar_id).await, [hour(2, 0)]);
        assert_eq!(row.poll_every.as_secs(), 7200);
        assert_eq!(row.expected_max_age.as_secs(), 9600);
    })
    .await;
}

#[tokio::test]
async fn what_is_no_calendar_is_named() {
    on_each_engine(async |bed| {
        let stage = Stage::new(&bed.store).await;
        let published = stage.world.add_feed(FeedSpec::new("page", "<html>hello</html>"));
        let url = format!("{ORIGIN}{}", published.path());
        let error = stage.linker.link(&stage.tenant, feed(&url)).await.unwrap_err();
        assert_eq!(error.code(), "bad_reply");
        let login = Login::Caldav {
            url: "http://127.0.0.1:1/".to_owned(),
            username: "anna".to_owned(),
            password: "x".to_owned().into(),
        };
        let (access, external_id, metadata) = (Some(Access::Read), None, None);
        let inside = LinkRequest { login, access, external_id, metadata };
        let error = stage.linker.link(&stage.tenant, inside).await.unwrap_err();
        assert_eq!(error.code(), "blocked_address");
    })
    .await;
}
