//! What the pages say, in plain words.

use crate::model::states::{Access, ConnectionState, Provider};

/// What is read and written of a calendar at a level of access.
pub(super) fn access(level: Access) -> Vec<&'static str> {
    match level {
        Access::BusyOnly => vec![
            "Read: the list of your calendars, and when you are busy.",
            "Not read: what your events are about, and who is invited.",
            "Nothing is written.",
        ],
        Access::Read => vec![
            "Read: the list of your calendars, and the times of your events. Titles, descriptions and guests are not stored.",
            "Nothing is written.",
        ],
        Access::ReadWrite => vec![
            "Read: the list of your calendars, and the times of your events. Titles, descriptions and guests are not stored.",
            "Written: bookings, into the one calendar that you choose, and nothing else. Your other events are never changed.",
        ],
    }
}

/// A provider's name on a button, and what it asks a person.
pub(super) fn sign_in(provider: Provider) -> (&'static str, &'static str) {
    match provider {
        Provider::Microsoft => (
            "Microsoft",
            "Microsoft asks you to sign in and to agree. An account of an organisation may need its administrator to agree first.",
        ),
        Provider::Google | Provider::Caldav | Provider::Ics => {
            ("Google", "Google asks you to sign in and to agree. Leave every box ticked there.")
        }
    }
}

/// A scope as its provider's consent page names it.
pub(super) fn scope(scope: &str) -> &str {
    match scope.rsplit('/').next().unwrap_or(scope) {
        "calendar.calendarlist.readonly" => "See the list of Google calendars you’re subscribed to",
        "calendar.events.freebusy" => "See the availability on Google calendars you have access to",
        "calendar.events.readonly" => "View events on all your calendars",
        "calendar.events" => "View and edit events on all your calendars",
        "Calendars.ReadBasic" => "Read basic details of your calendars",
        "Calendars.Read" => "Read your calendars",
        "Calendars.ReadWrite" => "Have full access to your calendars",
        other => other,
    }
}

/// Why nothing was linked, and what to do.
pub(super) fn trouble(reason: &str) -> &'static str {
    match reason {
        "denied" => "You did not agree, so nothing was connected. You can try again.",
        "admin_consent_required" => {
            "Your organisation does not allow this app. Ask your administrator to allow it, then try again."
        }
        "missing_scope" => {
            "Not every box was ticked, so calendars could not be connected. Try again, and leave all boxes ticked. Missing:"
        }
        "wrong_account" => {
            "This kind of account cannot be connected here. Sign in with another one, or ask whoever sent you here."
        }
        "different_account" => {
            "That is another account than the one that is connected. Sign in with the same account as before."
        }
        "external_id_taken" => {
            "Something else is connected under this name already. Ask whoever sent you here."
        }
        "unauthorized" => {
            "The user name or password was not accepted. Many providers want an app password, made in your account's security settings."
        }
        "not_caldav" => {
            "Something answers at this address, but it is no calendar server. Check the address, or ask your provider for its CalDAV address."
        }
        "bad_reply" => {
            "What is at this address is no calendar. Check it: it should be the secret address, not the page that shows the calendar."
        }
        "blocked_address" => {
            "This address cannot be reached from here. Use a public https address."
        }
        "tls" => "The server has no valid certificate, so it is not safe to connect to it.",
        "dns" => "There is no server of this name. Check the address for typing errors.",
        "timeout" | "unavailable" => "The provider did not answer. Try again in a few minutes.",
        "throttled" => "The provider asks to wait. Try again in a few minutes.",
        "calendar_gone" | "gone" | "forbidden" => {
            "The provider says that there is nothing at this address, or that you may not see it."
        }
        "wrong_client" | "api_disabled" => {
            "Connecting to this provider is not set up right. Whoever runs this service has to act; nothing is wrong with your account."
        }
        "took_too_long" => "That took too long. Please try again.",
        "code_refused" | "mixed_up" | "no_code" | "no_refresh_token" | "provider_refused" => {
            "The sign-in did not come to its end. Please try again."
        }
        "paused" => "Connecting is paused at the moment. Try again later.",
        "removing" => "This account is being disconnected.",
        _ => "That did not work. Please try again.",
    }
}

pub(super) fn provider(provider: Provider) -> &'static str {
    match provider {
        Provider::Caldav => "CalDAV",
        Provider::Ics => "ICS address",
        Provider::Google => "Google Calendar",
        Provider::Microsoft => "Outlook",
    }
}

pub(super) fn state(state: ConnectionState) -> &'static str {
    match state {
        ConnectionState::Syncing => "being read for the first time",
        ConnectionState::Healthy => "connected",
        ConnectionState::Degraded => "connected, with some trouble",
        ConnectionState::NeedsReauth | ConnectionState::Revoked => "you need to sign in again",
        ConnectionState::Removing => "being disconnected",
    }
}
