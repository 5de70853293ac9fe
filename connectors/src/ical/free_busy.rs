//! A stored VFREEBUSY as events: its periods of one FBTYPE become one event with that busy status.

use super::{lines::Content, values};
use crate::event::{BusyStatus, EventType, RemoteDate, RemoteEnd, RemoteEvent, RemoteTime, Status};

const MOST_PERIODS: usize = 10_000;

/// A VFREEBUSY being read.
#[derive(Debug, Default)]
pub(super) struct FreeBusyParts {
    pub(super) uid: Option<String>,
    busy: Vec<(RemoteTime, RemoteEnd)>,
    tentative: Vec<(RemoteTime, RemoteEnd)>,
    unavailable: Vec<(RemoteTime, RemoteEnd)>,
    pub(super) faults: Vec<String>,
}

impl FreeBusyParts {
    pub(super) fn take(&mut self, name: &str, text: &str) {
        match name {
            "UID" => {
                let uid = Content::of(text).value;
                self.uid = (!uid.is_empty()).then(|| uid.to_owned());
            }
            "FREEBUSY" => self.take_periods(Content::of(text)),
            _ => {}
        }
    }

    /// An FBTYPE that nobody knows counts as busy (RFC 5545 3.2.9).
    fn take_periods(&mut self, content: Content<'_>) {
        let kind = content.param("FBTYPE").unwrap_or_default().to_ascii_uppercase();
        let list = match kind.as_str() {
            "FREE" => return,
            "BUSY-TENTATIVE" => &mut self.tentative,
            "BUSY-UNAVAILABLE" => &mut self.unavailable,
            _ => &mut self.busy,
        };
        let mut unreadable = false;
        for value in content.value.split(',').filter(|value| !value.trim().is_empty()) {
            if list.len() == MOST_PERIODS {
                self.fault("more than 10,000 FREEBUSY periods");
                return;
            }
            match values::date_or_period(value, None, false) {
                Some(RemoteDate::Period { start, end }) => list.push((start, end)),
                _ => unreadable = true,
            }
        }
        if unreadable {
            self.fault("FREEBUSY cannot be read");
        }
    }

    fn fault(&mut self, fault: &str) {
        if !self.faults.iter().any(|known| known == fault) {
            self.faults.push(fault.to_owned());
        }
    }

    /// The events, one for each status that has periods. Their UIDs differ, so each expands by itself.
    pub(super) fn finish(self, uid: &str) -> Vec<RemoteEvent> {
        let kinds = [
            (self.busy, BusyStatus::Busy, ""),
            (self.tentative, BusyStatus::Tentative, ";BUSY-TENTATIVE"),
            (self.unavailable, BusyStatus::OutOfOffice, ";BUSY-UNAVAILABLE"),
        ];
        kinds
            .into_iter()
            .filter_map(|(periods, status, suffix)| {
                event(format!("{uid}{suffix}"), periods, status)
            })
            .collect()
    }
}

fn event(
    uid: String,
    periods: Vec<(RemoteTime, RemoteEnd)>,
    status: BusyStatus,
) -> Option<RemoteEvent> {
    let mut periods = periods.into_iter();
    let (start, end) = periods.next()?;
    Some(RemoteEvent {
        uid,
        recurrence_id: None,
        start,
        end,
        rules: Vec::new(),
        exrules: Vec::new(),
        rdates: periods.map(|(start, end)| RemoteDate::Period { start, end }).collect(),
        exdates: Vec::new(),
        status: Status::Confirmed,
        transparent: false,
        busy_status: Some(status),
        response: None,
        event_type: EventType::Default,
        sequence: 0,
        stamped: None,
        marker: None,
    })
}
