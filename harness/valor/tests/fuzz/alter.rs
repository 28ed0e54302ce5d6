//! How a file is altered: bytes, words, and pieces of other files.

use rand::Rng;
use rand::seq::IndexedRandom;
use valor_base::seed::Stream;

/// Words that have broken readers of numbers, names and paths.
const WORDS: [&str; 44] = [
    "",
    "0",
    "-0",
    "1",
    "-1",
    "1e308",
    "1e-320",
    "-1e60",
    "nan",
    "NaN",
    "inf",
    "-inf",
    "4294967296",
    "18446744073709551616",
    "-9223372036854775809",
    "16777217",
    "0.1",
    "1_000",
    "0x10",
    "true",
    "false",
    "True",
    "null",
    "{}",
    "[]",
    "[[]]",
    "\"\"",
    "\"\u{0}\"",
    "\"..\"",
    "\"../../x\"",
    "\"/dev/zero\"",
    "\"a\\nb\"",
    "\"\u{202e}x\"",
    "=1+1",
    "\u{1b}[31m",
    "\r\n",
    "\n\n",
    "\"",
    "'''",
    "2026-02-30",
    "2026-11-30T25:00:00Z",
    "9999999999999999999-01-01",
    "é\u{301}",
    "\u{feff}",
];

/// One altered copy: a handful of changes.
pub fn bytes(source: &[u8], others: &[Vec<u8>], stream: &mut Stream) -> Vec<u8> {
    let mut found = source.to_vec();
    for _ in 0..stream.random_range(1..=6) {
        byte(&mut found, others, stream);
    }
    found
}

fn byte(found: &mut Vec<u8>, others: &[Vec<u8>], stream: &mut Stream) {
    let length = found.len();
    let place = stream.random_range(0..=length);
    let end = (place + stream.random_range(0..64)).min(length);
    match stream.random_range(0..9) {
        0 if place < length => found[place] ^= 1 << stream.random_range(0..8),
        1 if place < length => found[place] = stream.random(),
        2 => drop(found.drain(place..end)),
        3 => found.truncate(place),
        4 => {
            let piece = found[place..end].to_vec();
            let to = stream.random_range(0..=found.len());
            drop(found.splice(to..to, piece));
        }
        5 => {
            let other = others.choose(stream).map(Vec::as_slice).unwrap_or_default();
            let from = stream.random_range(0..=other.len());
            let piece = other[from..(from + 200).min(other.len())].to_vec();
            drop(found.splice(place..end, piece));
        }
        6 if place + 8 <= length => {
            let number: u64 = *[0, 1, 127, 255, 1 << 31, 1 << 32, 1 << 62, u64::MAX].choose(stream).unwrap();
            found[place..place + 8].copy_from_slice(&number.to_le_bytes());
        }
        _ => {
            let word = WORDS.choose(stream).unwrap();
            drop(found.splice(place..end, word.bytes()));
        }
    }
}

/// One altered copy of a text: whole words and lines are exchanged, so that most of it still reads.
pub fn text(source: &str, others: &[Vec<u8>], stream: &mut Stream) -> Vec<u8> {
    if stream.random_bool(0.2) {
        return bytes(source.as_bytes(), others, stream);
    }
    let mut pieces: Vec<&str> = Vec::new();
    let mut rest = source;
    let word = |letter: char| letter.is_alphanumeric() || "_-.+".contains(letter);
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|letter| word(letter) != word(first)).unwrap_or(rest.len()).max(first.len_utf8());
        pieces.push(&rest[..end]);
        rest = &rest[end..];
    }
    for _ in 0..stream.random_range(1..=4) {
        let place = stream.random_range(0..pieces.len().max(1));
        if pieces.is_empty() {
            break;
        }
        match stream.random_range(0..5) {
            0 => pieces[place] = WORDS.choose(stream).unwrap(),
            1 => drop(pieces.remove(place)),
            2 => pieces.insert(place, WORDS.choose(stream).unwrap()),
            3 => {
                let other = stream.random_range(0..pieces.len());
                pieces.swap(place, other);
            }
            _ => pieces.insert(place, pieces[stream.random_range(0..pieces.len())]),
        }
    }
    pieces.concat().into_bytes()
}

/// One altered copy of a JSON document: values are replaced, removed, exchanged and repeated wherever they stand.
pub fn json(source: &serde_json::Value, stream: &mut Stream) -> serde_json::Value {
    let mut found = source.clone();
    for _ in 0..stream.random_range(1..=3) {
        let mut at = &mut found;
        // Down at random, with a chance to stop at each level.
        loop {
            let deeper = match at {
                serde_json::Value::Object(map) if !map.is_empty() && stream.random_bool(0.85) => {
                    let keys: Vec<String> = map.keys().cloned().collect();
                    keys.choose(stream).cloned().map(|key| (Some(key), 0))
                }
                serde_json::Value::Array(items) if !items.is_empty() && stream.random_bool(0.85) => {
                    Some((None, stream.random_range(0..items.len())))
                }
                _ => None,
            };
            at = match deeper {
                Some((Some(key), _)) => &mut at[key],
                Some((None, place)) => &mut at[place],
                None => break,
            };
        }
        value(at, stream);
    }
    found
}

fn value(at: &mut serde_json::Value, stream: &mut Stream) {
    let word = *WORDS.choose(stream).unwrap();
    *at = match stream.random_range(0..5) {
        0 => serde_json::Value::String(word.to_string()),
        1 => serde_json::from_str(word).unwrap_or(serde_json::Value::Null),
        2 => serde_json::json!([at.clone(), at.clone()]),
        3 => serde_json::json!(stream.random_range(-3..70_000)),
        _ => serde_json::json!(*[0.0, -1.0, 1e300, 1e-300, 0.5, 3e9, 1.8e19].choose(stream).unwrap()),
    };
}
