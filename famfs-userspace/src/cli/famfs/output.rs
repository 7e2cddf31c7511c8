//! Standard output, whose errors are the command's own.

use std::io::{self, Write as _};

use famfs_cli::stream;
use serde::Serialize;

use super::Error;

#[derive(Default)]
pub(super) struct Output(stream::Output);

impl Output {
    /// One line of text.
    pub(super) fn line(&mut self, line: &str) -> Result<(), Error> {
        writeln!(self.0, "{line}").map_err(Error::Output)
    }

    /// One JSON document.
    pub(super) fn json(&mut self, value: &impl Serialize) -> Result<(), Error> {
        serde_json::to_writer_pretty(&mut self.0, value)
            .map_err(|e| Error::Output(e.into()))
            .and_then(|()| self.line(""))
    }

    /// One JSON document in one line.
    pub(super) fn json_line(&mut self, value: &impl Serialize) -> Result<(), Error> {
        serde_json::to_writer(&mut self.0, value)
            .map_err(|e| Error::Output(e.into()))
            .and_then(|()| self.line(""))
    }

    /// Text that is made elsewhere.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.0.write_all(bytes).map_err(Error::Output)
    }

    pub(super) fn finish(&mut self) -> io::Result<()> {
        self.0.flush()
    }

    /// Whether the reader has left, so that work for it alone can end.
    pub(super) fn is_closed(&self) -> bool {
        self.0.is_closed()
    }
}
