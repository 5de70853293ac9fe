//! Content lines (RFC 5545 3.1): finding them, joining folds, and taking one apart.

use std::borrow::Cow;

/// The longest unfolded line that is read; a longer one is as good as unreadable.
pub(super) const LONGEST_LINE: usize = 1024 * 1024;

/// The content lines of a text. Line ends may be CRLF, LF or CR, also mixed; blank lines are skipped.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lines<'a> {
    rest: &'a str,
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
        Self { rest: text }
    }

    /// Cuts one physical line off the front and answers it with its length including the line end.
    fn cut(text: &'a str) -> (&'a str, usize) {
        let bytes = text.as_bytes();
        let Some(at) = bytes.iter().position(|b| *b == b'\n' || *b == b'\r') else {
            return (text, text.len());
        };
        let crlf = bytes.get(at..at + 2) == Some(b"\r\n");
        (text.get(..at).unwrap_or_default(), at + if crlf { 2 } else { 1 })
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        loop {
            let whole = self.rest;
            if whole.is_empty() {
                return None;
            }
            let (first, mut used) = Self::cut(whole);
            let mut length = first.len();
            self.rest = whole.get(used..).unwrap_or_default();
            while self.rest.starts_with([' ', '\t']) {
                let (more, cut) = Self::cut(self.rest);
                length = used + more.len();
                used += cut;
                self.rest = whole.get(used..).unwrap_or_default();
            }
            if length > 0 {
                let raw = whole.get(..length).unwrap_or_default();
                return Some(Line { raw, first: first.len() });
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

    pub(super) fn is_too_long(self) -> bool {
        self.raw.len() > LONGEST_LINE
    }

    /// The line with its folds joined; a line that is too long ends at its first fold.
    pub(super) fn text(self) -> Cow<'a, str> {
        if self.first == self.raw.len() || self.is_too_long() {
            return Cow::Borrowed(self.head());
        }
        let mut joined = String::with_capacity(self.raw.len());
        let mut rest = self.raw;
        while !rest.is_empty() {
            let (piece, cut) = Lines::cut(rest);
            joined.push_str(piece);
            rest = rest.get(cut..).unwrap_or_default();
            rest = rest.strip_prefix([' ', '\t']).unwrap_or(rest);
        }
        Cow::Owned(joined)
    }

    /// The property name, spaces trimmed, in the case it was written in. Empty when this is no content line.
    pub(super) fn name(self) -> Cow<'a, str> {
        match self.head().find([':', ';']) {
            Some(at) => Cow::Borrowed(self.head().get(..at).unwrap_or_default().trim()),
            None if self.first == self.raw.len() => Cow::Borrowed(""),
            None => {
                let text = self.text();
                let name = text.find([':', ';']).and_then(|at| text.get(..at));
                Cow::Owned(name.unwrap_or_default().trim().to_owned())
            }
        }
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
        let rest = text.find([':', ';']).and_then(|at| text.get(at..)).unwrap_or_default();
        Self::split(rest, colon_outside_quotes(rest).or_else(|| rest.find(':')))
    }

    /// Takes apart a line whose value never holds a colon, such as a date: the *last* colon parts, so that
    /// `TZID=(UTC+01:00) Amsterdam` without quotes is read as it was meant.
    pub(super) fn of_colonless(text: &'t str) -> Self {
        let rest = text.find([':', ';']).and_then(|at| text.get(at..)).unwrap_or_default();
        Self::split(rest, rest.rfind(':'))
    }

    fn split(rest: &'t str, colon: Option<usize>) -> Self {
        let Some(at) = colon else { return Self { params: rest, value: "" } };
        Self {
            params: rest.get(..at).unwrap_or_default(),
            value: rest.get(at + 1..).unwrap_or_default().trim(),
        }
    }

    /// The value of a parameter, quotes taken off and RFC 6868 escapes resolved.
    pub(super) fn param(&self, name: &str) -> Option<Cow<'t, str>> {
        if self.params.is_empty() {
            return None;
        }
        let balanced = self.params.bytes().filter(|b| *b == b'"').count() % 2 == 0;
        let mut quoted = false;
        let mut pieces = self.params.split(|c: char| {
            quoted ^= balanced && c == '"';
            c == ';' && !quoted
        });
        pieces.find_map(|piece| {
            let (key, value) = piece.split_once('=')?;
            key.trim().eq_ignore_ascii_case(name).then(|| uncaret(value.trim().trim_matches('"')))
        })
    }
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
    if !text.contains('^') {
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
        assert_eq!(Lines::of("dtstart : 1").next().unwrap().name(), "dtstart");
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
