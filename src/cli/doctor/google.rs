//! OAuth clients at Google, tried as a person's browser would and without any person; and what linking came to.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{
    check::Check,
    classes::{
        API_DISABLED, CLIENT_REFUSED, CLIENT_UNTRIED, MISSING_SCOPE, REDIRECT_MISMATCH,
        TESTING_MODE,
    },
};
use crate::{
    cli::{
        client::Client,
        show::{count, field},
    },
    config::Config,
    link::{SignIn, Trial},
};

/// What an app in testing gives, and how much later it may be noticed that it has ended.
const TESTING_DAYS: i64 = 7;
const NOTICED: SignedDuration = SignedDuration::from_hours(26);
const SLACK: SignedDuration = SignedDuration::from_hours(2);
/// How long a failed try to link is told of.
const RECENT: SignedDuration = SignedDuration::from_hours(7 * 24);

const PUBLISH: &str = "in the Google Cloud console: Audience -> Publish app (or make it Internal); then each person links once more";

/// Whether the operator has a client at Google.
pub(crate) fn is_set_up(config: &Config) -> bool {
    !config.google.client_id.is_empty()
}

/// Tries the operator's own client.
pub(crate) async fn own_client(config: &Config) -> Option<Check> {
    if !is_set_up(config) {
        return None;
    }
    let redirect = format!("{}/oauth/google/callback", config.base_url());
    let (id, secret) = (&config.google.client_id, config.google.client_secret.as_ref());
    let trial = SignIn::google(config)?.try_client(id, &redirect, secret).await;
    Some(tried("google client", id, &redirect, &trial))
}

/// Tries a tenant's own client; its secret is the hub's alone.
pub(crate) async fn tenants_client(
    client: &Client,
    config: &Config,
    tenant: &str,
) -> Option<Check> {
    let app = client.get(&["v1", "provider-apps", "google"], &[]).await.ok()?.body;
    let (id, redirect) = (field(&app, "client_id"), field(&app, "redirect_uri"));
    let trial = SignIn::google(config)?.try_client(&id, &redirect, None).await;
    Some(tried(&format!("{tenant}google client"), &id, &redirect, &trial))
}

fn tried(name: &str, id: &str, redirect: &str, trial: &Trial) -> Check {
    match trial {
        Trial::Good => Check::ok(name, format!("Google takes {id} and leads back to {redirect}")),
        Trial::RedirectUnknown => Check::action(
            REDIRECT_MISMATCH,
            name,
            format!("{redirect} is none of the redirect addresses of {id}"),
            format!(
                "in the Google Cloud console: Clients -> this client -> Authorised redirect URIs: add exactly {redirect}, or set public_url to what stands there"
            ),
        ),
        Trial::ClientUnknown => Check::action(
            CLIENT_REFUSED,
            name,
            format!("Google knows no OAuth client {id}"),
            "copy the client id anew from the Google Cloud console (Clients), or make a new client there",
        ),
        Trial::SecretRefused => Check::action(
            CLIENT_REFUSED,
            name,
            format!("Google does not take the secret of {id}"),
            "make a new secret in the Google Cloud console (Clients -> this client), put it into --google-client-secret-file and start the hub again",
        ),
        Trial::Refused => Check::action(
            CLIENT_REFUSED,
            name,
            format!("Google refuses to let anybody sign in to {id}"),
            format!(
                "link an account and read what Google's page says; the scopes must be added under Data access, and {redirect} under Clients"
            ),
        ),
        Trial::NotAsked(why) => Check::note(
            CLIENT_UNTRIED,
            name,
            format!("Google could not be asked about {id}: {why}"),
            "the hub's machine must reach accounts.google.com, oauth2.googleapis.com and www.googleapis.com over https; `calhub doctor` again",
        ),
    }
}

/// A grant that ends, or has ended, a week after it was given: the app that it was given to is in testing.
pub(crate) fn testing_mode(item: &Value, name: &str, says: &str, now: Timestamp) -> Option<Check> {
    let grant = item.get("grant").filter(|_| field(item, "provider") == "google")?;
    let at = |part: &str| field(grant, part).parse::<Timestamp>().ok();
    let (given, ends, ended) = (at("given_at"), at("ends_at"), at("ended_at"));
    let week = SignedDuration::from_hours(24 * TESTING_DAYS);
    let found = |what: String, fix: &str| {
        Some(Check::action(TESTING_MODE, name, format!("{says}; {what}"), fix))
    };
    if let Some(ended) = ended.filter(|_| field(item, "state") == "needs_reauth") {
        // Known from Google itself, or seen by its age: what dies of anything else dies at any age.
        let is_told = ends.is_some_and(|ends| ended >= ends.saturating_sub(SLACK).unwrap_or(ends));
        let age = given.map(|given| ended.duration_since(given));
        let is_week = age.is_some_and(|age| age >= week - SLACK && age <= week + NOTICED);
        if is_told || is_week {
            let fix = match field(item, "relink_url").as_str() {
                "-" => format!(
                    "{PUBLISH}: `calhub connections show {}` has the address",
                    field(item, "id")
                ),
                url => format!("{PUBLISH}, at {url}"),
            };
            return found(
                "its grant ended a week after it was given, as those to an app in testing do"
                    .to_owned(),
                &fix,
            );
        }
        return None;
    }
    let ends = ends.filter(|ends| ended.is_none() && ends.duration_since(now) <= week)?;
    found(format!("its grant ends at {ends}: the app is in testing"), PUBLISH)
}

