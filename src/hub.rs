//! The parts of one running hub, assembled once by [`crate::serve`] and shared by all that run in it.

use std::{fmt, sync::Arc};

use crate::{
    clock::{Clock, Entropy},
    config::Config,
};

/// Everything a use case may need. Cheap to share: it lives in one `Arc`.
pub struct Hub {
    pub config: Config,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").finish_non_exhaustive()
    }
}
