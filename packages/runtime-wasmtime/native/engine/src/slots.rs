//! Names that calls go to. A swap is one pointer store; a call keeps the version it was admitted with.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::{OnceLock, Weak};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use http::HeaderValue;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::error::{EngineError, ErrorCode, Result};
use crate::http::VersionStats;
use crate::module::LoadedModule;
use crate::runtime::{Runtime, stale};

/// `SlotAssignment` of `binding.d.ts`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Assignment {
    /// Gets what the splits leave. `None`: nobody does, only pins reach a version.
    pub current: Option<u32>,
    /// Shares of other versions.
    #[serde(default)]
    pub splits: Vec<Split>,
    /// Versions without traffic that can be pinned.
    #[serde(default)]
    pub keep: Vec<u32>,
    /// What versions are called outside; the id where absent.
    #[serde(default)]
    pub labels: HashMap<u32, String>,
}

/// One share.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Split {
    /// Version.
    pub module_id: u32,
    /// Percent of the calls.
    pub weight_percent: f64,
}

/// A module under the name of a slot. Stays the same through assignments, as long as it is in them.
pub(crate) struct SlotVersion {
    pub(crate) module: Arc<LoadedModule>,
    pub(crate) slot: Arc<str>,
    pub(crate) label: Box<str>,
    pub(crate) label_header: HeaderValue,
    pub(crate) http: VersionStats,
}

impl std::fmt::Debug for SlotVersion {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("SlotVersion")
            .field("slot", &self.slot)
            .field("label", &self.label)
            .finish_non_exhaustive()
    }
}

struct Slot {
    assignment: Assignment,
    current: Option<Arc<SlotVersion>>,
    /// Upper ends of the shares on the scale of all hashes, in order.
    splits: Vec<(u64, Arc<SlotVersion>)>,
    keep: Vec<Arc<SlotVersion>>,
}

impl Slot {
    fn held(&self) -> impl Iterator<Item = &Arc<SlotVersion>> {
        self.current.iter().chain(self.splits.iter().map(|(_, version)| version)).chain(&self.keep)
    }

    /// By label or id.
    fn named(&self, name: &[u8]) -> Option<&Arc<SlotVersion>> {
        let name = std::str::from_utf8(name).ok()?;
        let id = name.parse().ok();
        let by_label = self.held().find(|version| &*version.label == name);
        by_label.or_else(|| self.held().find(|version| Some(version.module.id()) == id))
    }

    fn at(&self, point: impl FnOnce() -> u64) -> Option<&Arc<SlotVersion>> {
        if self.splits.is_empty() {
            return self.current.as_ref();
        }
        let point = point();
        self.splits.iter().find(|(end, _)| point < *end).map(|(_, version)| version).or(self.current.as_ref())
    }
}

/// A version that somebody names for a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum AskedVersion<'n> {
    /// This one or none.
    Pinned(&'n [u8]),
    /// This one if it is here, else as if none had been named.
    Preferred(&'n [u8]),
}

/// Why no version was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotChosen {
    /// The name is not there, or has no version with traffic.
    Nothing,
    /// The pinned version is not there.
    Pinned,
}

/// See the module's description.
pub struct SlotTable {
    id: u32,
    slots: ArcSwap<HashMap<String, Arc<ArcSwap<Slot>>>>,
    /// Adding and removing names; replacing an assignment needs no lock.
    names: Mutex<()>,
}

impl std::fmt::Debug for SlotTable {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("SlotTable").field("id", &self.id).finish_non_exhaustive()
    }
}

static TABLES: OnceLock<Mutex<HashMap<u32, Weak<SlotTable>>>> = OnceLock::new();

fn tables() -> &'static Mutex<HashMap<u32, Weak<SlotTable>>> {
    TABLES.get_or_init(Mutex::default)
}

impl SlotTable {
    /// An empty table, findable by its id from other threads.
    ///
    /// # Errors
    /// `INTERNAL` when the runtime cannot start.
    pub fn create() -> Result<Arc<Self>> {
        let id = Runtime::get()?.next_id();
        let table = Arc::new(Self { id, slots: ArcSwap::default(), names: Mutex::new(()) });
        tables().lock().insert(id, Arc::downgrade(&table));
        Ok(table)
    }

