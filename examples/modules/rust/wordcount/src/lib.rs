//! A component in Rust with the standard library: counts the words of a text and finds the most frequent ones.

#[allow(missing_docs, reason = "generated from the WIT, which carries the documentation")]
mod bindings {
    wit_bindgen::generate!({ world: "wordcount", path: "wit" });
}

use std::collections::BTreeMap;

use bindings::{Counts, Frequency, Guest};

struct Wordcount;

impl Guest for Wordcount {
    fn count(text: String) -> Counts {
        Counts {
            lines: saturate(text.lines().count()),
            words: saturate(text.split_whitespace().count()),
            characters: saturate(text.chars().count()),
            bytes: saturate(text.len()),
        }
    }

    fn top_words(text: String, limit: u32) -> Result<Vec<Frequency>, String> {
        if limit == 0 {
            return Err("limit is 0: ask for at least one word".to_owned());
        }
        let mut counts = BTreeMap::<String, u32>::new();
        for word in text.split(|character: char| !character.is_alphanumeric()) {
            if !word.is_empty() {
                *counts.entry(word.to_lowercase()).or_default() += 1;
            }
        }
        let mut frequencies: Vec<_> =
            counts.into_iter().map(|(word, count)| Frequency { word, count }).collect();
        // Stable: words of equal count stay in the order of the map, which is the alphabet's.
        frequencies.sort_by(|left, right| right.count.cmp(&left.count));
        frequencies.truncate(limit as usize);
        Ok(frequencies)
    }

    fn health_check() -> String {
        let counts = Self::count("déjà vu\ntwice".to_owned());
        match (counts.lines, counts.words, counts.characters, counts.bytes) {
            (2, 3, 13, 15) => "OK".to_owned(),
            wrong => format!("a known text was counted as {wrong:?}"),
        }
    }
}

fn saturate(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

bindings::export!(Wordcount with_types_in bindings);
