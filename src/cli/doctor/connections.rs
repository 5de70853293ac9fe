//! How each connection stands, and what its failure's code asks for.

use jiff::Timestamp;
use serde_json::Value;

use super::{
    check::Check,
    classes::{API_DISABLED, CLIENT_REFUSED, CONNECTION_FAILING, MISSING_SCOPE, NEEDS_REAUTH},
    google,
};
use crate::cli::show::field;

pub(crate) fn check(item: &Value, tenant: &str, now: Timestamp) -> Check {
    let (id, state, provider) = (field(item, "id"), field(item, "state"), field(item, "provider"));
    let name = format!("{tenant}{id}");
    let code = field(item, "last_error");
    let error = if code == "-" { String::new() } else { format!(": {code}") };
    let says = format!("{provider} {}, {state}{error}", field(item, "account_label"));
    if let Some(found) = google::testing_mode(item, &name, &says, now) {
        return found;
    }
    match code.as_str() {
        "api_disabled" => return Check::action(API_DISABLED, &name, says, google::api_fix()),
        "missing_scope" => {
            let fix = format!("{}{}", google::scope_fix(), relink(item));
            return Check::action(MISSING_SCOPE, &name, says, fix);
        }
        "wrong_client" => {
            let fix = "give the hub the OAuth client that the grant was given to, with its secret; nobody has to link again";
            return Check::action(CLIENT_REFUSED, &name, says, fix);
        }
        _ => {}
    }
    match state.as_str() {
        "healthy" | "syncing" | "removing" => Check::ok(&name, says),
        "needs_reauth" | "revoked" => {
            let fix = match provider.as_str() {
                "ics" => format!(
                    "give it the feed's new address: `calhub connections update {id} --address URL`"
                ),
                "google" | "microsoft" => {
                    format!("the person signs in again{}", relink(item))
                }
                _ => format!(
                    "give it a password that works: `calhub connections update {id} --password-file FILE`"
                ),
            };
            Check::action(NEEDS_REAUTH, &name, says, fix)
        }
        _ => Check::action(CONNECTION_FAILING, &name, says, fix(&code, &id)),
    }
}

/// Where a person signs in again.
fn relink(item: &Value) -> String {
    match field(item, "relink_url").as_str() {
        "-" => format!(": `calhub connections show {}` has the address", field(item, "id")),
        url => format!(": {url}"),
    }
}

/// What to do about a code of `connectors`; the hub goes on trying meanwhile.
fn fix(code: &str, id: &str) -> String {
    let advice = match code {
        "unavailable" => "its server refuses, cuts off or answers 5xx: ask whoever runs it",
        "timeout" => {
            "its server does not answer within 30 s: ask whoever runs it, check the firewall"
        }
        "dns" => {
            "its name does not resolve here: check /etc/resolv.conf, and whether the domain still is"
        }
        "tls" => "its certificate is not valid: its owner must renew it",
        "blocked_address" => {
            "its address lies in a network that calendars may not be read from: start the hub with --allow-net, and check the tenant's allow_net"
        }
        "throttled" => "it asked for room and gets it: wait, or spread the load",
        "not_caldav" => {
            return format!(
                "no CalDAV server answers there: `calhub connections update {id} --address URL`"
            );
        }
        "bad_reply" => {
            "it answers with something that is no calendar, often a login page: open the address by hand"
        }
        "calendar_gone" | "gone" => "a calendar is not where it was: it is listed again by itself",
        "forbidden" => "the login may not read a calendar: its owner must share it",
        "rejected" => "it refuses what calhub asks: its log may say why",
        "cursor_expired" => "it forgets where we were: everything is read again by itself",
        _ => {
            return format!(
                "look at what it says: `calhub connections show {id}`; one of its calendars may be quarantined or gone"
            );
        }
    };
    format!("{advice}. `calhub sync --connection {id} --wait` tries now")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::check::State, *};

    #[test]
    fn a_refused_login_says_how_to_give_a_new_one() {
        let item = json!({"id": "con_1", "provider": "caldav", "state": "needs_reauth", "account_label": "anna",
            "last_error": "unauthorized"});
        let now = Timestamp::UNIX_EPOCH;
        let found = check(&item, "", now);
        assert_eq!(found.state, State::Action);
        assert_eq!(found.says, "caldav anna, needs_reauth: unauthorized");
        assert!(found.fix.unwrap().contains("calhub connections update con_1 --password-file"));
        assert_eq!(check(&json!({"state": "healthy"}), "", now).state, State::Ok);
        let google = json!({"id": "con_1", "provider": "google", "state": "needs_reauth",
            "last_error": "unauthorized", "relink_url": "https://hub.example/link/again/x"});
        assert!(check(&google, "", now).fix.unwrap().contains("https://hub.example/link/again/x"));
        let scope = json!({"id": "con_1", "provider": "google", "state": "needs_reauth", "last_error": "missing_scope"});
        assert_eq!(check(&scope, "", now).class, Some("missing_scope"));
    }

    #[test]
    fn every_code_that_reading_can_bring_has_a_fix_of_its_own() {
        let general = fix("something new", "con_1");
        for code in [
            "unavailable",
            "timeout",
            "tls",
            "dns",
            "blocked_address",
            "throttled",
            "cursor_expired",
            "gone",
            "calendar_gone",
            "forbidden",
            "rejected",
            "bad_reply",
            "not_caldav",
        ] {
            assert_ne!(fix(code, "con_1"), general, "{code}");
        }
    }
}
