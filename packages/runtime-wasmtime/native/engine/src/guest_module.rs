//! `hotswap:module/metrics`: what a module counts and measures, summed over all its instances.
//!
//! `wit/module.wit` is the text for those who write modules. Core modules import the same two functions from `hotswap:module/metrics`
//! without labels: `counter(name: i32, name_length: i32, value: i64)` and `gauge(name: i32, name_length: i32, value: f64)`; names are
//! UTF-8 in the memory they export as `memory`.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use serde_json::{Map, Value as Json, json};
use wasmtime::{Caller, Extern};

use crate::error::{EngineError, Result};
use crate::store::StoreData;

/// The interface's name in components, and the module's in core modules.
pub(crate) const INTERFACE: &str = "hotswap:module/metrics";
const VERSIONED: &str = "hotswap:module/metrics@0.1.0";
const MAX_SERIES: usize = 200;
const MAX_NAME_BYTES: usize = 100;
const MAX_LABELS: usize = 8;
const MAX_LABEL_BYTES: usize = 64;
/// Sums stay numbers that JavaScript can say.
const MAX_COUNT: u64 = 1 << 53;

/// Labels as a component hands them over.
type Labels = Vec<(String, String)>;

/// The series of one module.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    series: Mutex<HashMap<String, Series>>,
    dropped: AtomicU64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Series {
    Counter(u64),
    Gauge(f64),
}

impl Metrics {
    fn counter(&self, name: &str, value: u64, labels: &Labels) {
        self.update(name, labels, Series::Counter(value.min(MAX_COUNT)), |held| match held {
            Series::Counter(sum) => {
                *sum = sum.saturating_add(value).min(MAX_COUNT);
                true
            }
            Series::Gauge(_) => false,
        });
    }

    fn gauge(&self, name: &str, value: f64, labels: &Labels) {
        if !value.is_finite() {
            self.drop_one();
            return;
        }
        self.update(name, labels, Series::Gauge(value), |held| match held {
            Series::Gauge(last) => {
                *last = value;
                true
            }
            Series::Counter(_) => false,
        });
    }

    fn update(&self, name: &str, labels: &Labels, first: Series, change: impl FnOnce(&mut Series) -> bool) {
        let key = if labels.is_empty() { None } else { Some(key(name, labels)) };
        let key = match &key {
            None => Some(name).filter(|name| is_name(name, MAX_NAME_BYTES)),
            Some(key) => key.as_deref(),
        };
        let Some(key) = key else { return self.drop_one() };
        let mut series = self.series.lock();
        if let Some(held) = series.get_mut(key) {
            if !change(held) {
                self.drop_one();
            }
        } else if series.len() < MAX_SERIES {
            series.insert(key.to_owned(), first);
        } else {
            self.drop_one();
        }
    }

    fn drop_one(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    /// All series, and how many reports were dropped.
    pub(crate) fn to_json(&self) -> (Json, u64) {
        let series = self.series.lock();
        let values = series.iter().map(|(key, held)| {
            let value = match held {
                Series::Counter(sum) => json!(sum),
                Series::Gauge(last) => json!(last),
            };
            (key.clone(), value)
        });
        (Json::Object(values.collect::<Map<_, _>>()), self.dropped.load(Ordering::Relaxed))
    }
}

/// `name{label="value"}` with the labels in order, as Prometheus writes it: equal labels make equal keys.
fn key(name: &str, labels: &Labels) -> Option<String> {
    let fits = is_name(name, MAX_NAME_BYTES)
        && labels.len() <= MAX_LABELS
        && labels.iter().all(|(label, value)| {
            is_name(label, MAX_LABEL_BYTES) && value.len() <= MAX_LABEL_BYTES && !value.contains(char::is_control)
        });
    if !fits {
        return None;
    }
    let mut sorted: Vec<_> = labels.iter().collect();
    sorted.sort_unstable();
    if sorted.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        return None;
    }
    let quoted = |(label, value): &&(String, String)| {
        format!("{label}=\"{}\"", value.replace('\\', r"\\").replace('"', r#"\""#))
    };
    Some(format!("{name}{{{}}}", sorted.iter().map(quoted).collect::<Vec<_>>().join(",")))
}

fn is_name(text: &str, max_bytes: usize) -> bool {
    let first = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    let rest = |byte: u8| first(byte) || byte.is_ascii_digit() || matches!(byte, b'.' | b':' | b'-');
    text.len() <= max_bytes && text.bytes().next().is_some_and(first) && text.bytes().all(rest)
}

/// Offers the interface to a component that imports it.
pub(crate) fn link_component(
    linker: &mut wasmtime::component::Linker<StoreData>,
    imports: &[String],
    metrics: &Arc<Metrics>,
) -> Result<()> {
    if !imports.iter().any(|name| name.starts_with(INTERFACE)) {
        return Ok(());
    }
    let mut interface = linker.instance(VERSIONED).map_err(EngineError::internal)?;
    let held = metrics.clone();
    interface
        .func_wrap("counter", move |_, (name, value, labels): (String, u64, Labels)| {
            held.counter(&name, value, &labels);
            Ok(())
        })
        .map_err(EngineError::internal)?;
    let held = metrics.clone();
    interface
        .func_wrap("gauge", move |_, (name, value, labels): (String, f64, Labels)| {
            held.gauge(&name, value, &labels);
            Ok(())
        })
        .map_err(EngineError::internal)
}

/// Offers the two functions to a core module that imports them.
pub(crate) fn link_core(
    linker: &mut wasmtime::Linker<StoreData>,
    module: &wasmtime::Module,
    metrics: &Arc<Metrics>,
) -> Result<()> {
    if !module.imports().any(|import| import.module() == INTERFACE) {
        return Ok(());
    }
    let held = metrics.clone();
    linker
        .func_wrap(INTERFACE, "counter", move |mut caller: Caller<'_, StoreData>, at: u32, length: u32, value: u64| {
            with_name(&mut caller, at, length, |name| held.counter(name, value, &Labels::new()))
        })
        .map_err(EngineError::internal)?;
    let held = metrics.clone();
    linker
        .func_wrap(INTERFACE, "gauge", move |mut caller: Caller<'_, StoreData>, at: u32, length: u32, value: f64| {
            with_name(&mut caller, at, length, |name| held.gauge(name, value, &Labels::new()))
        })
        .map(drop)
        .map_err(EngineError::internal)
}

