//! Routes that need no key: what they tell is nobody's, whoever asks. A feed's address opens by its own secret, for no
//! key, and only what its tenant put behind it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    findings::{Findings, Keys},
    operation::Operation,
};
use crate::{
    api::world::KEY,
    tenancy::{
        inventory::documented,
        pair::{Kind, Pair, Side},
    },
};

const OPEN: [&str; 6] =
    ["/docs", "/healthz", "/readyz", "/metrics", "/openapi.json", "/link/style.css"];
const HOOKS: [&str; 2] = ["/hooks/google/{channel}", "/hooks/microsoft/{channel}"];
const FEED: &str = "/feeds/{feed_id}/{secret}";

/// Tries every route outside `/v1` whose path contains `part`.
pub(super) async fn tried(
    pair: &Pair,
    document: &Value,
    part: &str,
    keys: &Keys,
    found: &mut Findings,
) -> BTreeSet<(String, String)> {
    let mut all = documented(document);
    all.retain(|(_, path)| !path.starts_with("/v1/") && path.contains(part));
    let before = [pair.rows_of(&pair.ours.tenant).await, pair.rows_of(&pair.theirs.tenant).await];
    let asking = callers(pair, keys);
    for (method, path) in &all {
        let name = format!("{method} {path}");
        match (method.as_str(), path.as_str()) {
            ("GET", path) if OPEN.contains(&path) => told_to_all(pair, path, &asking, found).await,
            ("GET", FEED) => {
                feed(pair, &asking, (&pair.ours, &pair.theirs), found).await;
                feed(pair, &asking, (&pair.theirs, &pair.ours), found).await;
            }
            ("POST", path) if HOOKS.contains(&path) => hook(pair, path, &asking, found).await,
            (method, path) if path.starts_with("/link/") || path.starts_with("/oauth/") => {
                page(pair, (method, path), &asking, found).await;
            }
            _ => panic!("what is {name}? Say it here"),
        }
    }
    let after = [pair.rows_of(&pair.ours.tenant).await, pair.rows_of(&pair.theirs.tenant).await];
    found.check(before == after, || "reading without a key changed rows".to_owned());
    all
}

