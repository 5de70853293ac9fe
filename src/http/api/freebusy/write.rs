//! An answer as bytes, straight from the index: most of what an answer costs is its text.
//!
//! Large answers are written piece by piece while they are sent. What is asked about was looked up before, so all
//! pieces tell of one moment.

use std::{
    collections::{BTreeMap, VecDeque},
    convert::Infallible,
    ptr,
};

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderValue, header},
    response::Response,
};
use futures::stream;
use jiff::Timestamp;
use serde::Serialize;

use super::{
    Ask, Found,
    bits::Row,
    view::{Detail, Format, Missing, SummaryView, UnknownView},
};
use crate::{
    http::{
        api::render::source_lag,
        text::{SpanText, duration, instant},
    },
    index::{
        CalendarSnapshot, Reason,
        query::{
            Basis, Question, Run, Seconds, Unknown, cut, merged_busy, merged_unknown, runs,
            silence, touches, unknown,
        },
    },
    model::bitmap::Bitmap,
};

/// How much is written before it is sent.
const PIECE: usize = 64 * 1024;

/// One resource or calendar.
#[derive(Debug)]
struct Subject {
    text: String,
    basis: Basis,
    unknown: Vec<Unknown>,
}

/// An answer that is being written, step by step: the head, every subject, the tail.
#[derive(Debug)]
pub(super) struct Writer {
    question: Question,
    format: Format,
    evidence: Detail,
    as_of: Timestamp,
    cursor: String,
    /// Resources, then calendars.
    subjects: Vec<Subject>,
    resources: usize,
    errors: BTreeMap<String, Missing>,
    spans: SpanWriter,
    scale: Bitmap,
    row: Row,
    /// The step that comes next.
    step: usize,
    /// Earlier pieces, some still on their way.
    sent: VecDeque<Bytes>,
}

impl Writer {
    pub(super) fn new(
        ask: &Ask,
        question: Question,
        found: Found,
        as_of: Timestamp,
        cursor: String,
    ) -> Self {
        let is_shown = !matches!(ask.format, Format::Merged | Format::MergedBitmap);
        let mut subjects = settled(&question, found.resources, is_shown);
        let resources = subjects.len();
        subjects.extend(settled(&question, found.calendars, is_shown));
        let scale = Bitmap::new(question.window.start_us(), question.window.end_us());
        Self {
            question,
            format: ask.format,
            evidence: ask.evidence,
            as_of,
            cursor,
            subjects,
            resources,
            errors: found.errors,
            spans: SpanWriter::of(&question),
            row: Row::new(lead(&question, &scale), scale.steps()),
            scale,
            step: 0,
            sent: VecDeque::new(),
        }
    }

    /// Sends a short answer as a whole and a long one piece by piece.
    pub(super) fn into_response(mut self) -> Response {
        let first = self.next().unwrap_or_default();
        let body = if self.is_done() {
            Body::from(first)
        } else {
            let pieces = std::iter::once(first).chain(self);
            Body::from_stream(stream::iter(pieces.map(Ok::<Bytes, Infallible>)))
        };
        let mut response = Response::new(body);
        *response.headers_mut() = HeaderMap::with_capacity(12);
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        response
    }

    /// How many resources and calendars have a part of their own.
    fn shown(&self) -> (usize, usize) {
        match self.format {
            Format::Merged | Format::MergedBitmap => (0, 0),
            Format::Intervals | Format::Bitmap => {
                (self.resources, self.subjects.len() - self.resources)
            }
        }
    }

    fn is_done(&self) -> bool {
        let (resources, calendars) = self.shown();
        self.step > resources + calendars + 2
    }

    /// Where the next piece is written: in the memory of one that has been sent, if there is one.
    fn room(&mut self, size: usize) -> Vec<u8> {
        let free = self.sent.pop_front_if(|oldest| oldest.is_unique());
        match free.and_then(|oldest| oldest.try_into_mut().ok()) {
            Some(mut room) => {
                room.clear();
                room.into()
            }
            None => Vec::with_capacity(size),
        }
    }

    /// Writes the next step.
    fn advance(&mut self, out: &mut Vec<u8>) {
        let (resources, calendars) = self.shown();
        let between = resources + 1;
        match self.step {
            0 => self.head(out),
            step if step <= resources => self.subject(step - 1, step == 1, out),
            step if step == between => out.extend_from_slice(b"},\"calendars\":{"),
            step if step <= between + calendars => {
                self.subject(step - 2, step == between + 1, out);
            }
            _ => {
                out.extend_from_slice(b"},\"errors\":");
                json(out, &self.errors);
                out.push(b'}');
            }
        }
        self.step += 1;
    }

