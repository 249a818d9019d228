//! A fresh instance holds what its module says and nothing of the guest that had its memory before, at little cost.
#![cfg(target_os = "linux")]

mod support;

use hotswap_engine::{Runtime, RuntimeOptions, Value};
use support::{Awaited, call_sync};

/// Writes to every other one of 400 pages: 200 stretches of memory. `left` counts the pages that are not as they were.
const SCATTERED: &str = r#"(module
    (memory (export "memory") 25)
    (func (export "write") (local $at i32)
        (loop $next
            (i32.store (local.get $at) (i32.const -1))
            (br_if $next (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 8192))) (i32.const 1638400)))))
    (func (export "left") (result i32) (local $at i32) (local $count i32)
        (loop $next
            (local.set $count (i32.add (local.get $count) (i32.ne (i32.const 0) (i32.load (local.get $at)))))
            (br_if $next (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 8192))) (i32.const 1638400))))
        (local.get $count))
    (func (export "trap") unreachable))"#;

const CALLS: u64 = 50;

/// Page faults of this thread so far.
fn page_faults() -> u64 {
    // SAFETY: all zeros is a value of the structure, and the call fills it in.
    let usage = unsafe {
        let mut usage = std::mem::zeroed::<libc::rusage>();
        assert_eq!(libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage), 0);
        usage
    };
    usage.ru_minflt as u64
}

/// Asks the system to move what this process has written to swap.
fn page_out() {
    let maps = std::fs::read_to_string("/proc/self/maps").expect("Linux has it");
    for line in maps.lines().filter(|line| line.contains(" rw-p ") && !line.contains("[stack]")) {
        let (from, to) = line.split(' ').next().and_then(|range| range.split_once('-')).expect("a range");
        let number = |text| usize::from_str_radix(text, 16).expect("hexadecimal");
        let (from, to) = (number(from), number(to));
        // SAFETY: pages come back as they were when they are touched.
        unsafe { libc::madvise(std::ptr::without_provenance_mut(from), to - from, libc::MADV_PAGEOUT) };
    }
}

#[test]
fn memory_written_in_many_stretches_is_not_fetched_from_the_system_again() {
    let (runtime, _) = Runtime::start(RuntimeOptions::default()).expect("starts");
    if runtime.info_json()["pool"]["pagemapScan"] != true {
        eprintln!("needs PAGEMAP_SCAN (Linux 6.7)");
        return;
    }
    let module = Awaited::new().load(SCATTERED);
    let write = || call_sync(&module, "write", &[]).expect("answers");
    (0..3).for_each(|_| drop(write()));
    let before = page_faults();
    (0..CALLS).for_each(|_| drop(write()));
    let faults = page_faults() - before;
    assert!(faults < CALLS * 10, "{faults} page faults in {CALLS} calls that write to 200 pages each");
    assert_eq!(call_sync(&module, "left", &[]).expect("answers"), [Value::I32(0)]);
}

#[test]
#[ignore = "needs swap space: `cargo test --test fresh -- --ignored` where `swapon --show` names some"]
fn what_a_guest_wrote_is_gone_after_the_system_has_moved_it_to_swap() {
    let mut node = Awaited::new();
    let module = node.load_with(SCATTERED, r#"{"policy":{"runtime":{"reuse":{}}}}"#).expect("loads");
    assert_eq!(call_sync(&module, "write", &[]).expect("answers"), []);
    assert_eq!(call_sync(&module, "left", &[]).expect("answers"), [Value::I32(200)], "the kept instance has it");
    page_out();
    call_sync(&module, "trap", &[]).expect_err("ends the kept instance without a look at its memory");
    assert_eq!(call_sync(&module, "left", &[]).expect("answers"), [Value::I32(0)]);
}