/// Everybody who may ask, as a name and the headers they send.
fn callers(pair: &Pair, keys: &Keys) -> Vec<(String, Vec<(&'static str, String)>)> {
    let mut all = vec![("no key".to_owned(), Vec::new())];
    let named = [
        ("our admin", pair.ours.admin.clone()),
        ("their admin", pair.theirs.admin.clone()),
        ("instance", format!("Bearer {KEY}")),
        ("expired", keys.expired.clone()),
        ("revoked", keys.revoked.clone()),
        ("garbage", "Bearer chk_nobody_0123456789abcdef0123456789abcdef".to_owned()),
    ];
    let scoped = keys.scoped.iter().map(|(scope, key)| (*scope, key.clone()));
    for (who, key) in named.into_iter().chain(scoped) {
        all.push((who.to_owned(), vec![("authorization", key.clone())]));
        let acting = ("calhub-tenant", pair.theirs.tenant.to_string());
        all.push((format!("{who} acting for them"), vec![("authorization", key), acting]));
    }
    all
}

fn borrowed<'a>(headers: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    headers.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

/// What is open says the same of tenants to everybody: nothing, but for their ids in the meters.
async fn told_to_all(
    pair: &Pair,
    path: &str,
    asking: &[(String, Vec<(&'static str, String)>)],
    found: &mut Findings,
) {
    for (who, headers) in asking {
        let answer = Operation::plain("GET", path).send(pair, &borrowed(headers)).await;
        let name = format!("GET {path} by {who}");
        found.check(answer.status == 200, || format!("{name}: {}", answer.status));
        for side in [&pair.ours, &pair.theirs] {
            let known: &[&str] = if path == "/metrics" { &[side.id(Kind::Tenant)] } else { &[] };
            found.no_leak(&name, &answer, known, side);
        }
    }
}

/// Who was not asked by the hub is told nothing, whatever key comes with it; and it changes nothing.
async fn hook(
    pair: &Pair,
    route: &str,
    asking: &[(String, Vec<(&'static str, String)>)],
    found: &mut Findings,
) {
    let channel = format!("chn_{}", &pair.ours.id(Kind::Calendar)[4..]);
    let path = route.replace("{channel}", &channel);
    for (who, headers) in asking {
        for secret in ["", &"0".repeat(64), pair.ours.id(Kind::Calendar)] {
            let mut headers = headers.clone();
            headers.extend([
                ("x-goog-channel-id", channel.clone()),
                ("x-goog-channel-token", secret.to_owned()),
                ("x-goog-resource-id", "r".to_owned()),
                ("x-goog-resource-state", "exists".to_owned()),
                ("x-goog-message-number", "7".to_owned()),
            ]);
            let answer = Operation::plain("POST", &path).send(pair, &borrowed(&headers)).await;
            let name = format!("POST {route} by {who}");
            found.check(answer.status == 404, || format!("{name}: {}", answer.status));
            found.no_leak(&name, &answer, &[], &pair.ours);
        }
    }
}

/// What lets a browser in stands in an address or in a cookie: no id opens a page, and no key makes a difference.
async fn page(
    pair: &Pair,
    (method, path): (&str, &str),
    asking: &[(String, Vec<(&'static str, String)>)],
    found: &mut Findings,
) {
    for side in [&pair.ours, &pair.theirs] {
        let ids = [Kind::LinkSession, Kind::Tenant, Kind::Connection].map(|kind| side.id(kind));
        let [session, tenant, connection] = ids;
        let filled = path
            .replace("{session}", session)
            .replace("{tenant}", tenant)
            .replace("{connection}", connection)
            .replace("{proof}", "9999999999-AAAA");
        let mut one = Operation::plain(method, &filled);
        if path.ends_with("/start") {
            one.query.push(("session".to_owned(), session.to_owned()));
        }
        for (who, headers) in asking {
            let answer = one.send(pair, &borrowed(headers)).await;
            let name = format!("{method} {path} by {who}");
            found
                .check(matches!(answer.status, 403 | 404), || format!("{name}: {}", answer.status));
            found.no_leak(&name, &answer, &ids, side);
        }
    }
}

/// The two halves of a feed's address.
fn halves(side: &Side) -> (&str, &str) {
    let mut parts = side.feed.rsplit('/');
    let secret = parts.next().unwrap().strip_suffix(".ics").unwrap();
    (parts.next().unwrap(), secret)
}

/// A feed of one tenant, made and taken away again.
async fn taken_away(pair: &Pair, own: &Side) -> String {
    let headers = [("authorization", own.admin.as_str())];
    let mut made =
        Operation::plain("POST", &format!("/v1/resources/{}/feeds", own.id(Kind::Resource)));
    made.body = Some(json!({}));
    let made = made.send(pair, &headers).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let made: Value = serde_json::from_str(&made.text).unwrap();
    let path =
        format!("/v1/resources/{}/feeds/{}", own.id(Kind::Resource), made["id"].as_str().unwrap());
    let gone = Operation::plain("DELETE", &path).send(pair, &headers).await;
    assert_eq!(gone.status, 204, "{}", gone.text);
    url::Url::parse(made["url"].as_str().unwrap()).unwrap().path().to_owned()
}

async fn feed(
    pair: &Pair,
    asking: &[(String, Vec<(&'static str, String)>)],
    (own, other): (&Side, &Side),
    found: &mut Findings,
) {
    let (id, secret) = halves(own);
    let (foreign_id, foreign_secret) = halves(other);
    let absent = Kind::Feed.absent();
    let ask = async |path: &str, headers: &[(&'static str, String)]| {
        Operation::plain("GET", path).send(pair, &borrowed(headers)).await
    };
    let nobodys = ask(&format!("/feeds/{absent}/{secret}.ics"), &[]).await;
    let nobodys = nobodys.scrubbed(&[absent, secret]);
    let whole = ask(&own.feed, &[]).await;
    found.check(whole.status == 200 && whole.text.contains("FREEBUSY"), || {
        format!("a feed does not open by its address: {} {}", whole.status, whole.text)
    });
    let flipped = if secret.ends_with('0') { "1" } else { "0" };
    let changed = format!("{}{flipped}", &secret[..secret.len() - 1]);
    let gone = taken_away(pair, own).await;
    let mut wrong = vec![
        ("a foreign secret", format!("/feeds/{id}/{foreign_secret}.ics")),
        ("a foreign id", format!("/feeds/{foreign_id}/{secret}.ics")),
        ("a changed secret", format!("/feeds/{id}/{changed}.ics")),
        ("half a secret", format!("/feeds/{id}/{}.ics", &secret[..secret.len() / 2])),
        ("its id for a secret", format!("/feeds/{id}/{id}.ics")),
        ("an empty secret", format!("/feeds/{id}/.ics")),
        ("a feed that was taken away", gone),
    ];
    let kinds = [Kind::Resource, Kind::Calendar, Kind::Connection, Kind::Tenant, Kind::Key];
    wrong
        .extend(kinds.map(|kind| {
            ("an id of another kind", format!("/feeds/{}/{secret}.ics", own.id(kind)))
        }));
    wrong.extend(
        Kind::Feed
            .malformed()
            .iter()
            .map(|text| ("a malformed id", format!("/feeds/{text}/{secret}.ics"))),
    );
    for (who, headers) in asking {
        let again = ask(&own.feed, headers).await;
        let name = format!("GET {FEED} by {who}");
        found.no_leak(&name, &again, &[], other);
        found.check(again.scrubbed(&[]) == whole.scrubbed(&[]), || {
            format!("{name}: a key makes a difference: {} {}", again.status, again.text)
        });
        for (what, path) in &wrong {
            let answer = ask(path, headers).await;
            let name = format!("{name} with {what}");
            let sent: Vec<&str> = path
                .trim_end_matches(".ics")
                .split('/')
                .skip(2)
                .filter(|part| !part.is_empty())
                .collect();
            found.no_leak(&name, &answer, &sent, other);
            found.check(answer.status == 404, || format!("{name}: {}", answer.status));
            if !what.starts_with("a malformed") {
                let told = answer.scrubbed(&sent);
                found.check(told == nobodys, || format!("{name}: {told}\n  nobody's: {nobodys}"));
            }
        }
    }
}
