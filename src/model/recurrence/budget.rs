//! Work counted in steps, never in time, so that every run of an input ends the same way.

/// How much work a series may still cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    left: u32,
}

/// The budget is spent: nothing is known from this wall-clock time on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spent {
    pub at: i64,
}

impl Budget {
    /// What one series may cost by default: a few milliseconds.
    pub const STEPS: u32 = 100_000;

    pub fn of(steps: u32) -> Self {
        Self { left: steps }
    }

    /// The steps that are left.
    pub fn left(&self) -> u32 {
        self.left
    }

    /// Takes one step, or answers `None` when there is none left.
    pub(super) fn spend(&mut self) -> Option<()> {
        self.left = self.left.checked_sub(1)?;
        Some(())
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self::of(Self::STEPS)
    }
}