    /// A table that someone holds.
    ///
    /// # Errors
    /// `STALE_HANDLE`.
    pub fn attach(id: u32) -> Result<Arc<Self>> {
        tables().lock().get(&id).and_then(Weak::upgrade).ok_or_else(|| stale("slot table", id))
    }

    /// Unique in this process.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Replaces one assignment in one atomic step; returns how long that step took.
    ///
    /// # Errors
    /// `STALE_HANDLE` for a module nobody holds, `INVALID_ARGUMENT` for weights that make no sense.
    pub fn set(&self, name: &str, assignment: &Assignment) -> Result<Duration> {
        let before = self.slots.load().get(name).map(|place| place.load_full());
        let slot = Arc::new(build_slot(name, assignment, before.as_deref())?);
        if let Some(place) = self.slots.load().get(name) {
            let begun = Instant::now();
            let previous = place.swap(slot);
            let took = begun.elapsed();
            bury(previous);
            return Ok(took);
        }
        let _guard = self.names.lock();
        let begun = Instant::now();
        let mut slots = HashMap::clone(&self.slots.load());
        if let Some(place) = slots.get(name) {
            bury(place.swap(slot));
        } else {
            slots.insert(name.to_owned(), Arc::new(ArcSwap::new(slot)));
            self.slots.store(Arc::new(slots));
        }
        Ok(begun.elapsed())
    }

    /// Takes a name out.
    pub fn remove(&self, name: &str) -> bool {
        let _guard = self.names.lock();
        let mut slots = HashMap::clone(&self.slots.load());
        let removed = slots.remove(name).is_some();
        if removed {
            self.slots.store(Arc::new(slots));
        }
        removed
    }

    /// What a name is bound to.
    pub fn get(&self, name: &str) -> Option<Assignment> {
        self.slots.load().get(name).map(|place| place.load().assignment.clone())
    }

    /// All names, sorted.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = self.slots.load().keys().cloned().collect();
        names.sort_unstable();
        names
    }

    /// The version a call goes to, held from now on.
    ///
    /// # Errors
    /// `UNKNOWN_SLOT`, `UNKNOWN_VERSION`.
    pub fn choose(&self, name: &str, sticky_key: Option<&str>, version: Option<u32>) -> Result<Arc<LoadedModule>> {
        let slots = self.slots.load();
        let place = slots.get(name).ok_or_else(|| {
            EngineError::new(ErrorCode::UnknownSlot, format!("No slot is named {name:?}")).with("slot", name)
        })?;
        let slot = place.load();
        let chosen = match version {
            Some(version) => slot.held().find(|held| held.module.id() == version),
            None => slot.at(|| sticky_key.map_or_else(random, |key| hash(name, key.as_bytes()))),
        };
        chosen.map(|version| version.module.clone()).ok_or_else(|| {
            let held: Vec<_> = slot.held().map(|version| version.module.id()).collect();
            let message = match version {
                Some(version) => format!("Slot {name:?} does not hold version {version}"),
                None => format!("No version of slot {name:?} takes traffic"),
            };
            EngineError::new(ErrorCode::UnknownVersion, message)
                .with("slot", name)
                .with("moduleId", version)
                .with("held", held)
        })
    }

    /// As [`Self::choose`] for requests: pins go by label or id, and the key is only asked for where it decides.
    pub(crate) fn choose_version<'k>(
        &self,
        name: &str,
        asked: Option<AskedVersion<'_>>,
        key: impl FnOnce() -> Option<Cow<'k, [u8]>>,
    ) -> std::result::Result<Arc<SlotVersion>, NotChosen> {
        let slots = self.slots.load();
        let slot = slots.get(name).ok_or(NotChosen::Nothing)?.load();
        match asked {
            None => {}
            Some(AskedVersion::Pinned(name)) => return slot.named(name).cloned().ok_or(NotChosen::Pinned),
            Some(AskedVersion::Preferred(name)) => {
                if let Some(version) = slot.named(name) {
                    return Ok(version.clone());
                }
            }
        }
        slot.at(|| key().map_or_else(random, |key| hash(name, &key))).cloned().ok_or(NotChosen::Nothing)
    }

    /// Every version of every slot, each once.
    pub(crate) fn versions(&self) -> Vec<Arc<SlotVersion>> {
        let mut out: Vec<Arc<SlotVersion>> = Vec::new();
        for place in self.slots.load().values() {
            for version in place.load().held() {
                if !out.iter().any(|known| Arc::ptr_eq(known, version)) {
                    out.push(version.clone());
                }
            }
        }
        out.sort_by(|a, b| (&a.slot, a.module.id()).cmp(&(&b.slot, b.module.id())));
        out
    }
}

