//! Content lines (RFC 5545 3.1): finding them, joining folds, and taking one apart.

use std::borrow::Cow;

use memchr::{Memchr2, memchr, memchr2_iter, memrchr};

/// The longest unfolded line that is read; a longer one is as good as unreadable.
pub(super) const LONGEST_LINE: usize = 1024 * 1024;

/// The content lines of a text. Line ends may be CRLF, LF or CR, also mixed; blank lines are skipped.
#[derive(Clone, Debug)]
pub(super) struct Lines<'a> {
    text: &'a str,
    /// Where the next physical line begins.
    at: usize,
    ends: Memchr2<'a>,
}

/// One content line with its folds still in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    raw: &'a str,
    /// Length of the first physical line.
    first: usize,
}

impl<'a> Lines<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        Self { text, at: 0, ends: memchr2_iter(b'\r', b'\n', text.as_bytes()) }
    }

    /// Goes past one physical line and answers where it ends.
    fn pass(&mut self) -> usize {
        let from = self.at;
        let Some(end) = self.ends.by_ref().find(|end| *end >= from) else {
            self.at = self.text.len();
            return self.at;
        };
        let crlf = self.text.as_bytes().get(end..end + 2) == Some(b"\r\n");
        self.at = end + if crlf { 2 } else { 1 };
        end
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        loop {
            let begin = self.at;
            if begin >= self.text.len() {
                return None;
            }
            let first = self.pass();
            let mut end = first;
            while matches!(self.text.as_bytes().get(self.at), Some(b' ' | b'\t')) {
                end = self.pass();
            }
            if end > begin {
                let raw = self.text.get(begin..end).unwrap_or_default();
                return Some(Line { raw, first: first - begin });
            }
        }
    }
}

impl<'a> Line<'a> {
    /// The line as it stands in the file, folds included, without its last line end.
    pub(super) fn raw(self) -> &'a str {
        self.raw
    }

    /// The first physical line.
    pub(super) fn head(self) -> &'a str {
        self.raw.get(..self.first).unwrap_or_default()
    }

    /// Its first byte, in upper case.
    pub(super) fn initial(self) -> u8 {
        self.raw.bytes().next().unwrap_or_default().to_ascii_uppercase()
    }

    pub(super) fn is_too_long(self) -> bool {
        self.raw.len() > LONGEST_LINE
    }

    /// The line with its folds joined; a line that is too long ends at its first fold.
    pub(super) fn text(self) -> Cow<'a, str> {
        if self.first == self.raw.len() || self.is_too_long() {
            return Cow::Borrowed(self.head());
        }
        let mut joined = String::with_capacity(self.raw.len());
        let mut lines = Lines::of(self.raw);
        while lines.at < self.raw.len() {
            // The space that makes a fold is no text.
            let begin = lines.at + usize::from(lines.at > 0);
            let end = lines.pass();
            joined.push_str(self.raw.get(begin..end).unwrap_or_default());
        }
        Cow::Owned(joined)
    }

    /// The property name in upper case, spaces trimmed. Empty when this is no content line.
    pub(super) fn name(self) -> Cow<'a, str> {
        match name_of(self.head()) {
            Some(name) => name,
            None if self.first == self.raw.len() => Cow::Borrowed(""),
            None => Cow::Owned(name_of(&self.text()).unwrap_or_default().into_owned()),
        }
    }
}

/// What stands before the first colon or semicolon, in upper case and without space around it.
fn name_of(text: &str) -> Option<Cow<'_, str>> {
    let is_plain = |b: &u8| b.is_ascii_uppercase() || *b == b'-';
    let plain = text.bytes().position(|b| !is_plain(&b)).unwrap_or(text.len());
    if let Some(b':' | b';') = text.as_bytes().get(plain) {
        return text.get(..plain).map(Cow::Borrowed);
    }
    let name = text.get(..name_end(text)?).unwrap_or_default();
    Some(upper(Cow::Borrowed(name.trim())))
}

pub(super) fn upper(name: Cow<'_, str>) -> Cow<'_, str> {
    if name.bytes().any(|b| b.is_ascii_lowercase()) {
        Cow::Owned(name.to_ascii_uppercase())
    } else {
        name
    }
}

/// As [`str::trim`]; most values have nothing to trim, and that is seen at once.
pub(super) fn trim(text: &str) -> &str {
    match text.as_bytes() {
        [first, .., last] if first.is_ascii_graphic() && last.is_ascii_graphic() => text,
        _ => text.trim(),
    }
}

/// What follows the name of a content line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Content<'t> {
    params: &'t str,
    pub(super) value: &'t str,
}

impl<'t> Content<'t> {
    /// Takes an unfolded line apart at the first colon outside quotes, or at the first colon of all when
    /// the quotes do not balance.
    pub(super) fn of(text: &'t str) -> Self {
        let rest = name_end(text).and_then(|at| text.get(at..)).unwrap_or_default();
        Self::split(rest, colon_outside_quotes(rest).or_else(|| rest.find(':')))
    }

    /// Takes apart a line whose value never holds a colon, such as a date: the *last* colon parts, so that
    /// `TZID=(UTC+01:00) Amsterdam` without quotes is read as it was meant.
    pub(super) fn of_colonless(text: &'t str) -> Self {
        let rest = name_end(text).and_then(|at| text.get(at..)).unwrap_or_default();
        Self::split(rest, memrchr(b':', rest.as_bytes()))
    }

