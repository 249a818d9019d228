//! A plugin whose every export calls functions of its host.

#[allow(missing_docs, reason = "generated from the WIT, which carries the documentation")]
mod bindings {
    wit_bindgen::generate!({ world: "plugin", path: "world.wit" });
}

use std::cell::RefCell;

use bindings::Guest;
use bindings::hotswap::plugin::host_api::{self, Bucket, Note, Shape};

struct Plugin;

thread_local! {
    static KEPT: RefCell<Option<Bucket>> = const { RefCell::new(None) };
}

impl Guest for Plugin {
    fn look_up(key: String) -> Result<String, String> {
        host_api::log(&format!("looking up {key}"));
        host_api::look_up(&key)
    }

    fn look_up_many(keys: Vec<String>) -> Vec<String> {
        keys.iter().map(|key| host_api::look_up(key).unwrap_or_else(|error| format!("!{error}"))).collect()
    }

    fn revise(note: Note) -> Result<Note, Note> {
        host_api::revise(&note)
    }

    fn sum(numbers: Vec<f64>) -> f64 {
        host_api::sum(&numbers)
    }

    fn reverse(bytes: Vec<u8>) -> Vec<u8> {
        host_api::reverse(&bytes)
    }

    fn next(after: Option<u32>) -> Option<u32> {
        host_api::next(after)
    }

    fn turn(shape: Shape) -> Shape {
        host_api::turn(&shape)
    }

    fn count_up(big: u64) -> u64 {
        host_api::count_up(big)
    }

    fn host_name() -> String {
        bindings::host_name()
    }

    fn fill(name: String, count: u32) -> u32 {
        let bucket = Bucket::new(&name);
        for index in 0..count {
            bucket.put(&format!("key {index}"), &index.to_le_bytes());
        }
        bucket.size()
    }

    fn keep(name: String) {
        let bucket = Bucket::new(&name);
        bucket.put("name", name.as_bytes());
        KEPT.set(Some(bucket));
    }

    fn kept(key: String) -> Option<Vec<u8>> {
        KEPT.with_borrow(|kept| kept.as_ref().and_then(|bucket| bucket.get(&key)))
    }

    fn merged() -> u32 {
        let (first, second) = (Bucket::new("first"), Bucket::new("second"));
        first.put("a", &[1]);
        second.put("b", &[2]);
        host_api::merge(&first, second).size()
    }

    fn spin(rounds: u32) -> u32 {
        let mut sum = 0_u32;
        for round in 0..rounds {
            sum = sum.wrapping_mul(31).wrapping_add(host_api::look_up(&round.to_string()).map_or(1, |text| text.len() as u32));
        }
        sum
    }
}

bindings::export!(Plugin with_types_in bindings);
