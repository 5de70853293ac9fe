//! Logins and discovery in their variants.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use simulators::{AccountSpec, CalendarSpec, Kind, Profile, profile};

use crate::client::{Answer, Client};

fn hash(text: &str) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn nonce(answer: &Answer) -> String {
    let challenge = answer.header("www-authenticate");
    challenge.split("nonce=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

fn digest(path: &str, nonce: &str, nc: u32, password: &str) -> String {
    let secret = hash(&format!("anna:calhub simulator:{password}"));
    let asked = hash(&format!("PROPFIND:{path}"));
    let response = hash(&format!("{secret}:{nonce}:{nc:08x}:c0ffee:auth:{asked}"));
    format!(
        "Digest username=\"anna\", realm=\"calhub simulator\", nonce=\"{nonce}\", uri=\"{path}\", algorithm=SHA-256, \
         qop=auth, nc={nc:08x}, cnonce=\"c0ffee\", response=\"{response}\""
    )
}

#[tokio::test]
async fn digest_logins_count_and_nonces_go_stale() {
    let client = Client::of(Profile::generic().with(|p| {
        p.auth.schemes = vec![profile::Scheme::DigestSha256];
        p.auth.nonce_uses = Some(2);
    }));
    let path = client.anna.path();
    let ask =
        async |login: &str| client.send("PROPFIND", &path, &[("authorization", login)], "").await;
    let refused = ask("").await;
    assert_eq!(refused.status, 401);
    let fresh = nonce(&refused);
    assert_eq!(ask(&digest(&path, &fresh, 1, "wrong")).await.status, 401);
    assert_eq!(ask(&digest(&path, &fresh, 1, "secret")).await.status, 207);
    let replayed = ask(&digest(&path, &fresh, 1, "secret")).await;
    assert!(replayed.status == 401 && replayed.header("www-authenticate").contains("stale=true"));
    assert_eq!(ask(&digest(&path, &fresh, 2, "secret")).await.status, 207);
    let stale = ask(&digest(&path, &fresh, 3, "secret")).await;
    assert!(stale.status == 401 && stale.header("www-authenticate").contains("stale=true"));
    assert_eq!(ask(&digest(&path, &nonce(&stale), 1, "secret")).await.status, 207);
}

#[tokio::test]
async fn a_bearer_token_works_beside_basic_until_revoked() {
    let client = Client::new("generic");
    let bo = client.world.add_account(AccountSpec::new("bo", "secret").bearer("token-1"));
    let ask = async |login: &str| {
        client.send("PROPFIND", &bo.path(), &[("authorization", login)], "").await.status
    };
    assert_eq!(ask("Bearer token-1").await, 207);
    assert_eq!(ask("Bearer token-2").await, 401);
    assert_eq!(ask(&format!("Basic {}", STANDARD.encode("bo:secret"))).await, 207);
    bo.revoke_password();
    assert_eq!(ask("Bearer token-1").await, 401);
    bo.set_password("new");
    assert_eq!(ask(&format!("Basic {}", STANDARD.encode("bo:new"))).await, 207);
    assert_eq!(
        ask(&format!("Basic {}", STANDARD.encode("anna:secret"))).await,
        401,
        "another's login"
    );
}

#[tokio::test]
async fn wrong_passwords_end_in_429() {
    let client = Client::of(Profile::generic().with(|p| p.auth.brute_force_after = Some(3)));
    let wrong = format!("Basic {}", STANDARD.encode("anna:wrong"));
    for _ in 0..3 {
        let answer =
            client.send("PROPFIND", &client.anna.path(), &[("authorization", &wrong)], "").await;
        assert_eq!(answer.status, 401);
    }
    let blocked = client.send("PROPFIND", &client.anna.path(), &[], "").await;
    assert_eq!(
        (blocked.status, blocked.header("retry-after")),
        (429, "1800"),
        "even the right password"
    );
}

#[tokio::test]
async fn challenges_come_in_one_header_or_several() {
    let icloud = Client::new("icloud").send("PROPFIND", "/", &[("authorization", "")], "").await;
    let one = icloud.headers("www-authenticate");
    assert!(
        one.len() == 1 && one[0].contains("x-mobileme-authtoken") && one[0].contains(", Basic"),
        "{one:?}"
    );
    let two = Client::new("stalwart").send("PROPFIND", "/", &[("authorization", "")], "").await;
    assert_eq!(two.headers("www-authenticate").len(), 2);
}

#[tokio::test]
async fn the_well_known_address_answers_in_every_known_way() {
    for status in [301, 302, 303, 307, 308, 404, 405, 501] {
        let client = Client::of(Profile::generic().with(|p| p.discovery.well_known = status));
        let answer =
            client.send("PROPFIND", "/.well-known/caldav", &[("authorization", "")], "").await;
        assert_eq!((answer.status, answer.header("location").is_empty()), (status, status >= 400));
    }
    let in_place = Client::of(Profile::generic().with(|p| p.discovery.well_known = 207));
    let answer = in_place.propfind("/.well-known/caldav", "0", "<d:current-user-principal/>").await;
    assert!(answer.status == 207 && answer.body.contains("/dav/generic/anna/"));
    let guarded = Client::of(Profile::generic().with(|p| {
        p.discovery.login_first = true;
        p.discovery.redirect_origin = Some("https://other.example".into());
    }));
    assert_eq!(
        guarded.send("GET", "/.well-known/caldav", &[("authorization", "")], "").await.status,
        401
    );
    let moved = guarded.send("GET", "/.well-known/caldav", &[], "").await;
    assert_eq!(moved.header("location"), "https://other.example/dav/generic/");
}

#[tokio::test]
async fn a_partitioned_server_names_another_host() {
    let client = Client::new("icloud");
    client.world.set_partition("http://p07.example");
    let answer = client.propfind("/", "0", "<d:current-user-principal/>").await;
    assert!(answer.body.contains("http://p07.example/dav/icloud/anna/"), "{}", answer.body);
    let homes = client.propfind(&client.anna.path(), "0", "<c:calendar-home-set/>").await;
    assert!(homes.body.contains("http://p07.example/dav/icloud/anna/calendars/"), "{}", homes.body);
}

#[tokio::test]
async fn homes_hold_more_than_calendars() {
    let client = Client::of(Profile::named("sabre").unwrap().with(|p| p.discovery.homes = 2));
    client
        .anna
        .add_calendar(CalendarSpec { kind: Kind::Subscribed, ..CalendarSpec::new("holidays") });
    client.anna.add_calendar(CalendarSpec {
        components: Some(vec!["VTODO".into()]),
        ..CalendarSpec::new("tasks")
    });
    client.anna.add_calendar(CalendarSpec { transparent: true, ..CalendarSpec::new("plans") });
    client.anna.add_calendar(CalendarSpec { home: 1, ..CalendarSpec::new("team") });
    let homes = client.propfind(&client.anna.path(), "0", "<c:calendar-home-set/>").await;
    assert_eq!(
        homes.count("/calendars/</d:href>") + homes.count("/shared/</d:href>"),
        2,
        "{}",
        homes.body
    );
    let props = "<d:resourcetype/><c:supported-calendar-component-set/><c:schedule-calendar-transp/><s:source/>";
    let first = client.propfind(&client.anna.home(), "1", props).await;
    assert_eq!(
        (first.count("<cal:calendar/>"), first.count("<cs:subscribed/>")),
        (3, 1),
        "{}",
        first.body
    );
    assert_eq!((first.count("schedule-inbox/>"), first.count("schedule-outbox/>")), (1, 1));
    assert_eq!((first.count("name=\"VTODO\""), first.count("<cal:transparent/>")), (1, 1));
    let second = client.propfind("/dav/sabre/anna/shared/", "1", props).await;
    assert_eq!(second.count("<cal:calendar/>"), 1);
    let none = Client::of(Profile::generic().with(|p| p.discovery.homes = 0));
    let answer = none.propfind(&none.anna.path(), "0", "<c:calendar-home-set/>").await;
    assert!(answer.body.contains("404 Not Found"));
}

#[tokio::test]
async fn a_calendar_can_vanish_move_and_return() {
    let client = Client::new("generic");
    let path = client.work.path();
    client.work.unshare(403);
    assert_eq!(client.sync("").await.status, 403);
    client.work.unshare(404);
    assert_eq!(client.sync("").await.status, 404);
    assert_eq!(
        client
            .propfind(&client.anna.home(), "1", "<d:resourcetype/>")
            .await
            .count("<cal:calendar/>"),
        0
    );
    client.work.share_again();
    assert_eq!(client.sync("").await.status, 207);
    let moved = client.work.rename("office");
    assert_eq!(client.propfind(&path, "0", "<d:getetag/>").await.status, 404);
    assert_eq!(client.propfind(&moved.path(), "0", "<d:getetag/>").await.status, 207);
}