/// Tries to link that came to nothing for a reason that is the operator's; what became of it later does not matter.
pub(crate) async fn failed_links(client: &Client, tenant: &str, now: Timestamp) -> Vec<Check> {
    let sessions = client.list(&["v1", "link-sessions"], &[]).await.unwrap_or_default();
    refused_links(&sessions, tenant, now)
}

fn refused_links(sessions: &[Value], tenant: &str, now: Timestamp) -> Vec<Check> {
    let is_recent = |item: &&Value| {
        let made: Option<Timestamp> = field(item, "created_at").parse().ok();
        made.is_some_and(|made| now.duration_since(made) <= RECENT)
    };
    let recent: Vec<&Value> = sessions.iter().filter(is_recent).collect();
    let name = format!("{tenant}linking");
    let of = |reason: &str| {
        let found = recent
            .iter()
            .filter(|item| field(item, "reason") == reason && field(item, "status") != "linked");
        Some(found.count()).filter(|count| *count > 0)
    };
    let says = |n: usize, why: &str| {
        format!("{} to link an account within a week: {why}", count(n, "failed attempt"))
    };
    let disabled = of("api_disabled")
        .map(|n| Check::action(API_DISABLED, &name, says(n, "the calendar API is off"), api_fix()));
    let refused = of("wrong_client").map(|n| {
        let fix = "check the client's id, secret and redirect address: docs/guides/google.md, steps 5 and 2";
        Check::action(CLIENT_REFUSED, &name, says(n, "the OAuth client was refused"), fix)
    });
    let scopes = of("missing_scope").map(|n| {
        Check::note(MISSING_SCOPE, &name, says(n, "not every scope was granted"), scope_fix())
    });
    [disabled, refused, scopes].into_iter().flatten().collect()
}

pub(crate) fn api_fix() -> &'static str {
    "in the Google Cloud console, in the project of the OAuth client: APIs & Services -> Library -> Google Calendar API -> Enable. It takes a few minutes, and nobody has to link again"
}

pub(crate) fn scope_fix() -> &'static str {
    "the person links again and leaves every box ticked; if no box is shown for it, add the scope under Data access in the Google Cloud console (docs/guides/google.md, step 4)"
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn connection(state: &str, grant: &Value) -> Value {
        json!({"id": "con_1", "provider": "google", "state": state, "grant": grant})
    }

    #[test]
    fn a_grant_that_ends_after_a_week_is_an_app_in_testing() {
        let now = at("2026-03-09T12:00:00Z");
        let found = |state: &str, given: &str, ends: Option<&str>, ended: Option<&str>| {
            let grant = json!({"given_at": given, "ends_at": ends, "ended_at": ended});
            testing_mode(&connection(state, &grant), "con_1", "", now).is_some()
        };
        let given = "2026-03-02T09:00:00Z";
        assert!(found("needs_reauth", given, None, Some("2026-03-09T09:20:00Z")));
        assert!(found("needs_reauth", given, None, Some("2026-03-10T10:00:00Z")));
        // Withdrawn by the person, on a day like any other.
        assert!(!found("needs_reauth", given, None, Some("2026-03-06T09:00:00Z")));
        assert!(!found("needs_reauth", "2026-01-02T09:00:00Z", None, Some("2026-03-09T09:00:00Z")));
        assert!(!found(
            "needs_reauth",
            given,
            Some("2026-03-09T09:00:00Z"),
            Some("2026-03-04T09:00:00Z")
        ));
        // Before it is too late.
        assert!(found("healthy", "2026-03-08T09:00:00Z", Some("2026-03-15T09:00:00Z"), None));
        assert!(!found("healthy", given, None, None));
        assert!(!found("healthy", given, Some("2026-09-01T09:00:00Z"), None));
        let other = json!({"provider": "caldav", "state": "needs_reauth", "grant": null});
        assert!(testing_mode(&other, "con_1", "", now).is_none());
    }

    #[test]
    fn attempts_that_failed_by_the_operators_fault_are_told_once_a_reason() {
        let now = at("2026-03-09T12:00:00Z");
        let session = |created: &str, status: &str, reason: &str| json!({"created_at": created, "status": status, "reason": reason});
        let sessions = [
            session("2026-03-08T12:00:00Z", "open", "api_disabled"),
            session("2026-03-08T13:00:00Z", "expired", "api_disabled"),
            session("2026-03-08T14:00:00Z", "open", "denied"),
            session("2026-02-01T14:00:00Z", "expired", "wrong_client"),
            session("2026-03-08T14:00:00Z", "linked", "missing_scope"),
        ];
        let found = refused_links(&sessions, "", now);
        let classes: Vec<_> = found.iter().map(|check| check.class).collect();
        assert_eq!(classes, [Some("api_disabled")]);
        assert!(found[0].says.starts_with("2 failed attempts"), "{}", found[0].says);
    }
}
