//! Writes a recording of famfs-top as CSV, one line for each file and interval.
//!
//! ```text
//! cargo run -p famfs-snapshot --example recording-to-csv -- RECORDING > faults.csv
//! ```

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program prints"
)]

use std::error::Error;
use std::ffi::OsStr;
use std::fs::File;
use std::io::BufReader;
use std::process::ExitCode;

use famfs_snapshot::model::{FIELDS, Field, Sort, delta};
use famfs_snapshot::report::csv::{self, Reader};
use famfs_snapshot::store::Recording;

fn convert(path: &OsStr) -> Result<(), Box<dyn Error>> {
    let mut recording = Recording::open(BufReader::new(File::open(path)?))?;
    let fields: Vec<&Field> = FIELDS.iter().collect();
    print!("{}", csv::header(&fields));
    let mut before = recording.snapshot(0)?;
    for place in 1..recording.entries().len() {
        let after = recording.snapshot(place)?;
        let interval = delta(&before, &after);
        let lines = csv::render(&interval, Sort::default(), "", &fields, Reader::Program);
        print!("{lines}");
        before = after;
    }
    Ok(())
}

fn main() -> ExitCode {
    let Some(path) = std::env::args_os().nth(1) else {
        eprintln!("usage: recording-to-csv RECORDING");
        return ExitCode::from(2);
    };
    match convert(&path) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!(
                "recording-to-csv: cannot convert {}: {error}",
                path.display()
            );
            ExitCode::FAILURE
        }
    }
}
