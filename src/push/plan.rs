//! What comes next for a row of the outbox. Pure: the row and what was found in, a step out.

use crate::{model::interval::Span, store::OutboxRow};

/// The next thing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The calendar holds what is wanted.
    Settled,
    /// A create may have landed: find out.
    Find,
    /// Something may have landed, or somebody else has changed the event: find out.
    Look,
    Create,
    Replace,
    Delete,
}

/// Decides the next step. While anything is in doubt, nothing is sent.
pub fn next(row: &OutboxRow) -> Step {
    match (&row.item, &row.version) {
        (None, _) if row.is_in_doubt() => Step::Find,
        (None, _) if row.present => Step::Create,
        (None, _) => Step::Settled,
        (Some(_), None) => Step::Look,
        (Some(_), Some(_)) if row.is_in_doubt() => Step::Look,
        (Some(_), Some(_)) if !row.present => Step::Delete,
        (Some(_), Some(_)) => match row.written {
            // Without words of ours it was adopted, and does not say yet whose it is.
            Some((revision, _)) if revision == row.wanted && row.words.is_some() => Step::Settled,
            _ => Step::Replace,
        },
    }
}

/// What was found where the event should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub version: Option<String>,
    /// The one span that it takes; none when it is not a plain event any more (cancelled, or made a series).
    pub span: Option<Span>,
    /// See [`EventRow::origin`](crate::store::EventRow::origin).
    pub origin: Option<String>,
}

/// What a look at the event comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// At the time it was last known to have, or changed only in what the hub does not decide: go on with this version.
    Ours,
    /// What was in doubt has landed.
    Landed,
    /// Taken out by somebody else.
    Deleted,
    /// Nothing is there, as it should be.
    Gone,
    /// Somebody else gave it another time.
    Moved,
}

/// Judges what was found by what was sent and by what stood there before. Time and existence are the person's.
pub fn judge(row: &OutboxRow, found: Option<&Found>) -> Verdict {
    let Some(found) = found else {
        return if row.present { Verdict::Deleted } else { Verdict::Gone };
    };
    let is = |state: Option<(i64, Span)>| state.is_some_and(|(_, span)| found.span == Some(span));
    match row.sent {
        _ if !row.present => Verdict::Ours,
        // Looked at before, and still the same; or at the time it had before, whoever changed the rest of it.
        Some(_) if row.version.is_some() && row.version == found.version => Verdict::Ours,
        Some(_) if is(row.written) => Verdict::Ours,
        Some(_) if is(row.sent) => Verdict::Landed,
        None if is(row.written) => Verdict::Ours,
        _ => Verdict::Moved,
    }
}

