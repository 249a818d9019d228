//! Who may use `authorized` routes: asked of the plane's owner, and remembered for as long as the owner says.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;

use super::handlers::RequestHead;
use super::plane::PlaneState;

const MAX_KNOWN: usize = 10_000;
/// Questions at once; strangers that guess keys must not keep the owner from its work.
const MAX_ASKING: usize = 64;
/// A refusal is remembered shortly: long enough to stop a loop, too short to keep a new key out.
const REFUSED_FOR: Duration = Duration::from_secs(1);

/// Verdicts by the hash of the `authorization` value: the values themselves are secrets.
#[derive(Debug, Default)]
pub(crate) struct Doorkeeper {
    known: Mutex<HashMap<[u8; 32], Known>>,
    asking: AtomicUsize,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    admitted: bool,
    until: Instant,
}

/// What is known of a credential.
#[derive(Debug)]
pub(crate) enum Verdict {
    Admitted,
    Refused,
    /// To be asked, under this hash.
    Unknown([u8; 32]),
    /// To be asked, but too many questions are open.
    Busy,
}

impl Doorkeeper {
    pub(crate) fn look(&self, credential: Option<&[u8]>) -> Verdict {
        let Some(credential) = credential else { return Verdict::Refused };
        let hash = *blake3::hash(credential).as_bytes();
        let known = self.known.lock().get(&hash).copied();
        match known.filter(|known| known.until > Instant::now()) {
            Some(Known { admitted: true, .. }) => Verdict::Admitted,
            Some(_) => Verdict::Refused,
            None if self.asking.load(Ordering::Relaxed) >= MAX_ASKING => Verdict::Busy,
            None => Verdict::Unknown(hash),
        }
    }

    fn remember(&self, hash: [u8; 32], known: Known) {
        let mut all = self.known.lock();
        if all.len() >= MAX_KNOWN {
            let now = Instant::now();
            all.retain(|_, known| known.until > now && known.admitted);
            if all.len() >= MAX_KNOWN {
                all.clear();
            }
        }
        all.insert(hash, known);
    }

    /// Asks the owner and remembers the answer.
    pub(crate) async fn ask(plane: &PlaneState, hash: [u8; 32], head: RequestHead) -> bool {
        let own = &plane.doorkeeper;
        own.asking.fetch_add(1, Ordering::Relaxed);
        let _asking = Asking(&own.asking);
        let answer = plane.handlers.authorize(head).await;
        let valid_for = answer.and_then(|until| until.duration_since(SystemTime::now()).ok());
        let known = Known { admitted: valid_for.is_some(), until: Instant::now() + valid_for.unwrap_or(REFUSED_FOR) };
        own.remember(hash, known);
        known.admitted
    }
}

/// One open question; the one who asks may leave before the answer.
struct Asking<'a>(&'a AtomicUsize);

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
