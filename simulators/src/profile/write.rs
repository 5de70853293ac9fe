//! Knobs of writing: preconditions, etags, what is stored, how a write is refused.

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PutEtag {
    #[default]
    Always,
    /// Only when the stored body is what was sent.
    IfUnchanged,
    Never,
    /// Absent when the body was already there.
    UnlessIdentical,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EtagForm {
    /// Another value at every write.
    #[default]
    Counter,
    ContentHash,
    /// `W/"..."`
    Weak,
    /// `"...-gzip"` on GET, without the suffix elsewhere.
    GzipSuffix,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stored {
    #[default]
    AsSent,
    /// Properties are written in another order, long lines folded anew.
    Reserialised,
    /// As `Reserialised`, and the server adds and strips properties.
    Adjusted,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeleteReply {
    #[default]
    NoContent,
    Multistatus,
    Plain,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UidScope {
    /// No rule.
    None,
    #[default]
    Collection,
    Account,
    /// The other resource vanishes: a silent move.
    Moves,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleTag {
    #[default]
    None,
    Opaque,
    Integer,
}

/// How a request is refused: status, precondition element, text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Refusal {
    pub status: u16,
    /// `D:name`, `C:name`, ...; without it the body is `text`.
    pub precondition: Option<String>,
    pub with_href: bool,
    pub text: String,
}

impl Refusal {
    pub fn told(status: u16, precondition: &str) -> Self {
        Self { status, precondition: Some(precondition.into()), ..Self::default() }
    }

    pub fn text(status: u16, text: &str) -> Self {
        Self { status, text: text.into(), ..Self::default() }
    }

    #[must_use]
    pub fn naming_the_href(self) -> Self {
        Self { with_href: true, ..self }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Write {
    pub honours_if_none_match: bool,
    pub honours_if_match: bool,
    pub delete_honours_if_match: bool,
    /// GET answers 304.
    pub conditional_get: bool,
    /// Refuses a blind overwrite with 412.
    pub strict: bool,
    pub etag: EtagForm,
    pub put_etag: PutEtag,
    pub stored: Stored,
    /// Stores under another name and tells it in `Location`.
    pub renames: bool,
    /// The plain body of a failed precondition.
    pub precondition_text: String,
    pub delete: DeleteReply,
    pub invalid_body: Refusal,
    pub uid_scope: UidScope,
    pub uid_taken: Refusal,
    /// Refuses a PUT that changes the UID of a resource; `None` accepts it.
    pub uid_changed: Option<Refusal>,
    /// A deleted UID cannot be created again.
    pub trash: Option<Refusal>,
    pub missing_parent: u16,
    pub schedule_tag: ScheduleTag,
    /// ORGANIZER and ATTENDEE make the server send mail (kept in the world's outbox).
    pub schedules: bool,
    pub requires_dtend: bool,
    pub max_resource_size: Option<usize>,
    /// Total bytes of an account; beyond it 507 `quota-not-exceeded`.
    pub quota: Option<usize>,
    /// Repeats the etag in this header too.
    pub extra_etag_header: Option<String>,
}

impl Default for Write {
    fn default() -> Self {
        Self {
            honours_if_none_match: true,
            honours_if_match: true,
            delete_honours_if_match: true,
            conditional_get: true,
            strict: false,
            etag: EtagForm::Counter,
            put_etag: PutEtag::Always,
            stored: Stored::AsSent,
            renames: false,
            precondition_text: String::new(),
            delete: DeleteReply::NoContent,
            invalid_body: Refusal::told(403, "C:valid-calendar-data"),
            uid_scope: UidScope::Collection,
            uid_taken: Refusal::told(409, "C:no-uid-conflict").naming_the_href(),
            uid_changed: Some(Refusal::told(409, "C:no-uid-conflict")),
            trash: None,
            missing_parent: 409,
            schedule_tag: ScheduleTag::None,
            schedules: false,
            requires_dtend: false,
            max_resource_size: None,
            quota: None,
            extra_etag_header: None,
        }
    }
}