impl Drop for SlotTable {
    fn drop(&mut self) {
        tables().lock().remove(&self.id);
    }
}

/// The old assignment may hold the last reference to a module: let that go elsewhere.
fn bury(previous: Arc<Slot>) {
    if let Ok(runtime) = Runtime::get() {
        runtime.bury(Box::new(previous));
    }
}

fn build_slot(name: &str, assignment: &Assignment, before: Option<&Slot>) -> Result<Slot> {
    if name.is_empty() || name.len() > 1_000 {
        return Err(EngineError::argument("name", "1 to 1,000 bytes"));
    }
    let runtime = Runtime::get()?;
    let slot: Arc<str> =
        before.and_then(|slot| slot.held().next()).map_or_else(|| name.into(), |held| held.slot.clone());
    let mut made: Vec<Arc<SlotVersion>> = Vec::new();
    let mut version = |id: u32| -> Result<Arc<SlotVersion>> {
        let label = assignment.labels.get(&id).map_or_else(|| id.to_string(), Clone::clone);
        let same = |held: &&Arc<SlotVersion>| held.module.id() == id && *held.label == *label;
        if let Some(held) = made.iter().find(same).or_else(|| before.and_then(|slot| slot.held().find(same))) {
            return Ok(held.clone());
        }
        let label_header = HeaderValue::from_str(&label)
            .map_err(|_| EngineError::argument(format!("labels.{id}"), "text that fits into a header"))?;
        let new = Arc::new(SlotVersion {
            module: runtime.module(id)?,
            slot: slot.clone(),
            label: label.into(),
            label_header,
            http: VersionStats::default(),
        });
        made.push(new.clone());
        Ok(new)
    };
    let (mut total, mut splits) = (0.0, Vec::with_capacity(assignment.splits.len()));
    for (index, split) in assignment.splits.iter().enumerate() {
        if !(0.0..=100.0).contains(&split.weight_percent) {
            return Err(EngineError::argument(format!("splits[{index}].weightPercent"), "0 to 100"));
        }
        total += split.weight_percent;
        if total > 100.000_001 {
            return Err(EngineError::argument("splits", "weights of at most 100 together"));
        }
        // 100 % must include every hash; the cast saturates.
        splits.push(((total / 100.0 * u64::MAX as f64) as u64, version(split.module_id)?));
    }
    Ok(Slot {
        assignment: assignment.clone(),
        current: assignment.current.map(&mut version).transpose()?,
        splits,
        keep: assignment.keep.iter().map(|id| version(*id)).collect::<Result<_>>()?,
    })
}

/// FNV-1a with a finisher that spreads short keys over the whole scale.
fn hash(name: &str, key: &[u8]) -> u64 {
    let mut state = 0xcbf2_9ce4_8422_2325_u64;
    for byte in name.bytes().chain([0]).chain(key.iter().copied()) {
        state = (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    finish(state)
}

fn finish(mut state: u64) -> u64 {
    state = (state ^ (state >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    state = (state ^ (state >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    state ^ (state >> 33)
}

/// Which version an anonymous call gets need not be unpredictable, only even.
pub(crate) fn random() -> u64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    thread_local! {
        static STATE: std::cell::Cell<u64> = std::cell::Cell::new(RandomState::new().build_hasher().finish());
    }
    STATE.with(|state| {
        let next = state.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        state.set(next);
        finish(next)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_spread_evenly() {
        let below = (0..10_000).filter(|at| hash("slot", format!("user-{at}").as_bytes()) < u64::MAX / 4).count();
        assert!((2_200..2_800).contains(&below), "{below} of 10,000 keys fell into the first quarter");
    }
}