/// A name in the guest's memory. One that is too long is as good as none; one outside of the memory is a fault of the guest.
fn with_name(
    caller: &mut Caller<'_, StoreData>,
    at: u32,
    length: u32,
    report: impl FnOnce(&str),
) -> wasmtime::Result<()> {
    let Some(Extern::Memory(memory)) = caller.get_export("memory") else {
        return Err(wasmtime::Error::msg("a module that reports metrics exports its memory as `memory`"));
    };
    let (at, length) = (at as usize, length as usize);
    let bytes = memory
        .data(&*caller)
        .get(at..at.saturating_add(length))
        .ok_or_else(|| wasmtime::Error::msg("the name of a metric lies outside of the memory"))?;
    // Text that is none fails the check of names.
    report(std::str::from_utf8(bytes).unwrap_or_default());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn counters_add_up_and_gauges_keep_the_last_value() {
        let metrics = Metrics::default();
        metrics.counter("orders", 2, &labels(&[]));
        metrics.counter("orders", 3, &labels(&[]));
        metrics.gauge("temperature", 20.5, &labels(&[]));
        metrics.gauge("temperature", -1.5, &labels(&[]));
        assert_eq!(metrics.to_json(), (json!({ "orders": 5, "temperature": -1.5 }), 0));
    }

    #[test]
    fn labels_make_series_whatever_their_order() {
        let metrics = Metrics::default();
        metrics.counter("orders", 1, &labels(&[("kind", "new"), ("at", "a\"b\\c")]));
        metrics.counter("orders", 1, &labels(&[("at", "a\"b\\c"), ("kind", "new")]));
        assert_eq!(metrics.to_json().0, json!({ r#"orders{at="a\"b\\c",kind="new"}"#: 2 }));
    }

    #[test]
    fn what_does_not_fit_is_dropped_and_counted() {
        let metrics = Metrics::default();
        let long = "x".repeat(101);
        for name in ["", "1st", "a b", "grün", &long, "a{b=\"c\"}"] {
            metrics.counter(name, 1, &labels(&[]));
        }
        metrics.counter("a", 1, &labels(&[("x", "1"), ("x", "2")]));
        metrics.counter("a", 1, &labels(&[("x", &"v".repeat(65))]));
        metrics.counter("a", 1, &labels(&[("x", "\u{1b}[2J")]));
        metrics.counter("a", 1, &labels(&[("x", "1"); 9]));
        metrics.gauge("a", f64::NAN, &labels(&[]));
        metrics.gauge("a", f64::INFINITY, &labels(&[]));
        assert_eq!(metrics.to_json(), (json!({}), 12));
        metrics.counter("a", u64::MAX, &labels(&[]));
        metrics.counter("a", u64::MAX, &labels(&[]));
        metrics.gauge("a", 1.0, &labels(&[]));
        assert_eq!(metrics.to_json(), (json!({ "a": 9_007_199_254_740_992_u64 }), 13));
    }

    #[test]
    fn a_module_has_so_many_series_and_no_more() {
        let metrics = Metrics::default();
        for index in 0..300 {
            metrics.counter(&format!("series_{index}"), 1, &labels(&[]));
        }
        metrics.counter("series_0", 1, &labels(&[]));
        let (series, dropped) = metrics.to_json();
        assert_eq!((series.as_object().map(Map::len), dropped, &series["series_0"]), (Some(200), 100, &json!(2)));
    }
}
