//! Intervals on standard output, in any format.

use std::io::{self, Write as _};

use anyhow::Context as _;

use super::args::{Format, Show};
use crate::{
    model::{Columns, Event, FIELDS, Field, Snapshot, Sort, fresh},
    report::{csv, json, table},
};

/// Prints one interval after the other.
#[derive(Debug)]
pub(super) struct Printer {
    format: Format,
    sort: Sort,
    filter: String,
    columns: Option<Columns>,
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
                text
            }
            Format::Csv => csv::render(interval, self.sort, &self.filter, &self.fields()),
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

pub(super) fn print(text: &str) -> anyhow::Result<bool> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error).context("cannot write to standard output"),
    }
}
