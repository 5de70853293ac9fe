//! What happened, line by line, and its fingerprint.

use std::sync::{Arc, Mutex};

use sha2::{Digest, Sha256};

/// The trace of one run. Clones write to the same.
#[derive(Clone, Debug, Default)]
pub struct Trace(Arc<Mutex<Vec<String>>>);

impl Trace {
    pub fn line(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }

    pub fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    pub fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        for line in self.0.lock().unwrap().iter() {
            hash.update(line.as_bytes());
            hash.update(b"\n");
        }
        hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }
}
