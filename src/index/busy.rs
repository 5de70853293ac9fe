//! The busy time of one calendar as the index keeps it: at rest while nobody asks, at hand once somebody did.
//!
//! At rest an interval takes about two bytes, at hand eight ([`Packed`]). Reading what is at rest lays it out for the
//! one who asks; the index then keeps that ([`Index::bring`](super::Index::bring)), until nobody has asked for a while.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use super::packed::Packed;

/// One calendar's busy time. Immutable but for the mark that somebody asked.
#[derive(Debug)]
pub struct Busy {
    form: Form,
    was_asked: AtomicBool,
}

#[derive(Debug)]
enum Form {
    AtHand(Arc<Packed>),
    AtRest(Rest),
}

impl Busy {
    pub fn at_hand(packed: Arc<Packed>) -> Self {
        Self { form: Form::AtHand(packed), was_asked: AtomicBool::new(true) }
    }

    pub fn at_rest(packed: &Packed) -> Self {
        Self { form: Form::AtRest(Rest::of(packed)), was_asked: AtomicBool::new(false) }
    }

    pub fn is_at_hand(&self) -> bool {
        matches!(self.form, Form::AtHand(_))
    }

    /// How many intervals there are.
    pub fn len(&self) -> usize {
        match &self.form {
            Form::AtHand(packed) => packed.len(),
            Form::AtRest(rest) => rest.len,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The intervals, for somebody who asks.
    pub fn asked(&self) -> Arc<Packed> {
        if !self.was_asked.load(Relaxed) {
            self.was_asked.store(true, Relaxed);
        }
        match &self.form {
            Form::AtHand(packed) => Arc::clone(packed),
            Form::AtRest(rest) => Arc::new(rest.laid_out()),
        }
    }

    /// What is at hand though nobody asked since this was last called, in the form it rests in.
    pub(super) fn unasked(&self) -> Option<Self> {
        let was_asked = self.was_asked.swap(false, Relaxed);
        match &self.form {
            Form::AtHand(packed) if !was_asked => Some(Self::at_rest(packed)),
            _ => None,
        }
    }
}

/// Sorted intervals as bytes. Each is two numbers of seven bits a byte, in the largest unit that measures all of them:
/// how long after the one before it begins, with a bit that says whether its length and class are those of that one; and
/// if not, these.
#[derive(Debug)]
struct Rest {
    base_s: i64,
    /// Where the first one begins, in seconds from the base.
    first_s: u64,
    unit_s: u64,
    len: usize,
    bytes: Box<[u8]>,
}

impl Rest {
    fn of(packed: &Packed) -> Self {
        let first_s = packed.parts().next().map_or(0, |(start, ..)| start);
        let measures = packed.parts().flat_map(|(start, long, _)| [start - first_s, long]);
        let unit_s = measures.fold(0, gcd).max(1);
        let mut bytes = Vec::new();
        let (mut at, mut same) = (first_s, None);
        for (start, long, class) in packed.parts() {
            let shape = ((long / unit_s) << 4) | u64::from(class);
            let is_same = same == Some(shape);
            let ahead = (start - at) / unit_s;
            number(&mut bytes, (ahead << 1) | u64::from(is_same));
            if !is_same {
                number(&mut bytes, shape);
            }
            (at, same) = (start, Some(shape));
        }
        let len = packed.len();
        Self { base_s: packed.base_s(), first_s, unit_s, len, bytes: bytes.into_boxed_slice() }
    }

    fn laid_out(&self) -> Packed {
        let (mut at, mut shape) = (self.first_s, 0);
        let mut bytes = self.bytes.iter().copied();
        let intervals = (0..self.len).map(|_| {
            let head = next(&mut bytes);
            if head & 1 == 0 {
                shape = next(&mut bytes);
            }
            at += (head >> 1) * self.unit_s;
            (at, (shape >> 4) * self.unit_s, u8::try_from(shape & 15).unwrap_or(u8::MAX))
        });
        Packed::of_parts(self.base_s, intervals)
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    let (mut a, mut b) = (a, b);
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// Appends a number, the lowest seven bits first; a set high bit says that more follow.
fn number(bytes: &mut Vec<u8>, mut number: u64) {
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            bytes.push(low & 0x7f);
            return;
        }
        bytes.push(low | 0x80);
    }
}

fn next(bytes: &mut impl Iterator<Item = u8>) -> u64 {
    let mut number = 0;
    for (nth, byte) in bytes.enumerate() {
        number |= u64::from(byte & 0x7f) << (7 * nth);
        if byte & 0x80 == 0 {
            break;
        }
    }
    number
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::busy::BusyClass;

    fn all(packed: &Packed) -> Vec<(i64, i64, u8)> {
        packed.touching(i64::MIN / 4, i64::MAX / 4).collect()
    }

    proptest! {
        #[test]
        fn what_rests_is_what_was_at_hand(
            rows in proptest::collection::vec((-3_000_i64..900_000_000, 0_i64..90_000, 0_i16..9), 0..60),
            unit in prop_oneof![Just(1_i64), Just(60), Just(900)],
            base in -5_000_i64..5_000,
        ) {
            let rows = rows.iter().map(|&(at, long, class)| {
                let (at, long) = (at / unit * unit, (long / unit + 1) * unit);
                (at * 1_000_000, (at + long) * 1_000_000, BusyClass::from_code(class))
            });
            let packed = Packed::new(base * 1_000_000, rows);
            let rest = Busy::at_rest(&packed);
            prop_assert_eq!(rest.len(), packed.len());
            let laid_out = rest.asked();
            prop_assert_eq!(all(&laid_out), all(&packed));
            prop_assert_eq!(laid_out.has_gaps(), packed.has_gaps());
            prop_assert_eq!(laid_out.most(100, 100_000), packed.most(100, 100_000));
        }
    }

    #[test]
    fn a_working_week_rests_in_two_bytes_an_interval() {
        let half_hour = 1_800;
        let rows = (0..600_i64).map(|n| {
            let start = (n / 6 * 48 + 18 + n % 6 * 3) * half_hour;
            let long = (1 + n % 3) * half_hour;
            (start * 1_000_000, (start + long) * 1_000_000, BusyClass::Busy)
        });
        let rest = Rest::of(&Packed::new(0, rows));
        assert!(rest.bytes.len() <= 2 * 600, "{}", rest.bytes.len());
    }

    #[test]
    fn what_nobody_asks_for_goes_to_rest_at_the_second_look() {
        let busy = Busy::at_hand(Arc::new(Packed::new(0, [(0, 60_000_000, BusyClass::Busy)])));
        assert!(busy.unasked().is_none(), "asked for when it was brought");
        assert!(!busy.unasked().unwrap().is_at_hand());
        busy.asked();
        assert!(busy.unasked().is_none());
    }
}
