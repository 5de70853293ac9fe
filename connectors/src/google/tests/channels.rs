//! Channels against scripted answers.

use std::time::Duration;

use super::*;
use crate::connector::{Channels, OpenChannel, WantedChannel};

fn wanted() -> WantedChannel {
    WantedChannel {
        channel: "ch-1".into(),
        secret: "told-to-nobody".into(),
        address: "https://hub.example/hooks/google/ch-1".parse().unwrap(),
        lives: Duration::from_secs(604_800),
        now: "2027-03-01T00:00:00Z".parse().unwrap(),
    }
}

async fn open(server: &Arc<Server>) -> Result<OpenChannel> {
    connected_with(server, Access::BusyOnly).open(&calendar(), &wanted()).await
}

#[tokio::test]
async fn a_channel_says_when_it_ends() {
    let server = Server::new([reply(200, fixture!("channel.json"))]);
    let opened = open(&server).await.unwrap();
    assert_eq!(opened.resource, "o3hgv1538sdjfh");
    assert_eq!(opened.expires_at, "2027-03-08T00:00:00Z".parse().unwrap());
    let asked = server.take();
    assert_eq!(asked[0].uri().path(), "/calendar/v3/calendars/ana%40example.com/events/watch");
    let expected = json!({
        "id": "ch-1", "type": "web_hook", "address": "https://hub.example/hooks/google/ch-1",
        "token": "told-to-nobody", "params": {"ttl": "604800"},
    });
    assert_eq!(sent(&asked[0]), expected);
    // Where it does not say, the clock of the reply does.
    let silent =
        with(reply(200, "{\"resourceId\":\"r\"}"), "date", "Mon, 08 Mar 2027 00:00:00 GMT");
    let opened = open(&Server::new([silent])).await.unwrap();
    assert_eq!(opened.expires_at, "2027-03-15T00:00:00Z".parse().unwrap());
    for body in
        ["{\"resourceId\":\"r\"}", "{}", "", "{\"resourceId\":\"r\",\"expiration\":\"soon\"}"]
    {
        let error = open(&Server::new([reply(200, body)])).await.unwrap_err();
        assert_eq!((error.kind, error.effect), (Kind::BadReply, crate::Effect::Unknown), "{body}");
    }
}

#[tokio::test]
async fn a_channel_is_refused_in_words_that_the_hub_knows() {
    for (answer, kind) in [
        (reply(400, fixture!("refused/400_no_push.json")), Kind::NoPush),
        (reply(400, fixture!("refused/400_channel.json")), Kind::AlreadyExists { at: None }),
        (reply(401, fixture!("refused/401_address.json")), Kind::Rejected),
        (reply(404, fixture!("refused/404_not_found.json")), Kind::CalendarGone),
        (reply(403, fixture!("refused/403_no_user.json")), Kind::Forbidden),
    ] {
        let server = Server::new([answer]);
        let error = open(&server).await.unwrap_err();
        assert_eq!(error.kind, kind);
        assert!(!format!("{error:?}").contains("told-to-nobody"));
        assert_eq!(server.take().len(), 1, "the login was not refused");
    }
}

#[tokio::test]
async fn a_channel_that_is_gone_is_closed() {
    let close = async |answer| {
        let server = Server::new([answer]);
        let closed = connected(&server).close("ch-1", "o3hgv1538sdjfh").await;
        let asked = server.take();
        assert_eq!(asked[0].uri().path(), "/calendar/v3/channels/stop");
        assert_eq!(sent(&asked[0]), json!({"id": "ch-1", "resourceId": "o3hgv1538sdjfh"}));
        closed
    };
    close(reply(204, "")).await.unwrap();
    close(reply(404, fixture!("refused/404_not_found.json"))).await.unwrap();
    let refused = close(reply(403, fixture!("refused/403_forbidden.json"))).await;
    assert_eq!(refused.unwrap_err().kind, Kind::Forbidden);
}
