//! What is written by hand is what serde writes of the published shapes.

use std::{collections::BTreeSet, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::SignedDuration;
use proptest::prelude::*;

use super::{
    super::view::{
        self, AnswerView, BusyView, EvidenceView, Proof, Spans, SubjectView, SummaryView,
        UnknownView,
    },
    *,
};
use crate::{
    clock::{ManualClock, SeededEntropy},
    http::wire::{Iso, Micros},
    index::{Busy, CalendarFacts, Link, Login, Packed, Tenant, query::answer},
    model::{
        busy::{BusyClass, Kind},
        ids::{CalendarId, ConnectionId},
        interval::Span,
        policy::DEFAULT_RULES,
        states::PushState,
    },
};

/// A calendar: its rows in seconds, and what may be wrong with it.
type Given = (Vec<(i64, i64, i16)>, u8);

fn given() -> impl Strategy<Value = Given> {
    let row = (-2_000_i64..80_000, 1_i64..9_000, 0_i16..9).prop_map(|(at, long, class)| {
        let (at, long) = if class % 2 == 0 { (at * 60, long) } else { (at, long * 60) };
        (at, at + long, class)
    });
    (proptest::collection::vec(row, 0..30), 0_u8..32)
}

fn facts(wrong: u8) -> CalendarFacts {
    let has = |bit: u8| wrong >> bit & 1 == 1;
    let at = |us| Some(Timestamp::from_microsecond(us).unwrap());
    CalendarFacts {
        login: if has(0) && has(1) { Login::Broken } else { Login::Works },
        is_transparent: has(1) && has(2),
        is_settled: !(has(2) && has(3)),
        is_quarantined: has(3) && has(4),
        source_is_live: has(0),
        synced: if has(2) && has(3) { None } else { at(-7_123_456) },
        published: has(0).then(|| at(5_500_000).unwrap()),
        expected_max_age: SignedDuration::from_secs(if has(0) && has(2) { 1 } else { 100 }),
        push: [PushState::None, PushState::Healthy][usize::from(has(1))],
        covered_from: at(-900_000_000),
        covered_until: at(4_000_000_000_000),
    }
}

/// Subjects of one or two calendars each, asked for as `ext:N"`.
fn found(subjects: &[Vec<Given>]) -> Found {
    let (clock, entropy) = (ManualClock::at(Timestamp::UNIX_EPOCH), SeededEntropy::new(3));
    let mut tenant = Tenant::default();
    let mut found = Found { resources: Vec::new(), calendars: Vec::new(), errors: BTreeMap::new() };
    for (number, calendars) in subjects.iter().enumerate() {
        let mut links = Vec::new();
        for (rows, wrong) in calendars {
            let calendar = CalendarId::mint(&clock, &entropy);
            let connection = ConnectionId::mint(&clock, &entropy);
            let facts = facts(*wrong);
            tenant.set_connection(&connection, facts.login, facts.source_is_live);
            let rows = rows.iter().map(|&(start, end, class)| {
                (start * 1_000_000, end * 1_000_000, BusyClass::from_code(class))
            });
            tenant.set_calendar(CalendarSnapshot {
                calendar: calendar.clone(),
                connection,
                facts,
                busy: Arc::new(Busy::at_rest(&Packed::new(-9_000_000_000, rows))),
            });
            links.push(Link { calendar, kinds: DEFAULT_RULES.into() });
        }
        let subject = (format!("ext:{}\"", 9 - number), Basis::of(&tenant, &links));
        if number % 3 == 2 { &mut found.calendars } else { &mut found.resources }.push(subject);
    }
    found.errors.insert("ext:nobody".to_owned(), Missing { code: "not_found" });
    found
}

fn ask(format: Format, evidence: Detail) -> Ask {
    let body = serde_json::json!({"start": "1970-01-01T00:00:00Z", "end": "1970-01-02T00:00:00Z"});
    Ask { format, evidence, ..serde_json::from_value(body).unwrap() }
}

fn expected(writer: &Writer) -> AnswerView {
    let mut view = AnswerView {
        start: writer.question.window.start().into(),
        end: writer.question.window.end().into(),
        as_of: writer.as_of.into(),
        cursor: writer.cursor.clone(),
        complete: writer.subjects.iter().all(|subject| subject.unknown.is_empty()),
        bitmap: None,
        busy: None,
        unknown: None,
        evidence: None,
        resources: BTreeMap::new(),
        calendars: BTreeMap::new(),
        errors: writer.errors.clone(),
    };
    if matches!(writer.format, Format::Bitmap | Format::MergedBitmap) {
        view.bitmap = Some(view::Scale {
            start: Micros(writer.scale.origin_us()),
            step: "PT5M",
            steps: writer.scale.steps(),
        });
    }
    let bases = || writer.subjects.iter().map(|subject| &subject.basis);
    match writer.format {
        Format::Merged => {
            let busy = merged_busy(&writer.question, bases());
            let cut = busy.into_iter().map(|run| cut(writer.question.window, run));
            view.busy = Some(Spans::List(cut.map(busy_view).collect()));
            let unknown: Vec<_> = writer.subjects.iter().flat_map(|s| &s.unknown).collect();
            let joint = merged_unknown(unknown.into_iter());
            view.unknown = Some(Spans::List(joint.iter().map(UnknownView::joint).collect()));
            view.evidence = proof_view(writer, bases().flat_map(Basis::calendars).collect());
        }
        Format::MergedBitmap => {
            let (busy, unknown) = bits(writer, &mut writer.subjects.iter());
            (view.busy, view.unknown) = (Some(Spans::Bits(busy)), Some(Spans::Bits(unknown)));
            view.evidence = proof_view(writer, bases().flat_map(Basis::calendars).collect());
        }
        Format::Bitmap | Format::Intervals => {
            let (resources, calendars) = writer.subjects.split_at(writer.resources);
            let views = |subjects: &[Subject]| -> BTreeMap<String, SubjectView> {
                subjects.iter().map(|s| (s.text.clone(), subject_view(writer, s))).collect()
            };
            view.resources = views(resources);
            view.calendars = views(calendars);
        }
    }
    view
}

fn busy_view((start, end, kind): (i64, i64, Kind)) -> BusyView {
    BusyView { start: Micros(start), end: Micros(end), kind: kind.as_str() }
}

/// What is busy and what is unknown of all subjects, as base64.
fn bits(writer: &Writer, subjects: &mut dyn Iterator<Item = &Subject>) -> (String, String) {
    let (mut busy, mut unknown) = (writer.scale.clone(), writer.scale.clone());
    for subject in subjects {
        let answer = answer(&writer.question, &subject.basis);
        answer.busy.iter().for_each(|(start, end, _)| busy.touch(*start, *end));
        answer.unknown.iter().for_each(|span| unknown.touch(span.start_us, span.end_us));
    }
    (STANDARD.encode(busy.as_bytes()), STANDARD.encode(unknown.as_bytes()))
}

fn subject_view(writer: &Writer, subject: &Subject) -> SubjectView {
    let answer = answer(&writer.question, &subject.basis);
    let (busy, unknown) = if writer.format == Format::Bitmap {
        let (busy, unknown) = bits(writer, &mut std::iter::once(subject));
        (Spans::Bits(busy), Spans::Bits(unknown))
    } else {
        let busy = answer.busy.into_iter().map(busy_view).collect();
        (Spans::List(busy), Spans::List(answer.unknown.iter().map(UnknownView::of).collect()))
    };
    SubjectView {
        complete: answer.unknown.is_empty(),
        busy,
        unknown,
        evidence: proof_view(writer, subject.basis.calendars().collect()),
    }
}

fn proof_view(writer: &Writer, calendars: Vec<&CalendarSnapshot>) -> Option<Proof> {
    match writer.evidence {
        Detail::None => None,
        Detail::Summary => Some(Proof::Summary(SummaryView::of(&writer.question, &calendars))),
        Detail::Full => {
            let view = |one: &CalendarSnapshot| EvidenceView {
                calendar_id: one.calendar.to_string(),
                synced_at: one.facts.synced.map(Into::into),
                age: one.facts.age(writer.question.now).map(Iso),
                source_lag: source_lag(one.facts.source_is_live),
                published_at: one.facts.published.map(Into::into),
                covered_from: one.facts.covered_from.map(Into::into),
                covered_until: one.facts.covered_until.map(Into::into),
                state: silence(&writer.question, &one.facts).map_or("fresh", Reason::as_str),
                push: one.facts.push.as_str(),
            };
            let mut views: Vec<EvidenceView> = calendars.into_iter().map(view).collect();
            views.sort_by(|a, b| a.calendar_id.cmp(&b.calendar_id));
            Some(Proof::Full(views))
        }
    }
}

proptest! {
    #[test]
    fn an_answer_written_by_hand_is_what_serde_writes(
        subjects in proptest::collection::vec(proptest::collection::vec(given(), 0..3), 0..7),
        window in (-2_000_i64..4_000_000, 1_i64..3_000_000, prop_oneof![Just(0_i64), 1_i64..1_000_000]),
        format in 0_usize..4,
        detail in 0_usize..3,
    ) {
        let (from, long, fraction) = window;
        let at = |us| Timestamp::from_microsecond(us).unwrap();
        let window = Span::clamped(at(from * 1_000_000 + fraction), at((from + long) * 1_000_000 + fraction));
        let question = Question { window, max_staleness: None, now: at(5_123_456), is_current: true };
        let format = [Format::Intervals, Format::Merged, Format::Bitmap, Format::MergedBitmap][format];
        let detail = [Detail::None, Detail::Summary, Detail::Full][detail];
        let ask = ask(format, detail);
        let writer = Writer::new(&ask, question, found(&subjects), at(4_000_001), "e1.2.3".to_owned());
        let expected = serde_json::to_string(&expected(&writer)).unwrap();
        let written: Vec<u8> = writer.flatten().collect();
        prop_assert_eq!(String::from_utf8(written).unwrap(), expected);
    }
}

#[test]
fn a_long_answer_is_sent_in_pieces_of_bounded_size() {
    let rows: Vec<_> = (0..2_000).map(|n| (n * 3_600, n * 3_600 + 1_800, 0)).collect();
    let subjects: Vec<_> = (0..9).map(|_| vec![(rows.clone(), 0)]).collect();
    let at = |second| Timestamp::from_second(second).unwrap();
    let window = Span::clamped(at(0), at(9_000_000));
    let question = Question { window, max_staleness: None, now: at(5), is_current: true };
    let ask = ask(Format::Intervals, Detail::Full);
    let writer = || Writer::new(&ask, question, found(&subjects), at(4), String::new());
    let expected = serde_json::to_string(&expected(&writer())).unwrap();
    let kept: Vec<Bytes> = writer().collect();
    assert!(kept.len() > 8, "{}", kept.len());
    assert_eq!(kept.concat(), expected.as_bytes());
    // Pieces that are gone leave their memory to those that follow.
    let (mut whole, mut places) = (Vec::new(), BTreeSet::new());
    for piece in writer() {
        whole.extend_from_slice(&piece);
        places.insert(piece.as_ptr());
    }
    assert_eq!(whole, expected.as_bytes());
    assert!(places.len() <= 2, "{}", places.len());
}

#[test]
fn a_calendar_of_two_people_is_one_calendar_of_the_summary() {
    let mut both = found(&[vec![(Vec::new(), 0)]]);
    let (_, shared) = both.resources.first().cloned().unwrap();
    both.resources.push(("ext:other".to_owned(), shared));
    let at = |second| Timestamp::from_second(second).unwrap();
    let question = Question {
        window: Span::clamped(at(0), at(600)),
        max_staleness: None,
        now: at(5),
        is_current: true,
    };
    let ask = ask(Format::MergedBitmap, Detail::Summary);
    let written = Writer::new(&ask, question, both, at(4), String::new()).flatten().collect();
    let answer = String::from_utf8(written).unwrap();
    assert!(answer.contains(r#""evidence":{"calendars":1,"#), "{answer}");
}
