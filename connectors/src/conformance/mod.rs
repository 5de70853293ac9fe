//! The promises every connector must keep, as functions over a [`Subject`]: a connector and a hand on the
//! provider's side. Simulators and real servers are subjects alike; a difference in ability is a value the
//! subject states, never a branch on its name.

mod ledger;
mod reading;
mod samples;
mod subject;
mod trouble;
mod writing;

pub use ledger::Ledger;
pub use subject::{Abilities, Broken, Garbage, Kept, Subject};

/// A promise, with its name for reports.
pub struct Promise {
    pub name: &'static str,
    keep: for<'a> fn(&'a dyn Subject) -> futures::future::LocalBoxFuture<'a, Kept>,
}

impl std::fmt::Debug for Promise {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl Promise {
    /// Puts the subject to the test; it must be fresh, with an empty calendar.
    pub async fn check(&self, subject: &dyn Subject) -> Kept {
        (self.keep)(subject).await
    }
}

macro_rules! promises {
    ($($module:ident :: $name:ident),* $(,)?) => {
        /// Every promise there is.
        pub const PROMISES: &[Promise] = &[$(Promise {
            name: stringify!($name),
            keep: |subject| Box::pin($module::$name(subject)),
        }),*];
    };
}

promises![
    reading::linking_names_the_account_and_its_calendars,
    reading::a_full_pull_lists_everything,
    reading::a_full_pull_and_deltas_converge_on_the_same_set,
    reading::deletion_is_seen,
    reading::what_is_unchanged_is_not_fetched_again,
    reading::an_idle_pull_is_cheap,
    reading::paging_loses_and_repeats_nothing_while_events_change,
    reading::an_all_day_event_keeps_its_dates_in_any_zone,
    reading::a_moved_occurrence_moves_alone,
    reading::a_span_is_read_live,
    reading::a_broken_event_does_not_hide_the_others,
    reading::traits_are_honest,
    reading::what_was_learned_can_be_given_back,
    trouble::an_expired_cursor_is_reported,
    trouble::a_revoked_login_is_unauthorized,
    trouble::throttling_carries_retry_after,
    trouble::garbage_is_never_an_empty_page,
    trouble::a_gone_calendar_is_told_as_gone,
    trouble::no_error_tells_the_path_or_the_password,
    writing::what_is_written_reads_back_equal,
    writing::a_repeated_create_is_one_event,
    writing::a_create_never_overwrites,
    writing::a_stale_write_conflicts,
    writing::a_replace_keeps_what_others_added,
    writing::a_lost_reply_is_an_unknown_effect_and_can_be_found,
    writing::deleting_what_is_gone_is_a_success,
];
