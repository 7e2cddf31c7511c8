//! Intervals on standard output, in any format.

use std::io::{self, IsTerminal as _};

use anyhow::Context as _;
use famfs_cli::stream;

use super::args::{Format, Show};
use famfs_snapshot::{
    model::{Columns, Event, FIELDS, Field, Snapshot, Sort, fresh},
    report::{
        csv::{self, Reader},
        json, table,
    },
    text,
};

/// Prints one interval after the other.
#[derive(Debug)]
pub(super) struct Printer {
    format: Format,
    sort: Sort,
    filter: String,
    columns: Option<Columns>,
    reader: Reader,
    began: bool,
    /// What the document before had seen: a stream tells each event once.
    told: Vec<Event>,
}

impl Printer {
    pub(super) fn new(format: Format, show: &Show) -> Self {
        Self {
            format,
            sort: show.sort(),
            filter: show.filter().to_owned(),
            columns: show.columns().cloned(),
            reader: if io::stdout().is_terminal() {
                Reader::Terminal
            } else {
                Reader::Program
            },
            began: false,
            told: Vec::new(),
        }
    }

    /// Prints what comes before the first interval, for the case that there is none.
    pub(super) fn begin(&mut self) -> anyhow::Result<bool> {
        if self.began || self.format != Format::Csv {
            return Ok(true);
        }
        self.began = true;
        print(&csv::header(&self.fields()))
    }

    /// Prints an interval at once. `false` says that the reader has left, which is no failure.
    pub(super) fn interval(&mut self, interval: &Snapshot) -> anyhow::Result<bool> {
        if !self.begin()? {
            return Ok(false);
        }
        let text = match self.format {
            Format::Json | Format::Ndjson => {
                let text = json::render_with(interval, fresh(&self.told, &interval.events));
                self.told.clone_from(&interval.events);
                match self.reader {
                    Reader::Terminal => text::printable_json(&text),
                    Reader::Program => text,
                }
            }
            Format::Csv => csv::render(
                interval,
                self.sort,
                &self.filter,
                &self.fields(),
                self.reader,
            ),
            Format::Table => {
                let columns = self.columns.clone().unwrap_or_default();
                let table = table::render(interval, self.sort, &self.filter, &columns);
                if std::mem::replace(&mut self.began, true) {
                    format!("\n{table}")
                } else {
                    table
                }
            }
        };
        print(&text)
    }

    fn fields(&self) -> Vec<&'static Field> {
        (self.columns.as_ref()).map_or_else(|| FIELDS.iter().collect(), Columns::printed)
    }
}

/// Prints a JSON document; on a terminal, so that nothing in it steers that.
pub(super) fn print_json(document: &str) -> anyhow::Result<bool> {
    if io::stdout().is_terminal() {
        print(&text::printable_json(document))
    } else {
        print(document)
    }
}

pub(super) fn print(text: &str) -> anyhow::Result<bool> {
    stream::print(text.as_bytes()).context("cannot write to standard output")
}
