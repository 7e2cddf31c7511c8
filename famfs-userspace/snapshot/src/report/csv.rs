//! Comma-separated values: one line for each file and interval, with the names and values of the field
//! table.

use crate::{
    model::{Field, Snapshot, Sort, rows},
    text,
};

/// What stands before the fields of the table: the interval that the line is of.
pub const LEADING: [&str; 2] = ["time", "interval_s"];

/// Who reads the values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// A person at a terminal, where values must not steer it.
    Terminal,
    /// A program, which gets the values as they are.
    Program,
}

/// The line of names.
pub fn header(fields: &[&Field]) -> String {
    let names = fields.iter().map(|field| field.key.to_owned());
    lines([LEADING
        .map(str::to_owned)
        .into_iter()
        .chain(names)
        .collect()])
}

/// A line for each file of `interval` whose path contains `filter`, in the order of `sort`.
/// Numbers are whole and in base units; what is missing is empty.
/// On a terminal the values are escaped as in the table; a program gets them as they are.
pub fn render(
    interval: &Snapshot,
    sort: Sort,
    filter: &str,
    fields: &[&Field],
    reader: Reader,
) -> String {
    let leading = [
        text::rfc3339(interval.time),
        (interval.elapsed_ns as f64 / 1e9).to_string(),
    ];
    lines(rows(interval, sort, filter).iter().map(|row| {
        let values = fields.iter().map(|field| {
            let value = (field.value)(row).plain();
            match reader {
                Reader::Terminal => text::printable(&value),
                Reader::Program => value,
            }
        });
        leading.iter().cloned().chain(values).collect()
    }))
}

fn lines(records: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for record in records {
        #[expect(
            clippy::expect_used,
            reason = "memory takes every record of one length"
        )]
        writer.write_record(record).expect("a record of text");
    }
    #[expect(clippy::expect_used, reason = "memory does not fail")]
    let bytes = writer.into_inner().expect("all was written");
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{FIELDS, FileKey, FileRow},
        source::{
            Source as _,
            synthetic::{Scene, Synthetic},
        },
    };

    #[test]
    fn a_hostile_path_stays_one_value() {
        let fields: Vec<&Field> = FIELDS.iter().collect();
        let mut source = Synthetic::new(Scene::Empty, std::time::Duration::from_secs(1));
        let mut interval = source.poll().unwrap();
        let path = "/a \"b\",\n=1+1\r\n";
        interval.files.push(FileRow {
            path: Some(path.into()),
            ..FileRow::new(FileKey::OTHER)
        });
        let printed = |to| render(&interval, Sort::default(), "", &fields, to);
        let text = header(&fields) + &printed(Reader::Program);
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let names = reader.headers().unwrap().clone();
        assert_eq!(names.len(), FIELDS.len() + LEADING.len());
        let records: Vec<_> = reader.records().map(Result::unwrap).collect();
        assert_eq!(records.len(), 1);
        assert_eq!(&records[0][2], path);
        let shown = printed(Reader::Terminal);
        assert_eq!(shown.lines().count(), 1, "{shown}");
        assert!(shown.contains(r"=1+1\r\n"), "{shown}");
    }
}