    fn head(&mut self, out: &mut Vec<u8>) {
        let window = self.question.window;
        out.extend_from_slice(b"{\"start\":");
        instant(out, window.start_us());
        out.extend_from_slice(b",\"end\":");
        instant(out, window.end_us());
        out.extend_from_slice(b",\"as_of\":");
        instant(out, self.as_of.as_microsecond());
        out.extend_from_slice(b",\"cursor\":");
        json(out, &self.cursor);
        out.extend_from_slice(b",\"complete\":");
        let is_complete = self.subjects.iter().all(|subject| subject.unknown.is_empty());
        out.extend_from_slice(if is_complete { b"true" } else { b"false" });
        if matches!(self.format, Format::Bitmap | Format::MergedBitmap) {
            out.extend_from_slice(b",\"bitmap\":{\"start\":");
            instant(out, self.scale.origin_us());
            let steps = self.scale.steps();
            out.extend_from_slice(format!(",\"step\":\"PT5M\",\"steps\":{steps}}}").as_bytes());
        }
        match self.format {
            Format::Intervals | Format::Bitmap => {}
            Format::MergedBitmap => {
                let subjects = &self.subjects;
                let bits = subjects.iter().map(|one| (&one.basis, &*one.unknown));
                bitmaps(&self.question, bits, &mut self.row, out);
                let calendars = subjects.iter().flat_map(|one| one.basis.calendars()).collect();
                proof(&self.question, self.evidence, calendars, out);
            }
            Format::Merged => {
                let bases = self.subjects.iter().map(|subject| &subject.basis);
                let busy = merged_busy(&self.question, bases.clone());
                out.reserve(busy.len() * 80);
                out.extend_from_slice(b",\"busy\":[");
                busy.into_iter().for_each(|run| self.spans.write(run, out));
                close(out);
                out.extend_from_slice(b",\"unknown\":");
                let unknown = self.subjects.iter().flat_map(|subject| &subject.unknown);
                let unknown: Vec<_> =
                    merged_unknown(unknown).iter().map(UnknownView::joint).collect();
                json(out, &unknown);
                let calendars = bases.flat_map(Basis::calendars).collect();
                proof(&self.question, self.evidence, calendars, out);
            }
        }
        out.extend_from_slice(b",\"resources\":{");
    }

    fn subject(&mut self, at: usize, is_first: bool, out: &mut Vec<u8>) {
        let Some(Subject { text, basis, unknown }) = self.subjects.get(at) else { return };
        let question = &self.question;
        if !is_first {
            out.push(b',');
        }
        json(out, text);
        out.extend_from_slice(b":{\"complete\":");
        out.extend_from_slice(if unknown.is_empty() { b"true" } else { b"false" });
        if self.format == Format::Bitmap {
            bitmaps(question, std::iter::once((basis, &**unknown)), &mut self.row, out);
        } else {
            out.extend_from_slice(b",\"busy\":[");
            let spans = &mut self.spans;
            runs(question, basis, |run| spans.write(run, out));
            close(out);
            out.extend_from_slice(b",\"unknown\":[");
            for one in unknown {
                json(out, &UnknownView::of(one));
                out.push(b',');
            }
            close(out);
        }
        proof(question, self.evidence, basis.calendars().collect(), out);
        out.push(b'}');
    }
}

impl Iterator for Writer {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        if self.is_done() {
            return None;
        }
        // Those ahead are taken to be like the first of them.
        let ahead = self.subjects.get(self.step.saturating_sub(2)..).unwrap_or_default();
        let spans = ahead.first().map_or(0, |next| next.basis.most(&self.question) * ahead.len());
        let mut out = self.room((1024 + spans * 80).min(PIECE + PIECE / 2));
        while out.len() < PIECE && !self.is_done() {
            self.advance(&mut out);
        }
        let piece = Bytes::from(out);
        if !self.is_done() {
            self.sent.push_back(piece.clone());
        }
        Some(piece)
    }
}

/// Finds out what is unknown of every subject. Those that are shown are sorted by how they were asked for, each once.
fn settled(question: &Question, mut found: Vec<(String, Basis)>, is_shown: bool) -> Vec<Subject> {
    if is_shown {
        found.sort_by(|a, b| a.0.cmp(&b.0));
        found.dedup_by(|a, b| a.0 == b.0);
    }
    let subject = |(text, basis)| Subject { unknown: unknown(question, &basis), text, basis };
    found.into_iter().map(subject).collect()
}

/// Busy spans as objects, each with a comma behind it.
#[derive(Debug)]
struct SpanWriter {
    text: SpanText,
    question: Question,
    /// Whether every span that is cut to the window begins and ends on a second of a year with four digits.
    is_plain: bool,
}

impl SpanWriter {
    fn of(question: &Question) -> Self {
        let (start, end) = (question.window.start_us(), question.window.end_us());
        let Seconds { from, until } = Seconds::of(question.window);
        let is_whole = start.rem_euclid(1_000_000) == 0 && end.rem_euclid(1_000_000) == 0;
        let is_plain = is_whole && SpanText::fits(from) && SpanText::fits(until);
        Self { text: SpanText::new(), question: *question, is_plain }
    }

