//! What goes to the standard streams: one text or one JSON document, and messages.

use anyhow::{Context as _, Result};
use famfs_cli::stream;
use serde::Serialize;

pub(crate) const NAME: &str = "famfs-bench";

/// A reader that left is no error, and changes no exit status.
pub(crate) fn text(text: &str) -> Result<()> {
    stream::print(text.as_bytes())
        .map(drop)
        .context("cannot write the output")
}

pub(crate) fn json(value: &impl Serialize) -> Result<()> {
    text(&to_json(value)?)
}

pub(crate) fn to_json(value: &impl Serialize) -> Result<String> {
    let mut json =
        serde_json::to_string_pretty(value).context("cannot write the result as JSON")?;
    json.push('\n');
    Ok(json)
}

/// One line for the user.
pub(crate) fn complain(message: &str) {
    stream::complain(NAME, message);
}
