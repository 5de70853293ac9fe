//! What a person would recognise a booking by. Sealed at rest; told to nobody but those who may read bookings, and to
//! the calendar it is written into.

use secrecy::zeroize::Zeroizing;
use serde::{Deserialize, Serialize};

use super::refusal::Refusal;
use crate::{
    model::ids::{BookingId, TenantId},
    secrets::{Place, Vault},
    store::{BookingRow, Sealed, StoreError, Tx},
};

/// The words of a booking.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Details {
    pub title: Option<String>,
    pub description: Option<String>,
    pub location: Option<String>,
    pub join_url: Option<String>,
    pub attendees: Vec<Attendee>,
    /// Whether the provider may mail the guests. Nobody is mailed unless it says so.
    pub invite: bool,
    /// Why the booking ended, as the caller said.
    pub reason: Option<String>,
}

/// A guest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attendee {
    pub email: String,
    #[serde(default)]
    pub name: Option<String>,
}

fn place<'a>(tenant: &'a TenantId, booking: &'a BookingId) -> Place<'a> {
    Place { tenant, row: booking.as_str(), column: "bookings.details" }
}

impl Details {
    /// Seals the words for their booking; nothing said is kept as nothing.
    pub(super) async fn seal(
        &self,
        vault: &Vault,
        tx: &mut Tx,
        tenant: &TenantId,
        booking: &BookingId,
    ) -> Result<Sealed, Refusal> {
        if *self == Self::default() {
            return Ok(Sealed::new(Vec::new()));
        }
        let plain = Zeroizing::new(serde_json::to_vec(self).unwrap_or_default());
        Ok(vault.seal(tx, place(tenant, booking), &plain).await?)
    }

    /// Opens the words of a booking.
    pub(crate) async fn open(
        vault: &Vault,
        tx: &mut Tx,
        row: &BookingRow,
    ) -> Result<Self, Refusal> {
        if row.details.as_bytes().is_empty() {
            return Ok(Self::default());
        }
        let plain = vault.unseal(tx, place(&row.tenant_id, &row.booking_id), &row.details).await?;
        let corrupt = StoreError::Corrupt { table: "bookings", column: "details" };
        serde_json::from_slice(&plain).map_err(|_| corrupt.into())
    }
}