    #[inline]
    fn write(&mut self, run: Run, out: &mut Vec<u8>) {
        if self.is_plain {
            self.text.span(out, run);
        } else {
            let (start, end, kind) = cut(self.question.window, run);
            out.extend_from_slice(b"{\"start\":");
            instant(out, start);
            out.extend_from_slice(b",\"end\":");
            instant(out, end);
            out.extend_from_slice(format!(",\"kind\":\"{}\"}},", kind.as_str()).as_bytes());
        }
    }
}

/// Appends what is busy and what is unknown of all subjects, a row of bits each.
fn bitmaps<'a>(
    question: &Question,
    subjects: impl Iterator<Item = (&'a Basis, &'a [Unknown])> + Clone,
    row: &mut Row,
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(b",\"busy\":");
    for (basis, _) in subjects.clone() {
        touches(question, basis, |start, end| row.touch(start, end));
    }
    row.write(out);
    out.extend_from_slice(b",\"unknown\":");
    let from_us = Seconds::of(question.window).from * 1_000_000;
    let since = |at_us: i64| u64::try_from(at_us - from_us).unwrap_or(0);
    for span in subjects.flat_map(|(_, unknown)| unknown) {
        row.touch(since(span.start_us) / 1_000_000, since(span.end_us).div_ceil(1_000_000));
    }
    row.write(out);
}

/// Ends a list whose last element, if it has one, left a comma.
fn close(out: &mut Vec<u8>) {
    if out.last() == Some(&b',') {
        out.pop();
    }
    out.push(b']');
}

/// How long before the window, in whole seconds, the first step of its bits begins.
fn lead(question: &Question, scale: &Bitmap) -> u64 {
    let from = Seconds::of(question.window).from;
    u64::try_from(from - scale.origin_us().div_euclid(1_000_000)).unwrap_or(0)
}

/// Appends a short thing as serde writes it.
fn json(out: &mut Vec<u8>, thing: &(impl Serialize + ?Sized)) {
    serde_json::to_writer(out, thing).expect("strings, numbers and lists can be written to memory");
}

/// Appends the evidence of an answer or a part of it, in as much detail as was asked for.
fn proof(
    question: &Question,
    detail: Detail,
    mut calendars: Vec<&CalendarSnapshot>,
    out: &mut Vec<u8>,
) {
    match detail {
        Detail::None => {}
        Detail::Summary => {
            out.extend_from_slice(b",\"evidence\":");
            calendars.sort_unstable_by_key(|one| ptr::from_ref(*one));
            calendars.dedup_by_key(|one| ptr::from_ref(*one));
            json(out, &SummaryView::of(question, &calendars));
        }
        Detail::Full => {
            out.extend_from_slice(b",\"evidence\":[");
            calendars.sort_by(|a, b| a.calendar.cmp(&b.calendar));
            calendars.dedup_by(|a, b| a.calendar == b.calendar);
            for one in calendars {
                evidence(question, one, out);
            }
            close(out);
        }
    }
}

/// What the answer rests on for one calendar, with a comma behind it: an `EvidenceView`.
fn evidence(question: &Question, one: &CalendarSnapshot, out: &mut Vec<u8>) {
    let facts = &one.facts;
    let optional = |out: &mut Vec<u8>, at: Option<Timestamp>| match at {
        Some(at) => instant(out, at.as_microsecond()),
        None => out.extend_from_slice(b"null"),
    };
    out.extend_from_slice(b"{\"calendar_id\":\"");
    out.extend_from_slice(one.calendar.as_str().as_bytes());
    out.extend_from_slice(b"\",\"synced_at\":");
    optional(out, facts.synced);
    out.extend_from_slice(b",\"age\":");
    match facts.age(question.now) {
        Some(age) => duration(out, age),
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"source_lag\":\"");
    out.extend_from_slice(source_lag(facts.source_is_live).as_bytes());
    out.push(b'"');
    if let Some(published) = facts.published {
        out.extend_from_slice(b",\"published_at\":");
        instant(out, published.as_microsecond());
    }
    out.extend_from_slice(b",\"covered_from\":");
    optional(out, facts.covered_from);
    out.extend_from_slice(b",\"covered_until\":");
    optional(out, facts.covered_until);
    out.extend_from_slice(b",\"state\":\"");
    out.extend_from_slice(silence(question, facts).map_or("fresh", Reason::as_str).as_bytes());
    out.extend_from_slice(b"\",\"push\":\"");
    out.extend_from_slice(facts.push.as_str().as_bytes());
    out.extend_from_slice(b"\"},");
}

#[cfg(test)]
mod tests;
