//! The `Prefer` header: the zone of answers, the kind of ids, the size of pages.

use bytes::Bytes;
use http::Request;

use super::{refusal::Refusal, zones::Zone};

#[derive(Clone, Debug)]
pub(crate) struct Prefer {
    pub(crate) zone: Zone,
    pub(crate) is_immutable: bool,
    pub(crate) wants_text: bool,
    pub(crate) page_size: Option<usize>,
    /// What `Preference-Applied` tells.
    pub(crate) applied: Vec<String>,
}

impl Prefer {
    pub(crate) fn read(request: &Request<Bytes>, any_zone: bool) -> Result<Self, Refusal> {
        let mut prefer = Self {
            zone: Zone::utc(),
            is_immutable: false,
            wants_text: false,
            page_size: None,
            applied: Vec::new(),
        };
        for header in request.headers().get_all("prefer") {
            for part in split(header.to_str().unwrap_or_default()) {
                prefer.take(part.trim(), any_zone)?;
            }
        }
        Ok(prefer)
    }

    fn take(&mut self, part: &str, any_zone: bool) -> Result<(), Refusal> {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let value = value.trim().trim_matches('"');
        match name.trim().to_ascii_lowercase().as_str() {
            "outlook.timezone" => self.zone = Zone::read(value, any_zone)?,
            "idtype" => self.is_immutable = value.eq_ignore_ascii_case("ImmutableId"),
            "outlook.body-content-type" => self.wants_text = value.eq_ignore_ascii_case("text"),
            "odata.maxpagesize" => {
                let size = value.parse().ok().filter(|size| *size > 0);
                let size = size.ok_or_else(|| Refusal::bad("The page size is no number."))?;
                self.page_size = Some(size);
            }
            "outlook.allow-unsafe-html" | "odata.track-changes" => {}
            // A preference that nobody knows is none.
            _ => return Ok(()),
        }
        self.applied.push(part.to_owned());
        Ok(())
    }
}

/// Parts between commas that no quotes hold.
fn split(text: &str) -> Vec<&str> {
    let mut is_quoted = false;
    let parts = text.split(move |c| {
        is_quoted ^= c == '"';
        c == ',' && !is_quoted
    });
    parts.filter(|part| !part.trim().is_empty()).collect()
}
