//! Plain English: doc comments that make sense by themselves, and none of the phrases that a reader has
//! to decode.

use std::ffi::OsStr;
use std::path::Path;

use serde::Deserialize;

/// The phrases that are refused, with what to write instead.
const PHRASES: &str = include_str!("phrases.toml");

/// Prepositions and infinitives with which no doc comment begins. Such a comment is the rest of a sentence
/// that begins with the identifier, which the reader of the documentation does not see.
const BEGINNINGS: &[&str] = &[
    "about", "after", "against", "among", "as", "at", "before", "behind", "beside", "between",
    "by", "for", "from", "in", "into", "of", "off", "on", "out", "over", "than", "that", "through",
    "to", "under", "until", "up", "whose", "with", "within", "without",
];

/// A phrase of the list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Phrase {
    /// Words, in lower case, that must not follow each other in the text.
    words: String,
    /// What to write.
    instead: String,
    /// Longer texts in which the words are right.
    #[serde(default)]
    allowed: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    /// Files or folders with texts of others, or with text that is data.
    except: Vec<String>,
    phrase: Vec<Phrase>,
}

/// The rules about words, read from their list.
#[derive(Debug)]
pub(super) struct Words {
    list: List,
}

impl Words {
    pub(super) fn new() -> anyhow::Result<Self> {
        let list = toml::from_str(PHRASES)?;
        Ok(Self { list })
    }

    /// Returns what a file breaks, as `path:line: what`.
    pub(super) fn findings(&self, file: &Path, text: &str) -> Vec<String> {
        if !is_prose(file) || self.list.except.iter().any(|place| file.starts_with(place)) {
            return Vec::new();
        }
        let mut found = Vec::new();
        let mut say = |line: usize, what: String| {
            found.push(format!("{}:{line}: {what}", file.display()));
        };
        if file.extension() == Some(OsStr::new("rs")) {
            for (line, word) in beginnings(text) {
                say(
                    line,
                    format!(
                        "a doc comment begins with `{word}`; begin with a verb or a noun phrase"
                    ),
                );
            }
        }
        for (line, phrase) in self.phrases(text) {
            say(line, format!("`{}`: {}", phrase.words, phrase.instead));
        }
        found
    }

    fn phrases(&self, text: &str) -> Vec<(usize, &Phrase)> {
        let mut found = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.to_lowercase();
            for phrase in &self.list.phrase {
                let mut rest = line.clone();
                for right in &phrase.allowed {
                    rest = rest.replace(right, "");
                }
                if has_words(&rest, &phrase.words) {
                    found.push((number + 1, phrase));
                }
            }
        }
        found
    }
}

/// Returns whether a line has these words, not as part of longer ones.
fn has_words(line: &str, words: &str) -> bool {
    line.match_indices(words).any(|(at, _)| {
        let is_letter = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        let (before, after) = (&line[..at], &line[at + words.len()..]);
        !is_letter(before.chars().next_back()) && !is_letter(after.chars().next())
    })
}

/// Returns the lines on which a doc comment begins with a word that it should not begin with.
fn beginnings(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut inside = false;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim_start();
        let comment = line
            .strip_prefix("///")
            .or_else(|| line.strip_prefix("//!"));
        if let Some(comment) = comment
            && !inside
        {
            let word = comment.split_whitespace().next().unwrap_or_default();
            if BEGINNINGS.contains(&word.to_lowercase().as_str()) {
                found.push((number + 1, word));
            }
        }
        inside = comment.is_some();
    }
    found
}

/// Returns whether people read the file as English.
fn is_prose(file: &Path) -> bool {
    let ends = ["rs", "c", "h", "md", "sh"].map(OsStr::new);
    file.extension().is_some_and(|end| ends.contains(&end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(file: &str, text: &str) -> usize {
        Words::new().unwrap().findings(Path::new(file), text).len()
    }

    #[test]
    fn a_doc_comment_begins_with_a_verb_or_a_noun() {
        assert_eq!(
            found("a.rs", "/// Returns the size.\n/// of it\nfn a() {}\n"),
            0
        );
        assert_eq!(found("a.rs", "    /// Of a cell that is there.\n"), 1);
        assert_eq!(
            found("a.rs", "//! in a job of its own\n\n/// The job.\n"),
            1
        );
        assert_eq!(
            found("a.rs", "// of a comment that is not documentation\n"),
            0
        );
        assert_eq!(found("a.md", "/// Of a text\n"), 0);
    }

    #[test]
    fn a_phrase_is_found_as_words_and_its_right_uses_are_not() {
        let list = List {
            except: vec!["data".to_owned()],
            phrase: vec![Phrase {
                words: "dearer".to_owned(),
                instead: "more expensive".to_owned(),
                allowed: vec!["the word dearer".to_owned()],
            }],
        };
        let words = Words { list };
        let found = |file: &str, text: &str| words.findings(Path::new(file), text).len();
        assert_eq!(found("a.md", "A dearer one.\n"), 1);
        assert_eq!(found("a.md", "Dearer, too.\n"), 1);
        assert_eq!(found("a.md", "adearer dearers\n"), 0);
        assert_eq!(found("a.md", "as the word dearer says\n"), 0);
        assert_eq!(found("data/a.md", "A dearer one.\n"), 0);
        assert_eq!(found("a.json", "A dearer one.\n"), 0);
    }
}