/// Judges what stands there after a write that was answered. A create may have found an earlier one of ours, which
/// somebody has moved since.
pub fn judge_answered(row: &OutboxRow, found: Option<&Found>) -> Verdict {
    let span = found.and_then(|found| found.span);
    match row.sent {
        Some((_, sent)) if span == Some(sent) => Verdict::Landed,
        _ => judge(row, found),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::{
        clock::{ManualClock, SeededEntropy},
        model::{
            ids::{BookingId, CalendarId},
            states::Delivery,
        },
    };

    fn span(hour: i64) -> Span {
        let at = |hour: i64| Timestamp::from_second(hour * 3600).unwrap();
        Span::clamped(at(hour), at(hour + 1))
    }

    fn row() -> OutboxRow {
        let (clock, entropy) = (ManualClock::at(Timestamp::UNIX_EPOCH), SeededEntropy::new(1));
        OutboxRow {
            booking_id: BookingId::mint(&clock, &entropy),
            calendar_id: CalendarId::mint(&clock, &entropy),
            present: true,
            wanted: 1,
            span: span(9),
            state: Delivery::Pending,
            generation: 0,
            written: None,
            sent: None,
            words: None,
            sent_words: None,
            item: None,
            version: None,
            last_error: None,
            touched_at: Timestamp::UNIX_EPOCH,
        }
    }

    fn written(revision: i64) -> OutboxRow {
        let (item, version) = (Some("/e".to_owned()), Some("v1".to_owned()));
        let words = Some("hash".to_owned());
        OutboxRow { written: Some((revision, span(9))), words, item, version, ..row() }
    }

    fn found(version: &str, at: Option<Span>) -> Option<Found> {
        Some(Found { version: Some(version.to_owned()), span: at, origin: None })
    }

    #[test]
    fn a_cancel_before_the_create_collapses_to_nothing() {
        assert_eq!(next(&OutboxRow { present: false, ..row() }), Step::Settled);
    }

    #[test]
    fn nothing_is_sent_while_anything_is_in_doubt() {
        for row in [row(), written(1), OutboxRow { wanted: 2, ..written(1) }] {
            for present in [true, false] {
                let sent = Some((2, span(10)));
                let step = next(&OutboxRow { sent, present, ..row.clone() });
                assert!(matches!(step, Step::Find | Step::Look), "{step:?}");
            }
        }
    }

    #[test]
    fn a_new_revision_is_written_over_the_old_one_and_a_cancel_takes_it_out() {
        assert_eq!(next(&row()), Step::Create);
        assert_eq!(next(&written(1)), Step::Settled);
        assert_eq!(next(&OutboxRow { wanted: 2, ..written(1) }), Step::Replace);
        assert_eq!(next(&OutboxRow { present: false, ..written(1) }), Step::Delete);
        assert_eq!(next(&OutboxRow { version: None, ..written(1) }), Step::Look);
        let adopted = OutboxRow { words: None, ..written(1) };
        assert_eq!(next(&adopted), Step::Replace, "it is marked");
    }

    #[test]
    fn a_persons_edit_of_the_words_is_kept_and_of_the_time_is_theirs() {
        let row = OutboxRow { version: None, ..written(1) };
        assert_eq!(judge(&row, found("v2", Some(span(9))).as_ref()), Verdict::Ours);
        assert_eq!(judge(&row, found("v2", Some(span(11))).as_ref()), Verdict::Moved);
        assert_eq!(judge(&row, found("v2", None).as_ref()), Verdict::Moved);
        assert_eq!(judge(&row, None), Verdict::Deleted);
    }

    #[test]
    fn a_lost_answer_is_told_from_a_lost_request_and_from_somebody_elses_edit() {
        // A move from 9 to 10 was sent; the answer was lost.
        let row = OutboxRow { sent: Some((2, span(10))), wanted: 2, ..written(1) };
        assert_eq!(judge(&row, found("v1", Some(span(9))).as_ref()), Verdict::Ours);
        assert_eq!(judge(&row, found("v2", Some(span(10))).as_ref()), Verdict::Landed);
        assert_eq!(judge(&row, found("v3", Some(span(14))).as_ref()), Verdict::Moved);
        // Lost on its way, while the person gave it another title.
        assert_eq!(judge(&row, found("v4", Some(span(9))).as_ref()), Verdict::Ours);
        let created = OutboxRow { sent: Some((1, span(9))), ..self::row() };
        assert_eq!(judge(&created, found("v1", Some(span(9))).as_ref()), Verdict::Landed);
    }

    #[test]
    fn a_create_that_finds_an_earlier_one_which_was_moved_is_no_success() {
        let row = OutboxRow { sent: Some((1, span(9))), ..row() };
        assert_eq!(judge_answered(&row, found("v1", Some(span(9))).as_ref()), Verdict::Landed);
        assert_eq!(judge_answered(&row, found("v7", Some(span(11))).as_ref()), Verdict::Moved);
        // New words at the old time have landed, too.
        let row = OutboxRow { sent: Some((2, span(9))), wanted: 2, ..written(1) };
        assert_eq!(judge_answered(&row, found("v2", Some(span(9))).as_ref()), Verdict::Landed);
    }

    #[test]
    fn a_cancelled_booking_wants_its_event_gone_whatever_it_looks_like() {
        let row = OutboxRow { present: false, version: None, ..written(1) };
        assert_eq!(judge(&row, found("v2", Some(span(14))).as_ref()), Verdict::Ours);
        assert_eq!(judge(&row, None), Verdict::Gone);
    }
}