    fn split(rest: &'t str, colon: Option<usize>) -> Self {
        let Some(at) = colon else { return Self { params: rest, value: "" } };
        Self {
            params: rest.get(..at).unwrap_or_default(),
            value: trim(rest.get(at + 1..).unwrap_or_default()),
        }
    }

    /// The value of a parameter, quotes taken off and RFC 6868 escapes resolved.
    pub(super) fn param(&self, name: &str) -> Option<Cow<'t, str>> {
        let (_, value) = self.params().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        Some(param_value(value))
    }

    /// Keys and values as they stand between the semicolons, other than those in quotes if the quotes balance.
    pub(super) fn params(&self) -> impl Iterator<Item = (&'t str, &'t str)> {
        let text = self.params.as_bytes();
        let quotes = memchr(b'"', text).map_or(0, |_| text.iter().filter(|b| **b == b'"').count());
        let counts = quotes > 0 && quotes.is_multiple_of(2);
        let mut rest = Some(self.params);
        let pieces = std::iter::from_fn(move || {
            let whole = rest.filter(|rest| !rest.is_empty())?;
            let mut quoted = false;
            let end = whole.bytes().position(|b| {
                quoted ^= counts && b == b'"';
                b == b';' && !quoted
            });
            rest = end.and_then(|at| whole.get(at + 1..));
            whole.get(..end.unwrap_or(whole.len()))
        });
        pieces.filter_map(|piece| {
            let (key, value) = piece.split_at_checked(memchr(b'=', piece.as_bytes())?)?;
            Some((trim(key), value.get(1..)?))
        })
    }
}

/// The value of a parameter, quotes taken off and RFC 6868 escapes resolved.
pub(super) fn param_value(value: &str) -> Cow<'_, str> {
    uncaret(unquoted(value))
}

/// The value of an unfolded line, borrowed where the line is.
pub(super) fn value(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(Content::of(text).value),
        Cow::Owned(text) => Cow::Owned(Content::of(&text).value.to_owned()),
    }
}

fn name_end(text: &str) -> Option<usize> {
    text.bytes().position(|b| b == b':' || b == b';')
}

fn unquoted(text: &str) -> &str {
    let text = trim(text);
    if memchr(b'"', text.as_bytes()).is_none() { text } else { text.trim_matches('"') }
}

fn colon_outside_quotes(text: &str) -> Option<usize> {
    let mut quoted = false;
    text.bytes().position(|b| {
        quoted ^= b == b'"';
        b == b':' && !quoted
    })
}

/// RFC 6868: `^n`, `^'` and `^^`.
fn uncaret(text: &str) -> Cow<'_, str> {
    if memchr(b'^', text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let plain = match (c, chars.peek()) {
            ('^', Some('n' | 'N')) => Some('\n'),
            ('^', Some('\'')) => Some('"'),
            ('^', Some('^')) => Some('^'),
            _ => None,
        };
        if plain.is_some() {
            chars.next();
        }
        out.push(plain.unwrap_or(c));
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<String> {
        Lines::of(text).map(|line| line.text().into_owned()).collect()
    }

    #[test]
    fn every_line_end_ends_a_line() {
        assert_eq!(texts("A:1\r\nB:2\nC:3\rD:4\r\r\n\nE:5"), ["A:1", "B:2", "C:3", "D:4", "E:5"]);
    }

    #[test]
    fn folds_of_spaces_and_tabs_are_joined() {
        assert_eq!(texts("A:1\r\n 2\r\n\t3\nB\n :4\n"), ["A:123", "B:4"]);
    }

    #[test]
    fn a_folded_name_is_still_a_name() {
        let line = Lines::of("DTST\r\n ART:x").next().unwrap();
        assert_eq!(line.name(), "DTSTART");
        assert_eq!(Lines::of("None\r\nUID:1").next().unwrap().name(), "");
        assert_eq!(Lines::of("dtstart : 1").next().unwrap().name(), "DTSTART");
    }

    #[test]
    fn parameters_survive_quotes_and_colons() {
        let line = r#"DTSTART;TZID="(UTC+01:00) Amsterdam; Berlin";X=1:20270308T090000"#;
        let content = Content::of(line);
        assert_eq!(content.value, "20270308T090000");
        assert_eq!(content.param("tzid").unwrap(), "(UTC+01:00) Amsterdam; Berlin");
        assert_eq!(content.param("X").unwrap(), "1");
        let bare = Content::of_colonless("DTSTART;TZID=(UTC+01:00) Amsterdam:20270308T090000");
        assert_eq!(bare.param("TZID").unwrap(), "(UTC+01:00) Amsterdam");
        let broken = Content::of_colonless(r#"DTSTART;TZID="Europe/Berlin;X=:20270308"#);
        assert_eq!(broken.param("TZID").unwrap(), "Europe/Berlin");
        assert_eq!(broken.param("X").unwrap(), "");
    }

    #[test]
    fn caret_escapes_are_resolved() {
        let content = Content::of("ATTENDEE;CN=a^'b^^c^nd^x:mailto:a@example.org");
        assert_eq!(content.param("CN").unwrap(), "a\"b^c\nd^x");
        assert_eq!(content.value, "mailto:a@example.org");
    }
}
