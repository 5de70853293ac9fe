//! Every kind of thing that can be wrong: its word for scripts, why it matters, and where the guide speaks of it.

/// One class of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Class {
    pub(crate) word: &'static str,
    pub(crate) why: &'static str,
    /// A heading of `docs/operators-guide.md`.
    pub(crate) guide: &'static str,
}

macro_rules! classes {
    ($($name:ident $word:literal $guide:literal $why:literal;)*) => {
        $(pub(crate) const $name: Class = Class { word: $word, why: $why, guide: $guide };)*

        /// All of them, in the order in which they are looked for.
        pub(crate) const ALL: &[Class] = &[$($name),*];
    };
}

classes! {
    SETTINGS "settings" "the-hub-is-gone" "a hub starts only when all its settings can be read";
    DATA_DIR_MISSING "data_dir_missing" "the-hub-is-gone" "without it there is no hub here yet, or it is looked for in the wrong place";
    DATA_DIR_UNUSABLE "data_dir_unusable" "the-hub-is-gone" "the hub keeps its database, key and socket there and must be able to write";
    DATA_DIR_OPEN "data_dir_open" "the-hub-is-gone" "who can write there can put another database, key or socket in its place; who can read there can copy them";
    KEY_FILE_MISSING "key_file_missing" "the-hub-is-gone" "no stored login opens without it, and a new key does not help";
    KEY_FILE_OPEN "key_file_open" "the-hub-is-gone" "with it and the database anybody can read every stored login";
    KEY_FILE_UNREADABLE "key_file_unreadable" "the-hub-is-gone" "no stored login opens without it, and the hub does not start";
    KEY_FILE_WRONG "key_file_wrong" "the-hub-is-gone" "it opens none of the logins in this database, and the hub does not start";
    DISK_LOW "disk_low" "the-disk-is-full" "on a full disk nothing that is pulled can be stored, and calendars turn stale";
    NETWORK_FILE_SYSTEM "network_file_system" "two-hubs" "SQLite's locks and write-ahead log do not work over a network, and a database there is damaged sooner or later";
    WAL_LARGE "wal_large" "the-database-grows" "somebody keeps an old state of the database open, so SQLite can neither tidy up nor shrink";
    ANOTHER_HUB "another_hub" "two-hubs" "SQLite serves one hub; a second one refuses to start";
    OPEN_FILES_LOW "open_files_low" "work-is-overdue" "each caller, each provider and each database connection takes one";
    DATABASE_ADDRESS "database_address" "the-database-is-slow-or-gone" "without a database the hub does not start";
    DATABASE_UNREACHABLE "database_unreachable" "the-database-is-slow-or-gone" "without it nothing is pulled, and every answer turns unknown after three seconds";
    DATABASE_LOGIN "database_login" "the-database-is-slow-or-gone" "without it nothing is pulled, and every answer turns unknown after three seconds";
    DATABASE_MISSING "database_missing" "the-database-is-slow-or-gone" "the server is there, and has no database of this name";
    DATABASE_UNFIT "database_unfit" "the-database-is-slow-or-gone" "calhub rests on constraints and locks that this server lacks";
    DATABASE_DAMAGED "database_damaged" "restoring-a-backup" "what cannot be read cannot be answered from";
    DATABASE_READ_ONLY "database_read_only" "the-database-is-slow-or-gone" "the hub must store what it pulls: this is a standby, a recovering server, or a file of somebody else";
    DATABASE_POOLER "database_pooler" "the-database-is-slow-or-gone" "statements that were prepared on one connection are sent to another and fail now and then";
    DATABASE_NEW "database_new" "the-hub-is-gone" "there is nothing to serve yet";
    MIGRATIONS_PENDING "migrations_pending" "the-database-is-slow-or-gone" "this program needs tables that are not there yet";
    DATABASE_NEWER "database_newer" "the-database-is-slow-or-gone" "this program does not know what the newer one keeps, and would damage it";
    CLOCK_WRONG "clock_wrong" "times-are-off-by-hours" "ages, leases and windows go by the clock: a wrong one makes fresh calendars stale or stale ones fresh";
    ZONE_RULES_OLD "zone_rules_old" "times-are-off-by-hours" "a country that changed its clocks since is an hour off";
    NAMES "names" "a-connection-is-degraded" "without names no calendar server on the internet can be found";
    NETWORKS_OPEN "networks_open" "linking-is-refused" "whoever may link a calendar can reach what is inside, cloud credentials among it";
    ADDRESS_IN_USE "address_in_use" "the-hub-is-gone" "the hub cannot listen there and does not start";
    ADDRESS_UNUSABLE "address_unusable" "the-hub-is-gone" "the hub cannot listen there and does not start";
    ADDRESS_DIFFERS "address_differs" "the-hub-is-gone" "what is checked here is not what the running hub uses";
    HUB_NOT_RUNNING "hub_not_running" "the-hub-is-gone" "nobody answers, and calendars age";
    NOT_A_HUB "not_a_hub" "the-hub-is-gone" "callers that use this address get no answers";
    HUB_NOT_READY "hub_not_ready" "the-hub-is-not-ready" "every answer is unknown until it is";
    NOT_ALLOWED "not_allowed" "callers-get-errors" "what the key may not see is not checked";
    PUBLIC_URL_MISSING "public_url_missing" "people-cannot-sign-in-at-google" "people are sent back to this machine's own address, and providers tell it of no change";
    PUBLIC_URL_PLAIN "public_url_plain" "people-cannot-sign-in-at-google" "providers send people and notifications to https alone";
    PUBLIC_URL_UNREACHABLE "public_url_unreachable" "people-cannot-sign-in-at-google" "people do not come back from their provider, and notifications do not get through";
    REDIRECT_MISMATCH "redirect_uri_mismatch" "people-cannot-sign-in-at-google" "the provider shows everybody an error in place of its sign-in page";
    CLIENT_REFUSED "oauth_client_refused" "people-cannot-sign-in-at-google" "nobody can link an account, and no grant can be renewed";
    CLIENT_UNTRIED "oauth_client_untried" "people-cannot-sign-in-at-google" "whether people can sign in could not be found out";
    TESTING_MODE "oauth_testing_mode" "many-google-connections-turn-needs_reauth-at-once" "every grant to an app in testing dies seven days after it was given";
    API_DISABLED "api_disabled" "the-calendar-api-is-off" "every call is refused until it is switched on; nobody has to sign in again";
    MISSING_SCOPE "missing_scope" "a-grant-lacks-a-scope" "what was not allowed cannot be read or written";
    NEEDS_REAUTH "needs_reauth" "a-connection-is-needs_reauth" "nothing is read any more; busy time is kept, the rest is unknown";
    CONNECTION_FAILING "connection_failing" "a-connection-is-degraded" "its calendars turn stale, and then unknown";
    CALENDARS_STALE "calendars_stale" "answers-are-unknown-stale" "their answers are unknown where nothing busy is known";
    CALENDARS_NEVER_SYNCED "calendars_never_synced" "a-calendar-was-never-synced" "their answers are wholly unknown";
    CALENDARS_QUARANTINED "calendars_quarantined" "a-calendar-is-quarantined" "their answers are unknown until it is clear whether the time is really free";
    SERIES_UNEXPANDABLE "series_unexpandable" "a-series-is-unexpandable" "these spans are unknown until somebody changes the event";
    PAUSED "paused" "pausing" "nothing is asked there until somebody resumes it";
    WORK_OVERDUE "work_overdue" "work-is-overdue" "changes in people's calendars are seen late";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn words_stand_once_and_read_as_fragments() {
        let words: BTreeSet<&str> = ALL.iter().map(|class| class.word).collect();
        assert_eq!(words.len(), ALL.len());
        for class in ALL {
            let begins_small = class.why.starts_with(|c: char| c.is_lowercase())
                || class.why.starts_with("SQLite");
            let is_fragment = !class.why.ends_with('.');
            assert!(
                is_fragment && (begins_small || class.why.starts_with("calhub")),
                "{}",
                class.why
            );
        }
    }
}
