//! What goes to stdout: one text or one JSON document, and a reader that left is no error.

use std::io::{self, Write as _};

use anyhow::{Context as _, Result};
use serde::Serialize;

pub(crate) fn text(text: &str) -> Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()?;
    Ok(())
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

pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}
