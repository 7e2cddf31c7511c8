//! Which fields are columns, and in which order.

use super::{FIELDS, Field, Shown, position};

/// The width of a terminal whose columns are printed when there is none.
const PRINTED: u16 = 120;

/// The columns that were chosen, as places in [`FIELDS`]; none means the usual ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns(Option<Vec<usize>>);

impl Columns {
    /// Parses what the user typed: keys between commas, of which `default` stands for the usual
    /// ones and `all` for every one; `+KEY` adds to what stands before it (at first the usual
    /// ones), `-KEY` takes away.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut chosen: Option<Vec<usize>> = None;
        for word in text.split(',').map(str::trim).filter(|w| !w.is_empty()) {
            if let Some(key) = word.strip_prefix('-') {
                let place = place(key)?;
                chosen.get_or_insert_with(usual).retain(|p| *p != place);
                continue;
            }
            let added = match word.strip_prefix('+') {
                Some(key) => {
                    chosen.get_or_insert_with(usual);
                    vec![place(key)?]
                }
                None if word == "default" => usual(),
                None if word == "all" => (0..FIELDS.len()).collect(),
                None => vec![place(word)?],
            };
            let chosen = chosen.get_or_insert_default();
            for place in added {
                if !chosen.contains(&place) {
                    chosen.push(place);
                }
            }
        }
        match chosen {
            Some(places) if places.is_empty() => Err("no column is left".into()),
            None => Err("name a column".into()),
            chosen => Ok(Self(chosen)),
        }
    }

    /// The columns for `width` columns of text. What was chosen by name is shown at any width.
    pub fn at(&self, width: u16) -> Vec<&'static Field> {
        match &self.0 {
            Some(places) => places.iter().map(|p| &FIELDS[*p]).collect(),
            None => FIELDS.iter().filter(|f| fits(f, width)).collect(),
        }
    }

    /// The columns of a table that is printed, whatever is looking at it.
    pub fn printed(&self) -> Vec<&'static Field> {
        self.at(PRINTED)
    }

    /// Whether this field is a column at `width`.
    pub fn has(&self, field: usize, width: u16) -> bool {
        match &self.0 {
            Some(places) => places.contains(&field),
            None => FIELDS.get(field).is_some_and(|f| fits(f, width)),
        }
    }

    /// Adds the field in its place of the table, or takes it away; one column always remains.
    pub fn toggle(&mut self, field: usize, width: u16) {
        if field >= FIELDS.len() {
            return;
        }
        let mut places = self.0.take().unwrap_or_else(|| {
            (0..FIELDS.len())
                .filter(|i| fits(&FIELDS[*i], width))
                .collect()
        });
        match places.iter().position(|p| *p == field) {
            Some(at) if places.len() > 1 => {
                places.remove(at);
            }
            Some(_) => {}
            None => {
                let at = places.iter().position(|p| *p > field);
                places.insert(at.unwrap_or(places.len()), field);
            }
        }
        self.0 = Some(places);
    }

    /// Back to the usual columns.
    pub fn reset(&mut self) {
        self.0 = None;
    }
}

fn usual() -> Vec<usize> {
    (0..FIELDS.len())
        .filter(|i| fits(&FIELDS[*i], PRINTED))
        .collect()
}

fn fits(field: &Field, width: u16) -> bool {
    matches!(field.shown, Shown::From(from) if from <= width)
}

fn place(key: &str) -> Result<usize, String> {
    position(key).ok_or_else(|| {
        let keys: Vec<_> = FIELDS.iter().map(|f| f.key).collect();
        format!(
            "there is no column '{key}'; there are: all, default, {}",
            keys.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Result<Vec<&'static str>, String> {
        Ok(Columns::parse(text)?
            .printed()
            .iter()
            .map(|f| f.key)
            .collect())
    }

    #[test]
    fn columns_come_in_the_order_in_which_they_are_named() {
        assert_eq!(keys("p99, path").unwrap(), ["p99", "path"]);
        assert_eq!(keys("path,path").unwrap(), ["path"]);
        assert_eq!(keys("all").unwrap().len(), FIELDS.len());
        assert_eq!(keys("default").unwrap().len(), usual().len());
        let with = keys("+mean").unwrap();
        assert_eq!(
            (with.len(), with.last()),
            (usual().len() + 1, Some(&"mean"))
        );
        let without = keys("-path,-max").unwrap();
        assert_eq!(without.len(), usual().len() - 2);
        assert_eq!(keys("path,+mean,-path").unwrap(), ["mean"]);
    }

    #[test]
    fn what_is_no_column_is_refused() {
        assert!(
            keys("path,colour")
                .unwrap_err()
                .contains("no column 'colour'")
        );
        assert!(keys("+").unwrap_err().contains("no column ''"));
        assert_eq!(keys(""), Err("name a column".into()));
        assert_eq!(keys("path,-path"), Err("no column is left".into()));
    }

    #[test]
    fn a_narrow_screen_leaves_out_what_was_not_chosen() {
        let usual = Columns::default();
        assert_eq!(usual.at(0).len(), 1);
        assert!(usual.at(80).len() < usual.at(200).len());
        assert_eq!(Columns::parse("path,mean,size").unwrap().at(0).len(), 3);
    }

    #[test]
    fn toggling_keeps_the_tables_order_and_one_column() {
        let mut columns = Columns::default();
        for (place, field) in FIELDS.iter().enumerate() {
            if columns.has(place, 80) && field.key != "p99" {
                columns.toggle(place, 80);
            }
        }
        columns.toggle(position("p99").unwrap(), 80);
        assert_eq!(columns.printed()[0].key, "p99");
        columns.toggle(position("path").unwrap(), 80);
        columns.toggle(position("mean").unwrap(), 80);
        columns.toggle(usize::MAX, 80);
        let keys: Vec<_> = columns.at(10).iter().map(|f| f.key).collect();
        assert_eq!(keys, ["path", "p99", "mean"]);
        columns.reset();
        assert_eq!(columns, Columns::default());
    }
}
