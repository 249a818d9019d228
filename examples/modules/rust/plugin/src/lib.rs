//! A plugin whose every export calls functions of its host.

#[allow(missing_docs, reason = "generated from the WIT, which carries the documentation")]
mod bindings {
    wit_bindgen::generate!({ world: "plugin", path: "world.wit" });
}

use std::cell::RefCell;

use bindings::Guest;
use bindings::exports::hotswap::plugin::edges::{Deep, Guest as Edges, Inherited, ThreeHundred, Twelve};
use bindings::hotswap::plugin::host_api::{self, Bucket, Note, Shape};

struct Plugin;

thread_local! {
    static GIVEN: RefCell<Vec<Bucket>> = const { RefCell::new(Vec::new()) };
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

    fn size_of(bucket: &Bucket) -> u32 {
        bucket.size()
    }

    fn exchange(buckets: Vec<Bucket>) -> Vec<Bucket> {
        GIVEN.replace(buckets)
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

/// One function that answers its argument, for each name and type.
macro_rules! echoes {
    ($($name:ident: $type:ty),* $(,)?) => {
        $(fn $name(value: $type) -> $type { value })*
    };
}

impl Edges for Plugin {
    echoes! {
        echo_flags: Twelve, echo_flags_list: Vec<Twelve>, echo_enum: ThreeHundred, echo_enums: Vec<ThreeHundred>,
        echo_inherited: Inherited, echo_deep: Deep, echo_s8s: Vec<i8>, echo_u16s: Vec<u16>, echo_s16s: Vec<i16>,
        echo_s64s: Vec<i64>, echo_chars: Vec<char>, echo_units: (bool, i8, u8, i16, u16, char, f32),
    }

    fn wide(
        a: u8,
        b: String,
        c: u64,
        d: f32,
        e: i16,
        f: Vec<u8>,
        g: char,
        h: Option<u32>,
        i: Result<u8, String>,
        j: Vec<f64>,
        k: bool,
    ) -> String {
        format!("{a}|{b}|{c}|{d}|{e}|{f:?}|{g}|{h:?}|{i:?}|{j:?}|{k}")
    }

    fn bits(value: f64) -> u64 {
        value.to_bits()
    }

    fn from_bits(bits: u64) -> f64 {
        f64::from_bits(bits)
    }
}

bindings::export!(Plugin with_types_in bindings);
