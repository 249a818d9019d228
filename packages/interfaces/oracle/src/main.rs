//! Judges pairs of WIT texts by `wit_component::semver_check`.
//!
//! Reads one JSON object a line, `{"old": TEXT, "new": TEXT, "world": NAME}`, and answers one a line:
//! `{"breaking": bool, "reason": TEXT|null, "invalid": TEXT|null, "parseNs": N, "checkNs": N}`. The new text breaks when
//! it cannot stand where the old one stands: it offers less, or asks for more.

use std::io::{BufRead, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use serde::{Deserialize, Serialize};
use wit_parser::{Resolve, UnresolvedPackageGroup, WorldId};

#[derive(Deserialize)]
struct Pair {
    old: String,
    new: String,
    world: String,
}

#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
struct Verdict {
    breaking: bool,
    reason: Option<String>,
    invalid: Option<String>,
    parse_ns: u64,
    check_ns: u64,
}

fn push(resolve: &mut Resolve, path: &str, text: &str, world: &str) -> Result<WorldId> {
    let group = UnresolvedPackageGroup::parse(path, text).map_err(|(map, error)| anyhow!("{}", error.render(&map)))?;
    let package = resolve.push_group(group)?;
    resolve.packages[package].worlds.get(world).copied().with_context(|| format!("{path} has no world {world}"))
}

fn judge(pair: &Pair) -> Verdict {
    let start = Instant::now();
    let mut resolve = Resolve::default();
    resolve.all_features = true;
    let worlds = push(&mut resolve, "old.wit", &pair.old, &pair.world)
        .and_then(|old| Ok((old, push(&mut resolve, "new.wit", &pair.new, &pair.world)?)));
    let parse_ns = nanos(start);
    let (old, new) = match worlds {
        Ok(worlds) => worlds,
        Err(error) => return Verdict { invalid: Some(format!("{error:#}")), parse_ns, ..Verdict::default() },
    };
    let start = Instant::now();
    // The first world has to be able to stand where the second one is asked for.
    let outcome = catch_unwind(AssertUnwindSafe(|| wit_component::semver_check(resolve, new, old)));
    let check_ns = nanos(start);
    match outcome {
        Ok(Ok(())) => Verdict { parse_ns, check_ns, ..Verdict::default() },
        Ok(Err(error)) => {
            Verdict { breaking: true, reason: Some(format!("{error:#}")), parse_ns, check_ns, ..Verdict::default() }
        }
        Err(_) => Verdict { invalid: Some("semver_check panicked".into()), parse_ns, check_ns, ..Verdict::default() },
    }
}

fn nanos(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

fn main() -> Result<()> {
    std::panic::set_hook(Box::new(|_| {}));
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let verdict = judge(&serde_json::from_str(&line)?);
        serde_json::to_writer(&mut out, &verdict)?;
        out.write_all(b"\n")?;
        out.flush()?;
    }
    Ok(())
}
