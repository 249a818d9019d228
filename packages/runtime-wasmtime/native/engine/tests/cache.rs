//! The code cache: hits without the bytes, and no tampered byte ever runs.

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use hotswap_engine::{CacheOptions, ErrorCode, LoadedModule, Outcome, Value, bench_map};
use support::{Awaited, call_sync};

const TEXT: &str = r#"(module (memory 1) (data (i32.const 0) "data") (func (export "run") (result i32) i32.const 42))"#;
const COMPONENT: &str = r#"(component (core module $m (func (export "run") (result i32) i32.const 42))
    (core instance $i (instantiate $m)) (func (export "run") (result s32) (canon lift (core func $i "run"))))"#;
const KEY: &str = "0707070707070707070707070707070707070707070707070707070707070707";

fn cached(directory: &Path, key: &str) -> String {
    format!(
        r#"{{"digest":"sha256:test","cache":{{"directory":{:?},"keyHex":"{key}"}}}}"#,
        directory.display().to_string()
    )
}

fn state(module: &LoadedModule) -> String {
    let report: serde_json::Value = serde_json::from_str(module.report_json()).expect("JSON");
    report["cache"].as_str().expect("a state").to_owned()
}

fn entry(directory: &Path, extension: &str) -> PathBuf {
    let files = fs::read_dir(directory).expect("readable");
    let wanted = |path: &PathBuf| path.extension().is_some_and(|found| found == extension);
    files.map(|file| file.expect("readable").path()).find(wanted).expect("stored")
}

fn overwrite(path: &Path, bytes: &[u8]) {
    fs::remove_file(path).expect("removable");
    fs::write(path, bytes).expect("writable");
}

#[test]
fn second_load_maps_the_code_and_needs_no_bytes() {
    let folder = tempfile::tempdir().expect("a folder");
    let directory = folder.path().join("cache");
    let mut node = Awaited::new();
    for text in [TEXT, COMPONENT] {
        let options = cached(&directory.join(if text == TEXT { "core" } else { "component" }), KEY);
        let first = node.load_with(text, &options).expect("loads");
        assert_eq!(state(&first), "miss");
        let id = node.id();
        node.client.load(id, None, support::options(&options)).expect("admitted");
        let Ok(Outcome::Module(second)) = node.wait(id).outcome else { panic!("loads") };
        assert_eq!(state(&second), "hit");
        assert_eq!(second.description_json(), first.description_json());
        assert_eq!(call_sync(&second, "run", &[]).expect("answers"), [Value::I32(42)]);
    }
}

#[test]
fn flipped_bytes_are_rejected_and_compiled_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    let directory = folder.path().join("cache");
    let options = cached(&directory, KEY);
    let mut node = Awaited::new();
    node.load_with(TEXT, &options).expect("loads");
    for extension in ["cwasm", "mac"] {
        let size = fs::read(entry(&directory, extension)).expect("readable").len();
        // Every byte would be thousands of compiles: the ends, and steps through the middle.
        let steps = (0..size).step_by(size / 16 + 1).chain([size - 1]);
        for at in steps {
            let path = entry(&directory, extension);
            let mut bytes = fs::read(&path).expect("readable");
            bytes[at] ^= 0x41;
            overwrite(&path, &bytes);
            let module = node.load_with(TEXT, &options).expect("compiles anew");
            assert_eq!(state(&module), "rejected", "byte {at} of {extension}");
            assert_eq!(call_sync(&module, "run", &[]).expect("answers"), [Value::I32(42)]);
        }
    }
}

#[cfg(unix)]
#[test]
fn no_byte_of_an_entry_can_be_changed() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in [("core", TEXT), ("component", COMPONENT)] {
        let directory = folder.path().join(name);
        Awaited::new().load_with(text, &cached(&directory, KEY)).expect("loads");
        let (code, mac) = (entry(&directory, "cwasm"), entry(&directory, "mac"));
        let intact = [fs::read(&code).expect("readable"), fs::read(&mac).expect("readable")];
        let options = CacheOptions { directory: directory.clone(), key_hex: KEY.to_owned() };
        // Looks the entry up, verifies and maps it, without compiling what is missing: fast enough for every byte.
        let unlock = |path: &Path| {
            let mut permissions = fs::metadata(path).expect("there").permissions();
            std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o600);
            fs::set_permissions(path, permissions).expect("changed");
        };
        unlock(&code);
        unlock(&mac);
        let found = || bench_map(&options, "sha256:test", 0).is_ok();
        assert!(found());
        for (which, path) in [&code, &mac].into_iter().enumerate() {
            for at in 0..intact[which].len() {
                let mut changed = intact[which].clone();
                changed[at] ^= 1 << (at % 8);
                fs::write(path, &changed).expect("writable");
                assert!(!found(), "byte {at} of {}", path.display());
                assert!(!code.exists() && !mac.exists(), "a rejected entry is deleted");
                fs::write(&code, &intact[0]).expect("writable");
                fs::write(&mac, &intact[1]).expect("writable");
            }
        }
        assert!(found(), "what was written last is intact");
    }
}

#[test]
fn truncated_missing_swapped_and_foreign_entries_are_not_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let directory = folder.path().join("cache");
    let options = cached(&directory, KEY);
    let mut node = Awaited::new();
    let load = |node: &mut Awaited, options: &str| state(&node.load_with(TEXT, options).expect("loads"));
    assert_eq!(load(&mut node, &options), "miss");

    let path = entry(&directory, "cwasm");
    let bytes = fs::read(&path).expect("readable");
    overwrite(&path, &bytes[..bytes.len() / 2]);
    assert_eq!(load(&mut node, &options), "rejected");

    fs::remove_file(entry(&directory, "mac")).expect("removable");
    assert_eq!(load(&mut node, &options), "rejected");

    assert_eq!(load(&mut node, &cached(&directory, &"08".repeat(32))), "rejected");
    assert_eq!(load(&mut node, &options), "rejected");

    // The entry of another module, code and MAC together, under this one's name.
    let other = options.replace("sha256:test", "sha256:other");
    let (code, mac) = (entry(&directory, "cwasm"), entry(&directory, "mac"));
    let (code_bytes, mac_bytes) = (fs::read(&code).expect("readable"), fs::read(&mac).expect("readable"));
    fs::remove_file(&code).expect("removable");
    fs::remove_file(&mac).expect("removable");
    assert_eq!(load(&mut node, &other), "miss");
    overwrite(&entry(&directory, "cwasm"), &code_bytes);
    overwrite(&entry(&directory, "mac"), &mac_bytes);
    assert_eq!(load(&mut node, &other), "rejected");
}

#[cfg(unix)]
#[test]
fn folder_that_others_can_write_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let directory = folder.path().join("open");
    fs::create_dir(&directory).expect("created");
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o777)).expect("changed");
    let mut node = Awaited::new();
    let error = node.load_with(TEXT, &cached(&directory, KEY)).expect_err("refused");
    assert_eq!(error.code(), ErrorCode::CacheUnusable);
    let link = folder.path().join("link");
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o700)).expect("changed");
    std::os::unix::fs::symlink(&directory, &link).expect("linked");
    let error = node.load_with(TEXT, &cached(&link, KEY)).expect_err("refused");
    assert_eq!(error.code(), ErrorCode::CacheUnusable);
    let error = node.load_with(TEXT, &cached(&directory, "short")).expect_err("refused");
    assert_eq!(error.code(), ErrorCode::InvalidArgument);
}
