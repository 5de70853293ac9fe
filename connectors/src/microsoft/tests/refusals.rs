//! What refusals mean, by their codes.

use std::time::Duration;

use super::*;
use crate::{
    connector::{Connector, Cursor, Writer},
    error::{Effect, RetryAfter, Throttle},
    event::{ItemRef, Version},
};

fn refused(name: &str) -> Response<Bytes> {
    let status = name.split('_').next().unwrap().parse().unwrap();
    let path = format!("{}/../fixtures/microsoft/refused/{name}.json", env!("CARGO_MANIFEST_DIR"));
    reply(status, std::fs::read(path).unwrap())
}

fn with(mut reply: Response<Bytes>, name: &'static str, value: &str) -> Response<Bytes> {
    reply.headers_mut().insert(name, value.parse().unwrap());
    reply
}

fn there() -> Response<Bytes> {
    reply(200, "{\"id\":\"AAA\"}")
}

async fn cursor() -> Cursor {
    let server = Server::new([round(&json!([]))]);
    let page = connected(&server).pull(&calendar(), window(), None, &Stored::default()).await;
    let crate::Next::Resume(Some(cursor)) = page.unwrap().next else { panic!() };
    cursor
}

async fn pull(cursor: Option<&Cursor>, answers: impl IntoIterator<Item = Response<Bytes>>) -> Kind {
    let server = Server::new(answers);
    let pulled = connected(&server).pull(&calendar(), window(), cursor, &Stored::default()).await;
    let error = pulled.unwrap_err();
    for secret in ["AAA", "D2", "good-0", "Access is denied", "continuationToken"] {
        assert!(!format!("{error} {error:?}").contains(secret), "{error:?}");
    }
    error.kind
}

#[tokio::test]
async fn a_link_that_is_not_honoured_any_more_is_an_expired_cursor_in_whatever_words() {
    let cursor = cursor().await;
    for name in ["410_state", "410_resync", "400_token", "400_invalid"] {
        assert_eq!(pull(Some(&cursor), [refused(name)]).await, Kind::CursorExpired, "{name}");
    }
    let plain = reply(410, "");
    assert_eq!(pull(Some(&cursor), [plain]).await, Kind::CursorExpired);
    // Whether it is the link or the calendar that is gone, the calendar says.
    let gone = || refused("404_item");
    assert_eq!(pull(Some(&cursor), [gone(), there()]).await, Kind::CursorExpired);
    assert_eq!(pull(Some(&cursor), [gone(), gone()]).await, Kind::CalendarGone);
    assert_eq!(pull(None, [gone()]).await, Kind::CalendarGone);
    let denied = || refused("403_denied");
    assert_eq!(pull(None, [denied(), gone()]).await, Kind::CalendarGone);
    assert_eq!(pull(None, [denied(), there()]).await, Kind::Forbidden);
}

#[tokio::test]
async fn a_mailbox_that_is_asked_too_much_is_left_alone_and_no_other() {
    let throttled = |retry_after| Kind::Throttled { retry_after, scope: Throttle::Account };
    let in_time = Some(RetryAfter::In(Duration::from_secs(7)));
    for name in ["429_throttled", "503_unavailable"] {
        let told = with(refused(name), "retry-after", "7");
        assert_eq!(pull(None, [told]).await, throttled(in_time), "{name}");
    }
    assert_eq!(pull(None, [refused("429_throttled")]).await, throttled(None));
    assert_eq!(pull(None, [refused("503_unavailable")]).await, Kind::Unavailable);
    assert_eq!(pull(None, [reply(504, "")]).await, Kind::Unavailable);
}

#[tokio::test]
async fn what_does_not_come_from_graph_is_no_refusal_of_graphs() {
    for status in [400, 403, 404] {
        assert_eq!(pull(None, [reply(status, "<html>Sign in</html>")]).await, Kind::BadReply);
    }
}

#[tokio::test]
async fn a_race_inside_the_server_is_asked_again_and_is_nobodys_conflict() {
    let race = || refused("412_conflict");
    let server = Server::new([race(), round(&json!([]))]);
    connected(&server).pull(&calendar(), window(), None, &Stored::default()).await.unwrap();
    assert_eq!(pull(None, [race(), race()]).await, Kind::Unavailable);
}

#[tokio::test]
async fn an_account_without_a_mailbox_is_told_so() {
    let server = Server::new([refused("404_mailbox")]);
    let error = connected(&server).account().await.unwrap_err();
    assert_eq!(error.kind, Kind::Forbidden);
    assert!(error.detail.contains("MailboxNotEnabledForRESTAPI"), "{error}");
}

#[tokio::test]
async fn a_refused_token_is_replaced_once() {
    let server = Server::new([refused("401_token"), round(&json!([]))]);
    connected(&server).pull(&calendar(), window(), None, &Stored::default()).await.unwrap();
    let tokens: Vec<_> =
        server.take().iter().map(|it| it.headers()["authorization"].clone()).collect();
    assert_eq!(tokens, ["Bearer good-0", "Bearer good-1"]);
    let kind = pull(None, [refused("401_token"), refused("401_token")]).await;
    assert_eq!(kind, Kind::Unauthorized);
    let few = || refused("401_permissions");
    assert_eq!(pull(None, [few(), few()]).await, Kind::MissingScope);
}

#[tokio::test]
async fn an_event_that_is_gone_is_not_its_calendar() {
    let (item, version) = (ItemRef::new("S1"), Version::new("W/\"s1\""));
    let get = async |answers: [Response<Bytes>; 2]| {
        let server = Server::new(answers);
        let microsoft = connected(&server);
        Writer::get(&microsoft, &calendar(), &item).await
    };
    let gone = || refused("404_item");
    assert_eq!(get([gone(), there()]).await.unwrap(), None);
    assert_eq!(get([gone(), gone()]).await.unwrap_err().kind, Kind::CalendarGone);
    let server = Server::new([gone(), there()]);
    Writer::delete(&connected(&server), &calendar(), &item, &version).await.unwrap();
    // What a server fails at may have been done.
    let server = Server::new([with(refused("503_unavailable"), "retry-after", "7")]);
    let failed = Writer::delete(&connected(&server), &calendar(), &item, &version).await;
    assert_eq!(failed.unwrap_err().effect, Effect::Unknown);
    let server = Server::new([refused("429_throttled")]);
    let failed = Writer::delete(&connected(&server), &calendar(), &item, &version).await;
    assert_eq!(failed.unwrap_err().effect, Effect::None);
    for name in ["", ".", ".."] {
        let server = Server::new([]);
        let microsoft = connected(&server);
        assert_eq!(Writer::get(&microsoft, &calendar(), &ItemRef::new(name)).await.unwrap(), None);
        let at = CalendarRef::new(name);
        let pulled = microsoft.pull(&at, window(), None, &Stored::default()).await;
        assert_eq!(pulled.unwrap_err().kind, Kind::CalendarGone);
        assert!(server.take().is_empty());
    }
}
