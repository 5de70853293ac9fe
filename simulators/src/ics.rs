//! The little iCalendar that a server must know: split lines, find UIDs, rewrite bodies.
//!
//! Written for the simulators alone, so that it can bear witness against the hub's own reader.

/// A content line: name and parameters in upper case, value as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) params: Vec<(String, String)>,
    pub(crate) value: String,
}

impl Line {
    pub(crate) fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Splits `NAME;A=b;C="d:e":value`.
    fn parse(text: &str) -> Option<Self> {
        let mut quoted = false;
        let colon = text.char_indices().find_map(|(at, c)| {
            quoted ^= c == '"';
            (c == ':' && !quoted).then_some(at)
        })?;
        let (head, value) = text.split_at_checked(colon)?;
        let mut parts = split_outside_quotes(head, ';').into_iter();
        let name = parts.next()?.trim().to_ascii_uppercase();
        let params = parts
            .filter_map(|part| part.split_once('='))
            .map(|(key, value)| (key.to_ascii_uppercase(), value.trim_matches('"').to_owned()))
            .collect();
        Some(Self { name, params, value: value.strip_prefix(':').unwrap_or(value).to_owned() })
    }
}

fn split_outside_quotes(text: &str, separator: char) -> Vec<&str> {
    let mut quoted = false;
    text.split(|c: char| {
        quoted ^= c == '"';
        c == separator && !quoted
    })
    .collect()
}

/// A component with the lines and components inside it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Component {
    pub(crate) name: String,
    pub(crate) lines: Vec<Line>,
    pub(crate) inner: Vec<Component>,
}

impl Component {
    pub(crate) fn line(&self, name: &str) -> Option<&Line> {
        self.lines.iter().find(|line| line.name == name)
    }

    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.line(name).map(|line| line.value.trim())
    }

    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Line> {
        self.lines.iter().filter(move |line| line.name == name)
    }
}

/// Joins folded lines; any line end will do.
pub(crate) fn unfold(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for raw in text.trim_start_matches('\u{feff}').split(['\r', '\n']).filter(|raw| !raw.is_empty())
    {
        match (raw.strip_prefix([' ', '\t']), lines.last_mut()) {
            (Some(rest), Some(last)) => last.push_str(rest),
            _ => lines.push(raw.to_owned()),
        }
    }
    lines
}

/// Reads the outer components. Broken nesting ends what it breaks; deep nesting is flattened.
pub(crate) fn components(text: &str) -> Vec<Component> {
    let mut open: Vec<Component> = vec![Component::default()];
    for line in unfold(text).iter().filter_map(|line| Line::parse(line)) {
        match line.name.as_str() {
            "BEGIN" if open.len() < 16 => {
                let name = line.value.trim().to_ascii_uppercase();
                open.push(Component { name, ..Component::default() });
            }
            "END"
                if open
                    .last()
                    .is_some_and(|top| top.name == line.value.trim().to_ascii_uppercase()) =>
            {
                let Some(done) = open.pop() else { continue };
                if let Some(parent) = open.last_mut() {
                    parent.inner.push(done);
                }
            }
            _ => {
                if let Some(top) = open.last_mut() {
                    top.lines.push(line);
                }
            }
        }
    }
    open.into_iter().next().map(|root| root.inner).unwrap_or_default()
}

/// The calendar components of a body other than zones, and whether the VCALENDAR carries a METHOD.
pub(crate) fn entries(text: &str) -> (Vec<Component>, bool) {
    let mut found = Vec::new();
    let mut has_method = false;
    for calendar in components(text).into_iter().filter(|c| c.name == "VCALENDAR") {
        has_method |= calendar.line("METHOD").is_some();
        found.extend(
            calendar.inner.into_iter().filter(|c| c.name.starts_with('V') && c.name != "VTIMEZONE"),
        );
    }
    (found, has_method)
}

pub(crate) fn uid(text: &str) -> Option<String> {
    entries(text).0.iter().find_map(|c| c.value("UID").map(str::to_owned))
}

/// Why a body is not a calendar object resource (RFC 4791, 4.1); `None` when it is one.
pub(crate) fn fault_of(text: &str) -> Option<&'static str> {
    let (entries, has_method) = entries(text);
    let uids: std::collections::BTreeSet<_> = entries.iter().map(|c| c.value("UID")).collect();
    let kinds: std::collections::BTreeSet<_> = entries.iter().map(|c| c.name.as_str()).collect();
    if !text.contains("END:VCALENDAR") || entries.is_empty() {
        return Some("not a calendar with a component");
    }
    if has_method {
        return Some("a METHOD property is not allowed");
    }
    if uids.len() != 1 || uids.contains(&None) || kinds.len() != 1 {
        return Some("one UID and one kind of component are allowed");
    }
    let starts = |c: &Component| c.name != "VEVENT" || c.line("DTSTART").is_some();
    (!entries.iter().all(starts)).then_some("an event needs a DTSTART")
}

/// What an organiser may change: all lines but those that replies and time stamps touch.
pub(crate) fn organiser_fingerprint(text: &str) -> String {
    const REPLIES: [&str; 4] = ["ATTENDEE", "DTSTAMP", "LAST-MODIFIED", "REQUEST-STATUS"];
    let kept = unfold(text).into_iter().filter(|line| {
        let name = line.split([';', ':']).next().unwrap_or_default().to_ascii_uppercase();
        !REPLIES.contains(&name.as_str())
    });
    crate::state::digest(kept.collect::<Vec<_>>().join("\n").as_bytes())
}

/// Writes a body anew: lines of a component sorted by name, folded at 75 octets, CRLF.
pub(crate) fn reserialise(text: &str) -> String {
    let mut out = String::new();
    for component in components(text) {
        write_component(&component, &mut out);
    }
    out
}

/// As [`reserialise`], and the server strips `CLASS` and `SEQUENCE:0` and adds properties of its own.
pub(crate) fn adjust(text: &str) -> String {
    let mut out = String::new();
    for mut component in components(text) {
        for entry in component.inner.iter_mut().filter(|c| c.name == "VEVENT") {
            entry.lines.retain(|line| {
                line.name != "CLASS" && !(line.name == "SEQUENCE" && line.value == "0")
            });
            for (name, value) in [("X-SERVER-BUSYSTATUS", "BUSY"), ("PRIORITY", "5")] {
                entry.lines.push(Line {
                    name: name.into(),
                    params: Vec::new(),
                    value: value.into(),
                });
            }
        }
        write_component(&component, &mut out);
    }
    out
}

fn write_component(component: &Component, out: &mut String) {
    fold(&format!("BEGIN:{}", component.name), out);
    let mut lines: Vec<_> = component.lines.iter().collect();
    lines.sort_by(|a, b| a.name.cmp(&b.name));
    for line in lines {
        let params = line.params.iter().fold(String::new(), |all, (key, value)| {
            let quote = if value.contains([':', ';', ',']) { "\"" } else { "" };
            format!("{all};{key}={quote}{value}{quote}")
        });
        fold(&format!("{}{params}:{}", line.name, line.value), out);
    }
    for inner in &component.inner {
        write_component(inner, out);
    }
    fold(&format!("END:{}", component.name), out);
}

fn fold(line: &str, out: &mut String) {
    let mut width = 0;
    for c in line.chars() {
        if width + c.len_utf8() > 75 {
            out.push_str("\r\n ");
            width = 1;
        }
        out.push(c);
        width += c.len_utf8();
    }
    out.push_str("\r\n");
}
