//! Lists of files to make: `NAME,SIZE[,SEED]`.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use famfs_cli::size;

use super::number;
use famfs_runtime::ops::create::Item;

/// More entries than any log has room for.
const ITEMS_MAX: usize = 1 << 21;

/// Parses one item; a name cannot hold a comma here.
pub(super) fn item(text: &str) -> Result<Item, String> {
    let fields: Vec<&str> = text.split(',').collect();
    let (name, bytes, seed) = match fields[..] {
        // As upstream has it, a seed of 0 is none.
        [name, bytes] | [name, bytes, "0"] => (name, bytes, None),
        [name, bytes, seed] => (name, bytes, Some(self::seed(seed)?)),
        _ => return Err("an item is NAME,SIZE or NAME,SIZE,SEED".to_owned()),
    };
    if name.is_empty() {
        return Err("the name is empty".to_owned());
    }
    Ok(Item {
        path: name.into(),
        size: Some(size::parse(bytes)?),
        seed,
    })
}

/// A seed as `verify` takes it.
pub(super) fn seed(text: &str) -> Result<u32, String> {
    match number::parse(text) {
        Some(seed) if seed > 0 => Ok(seed),
        _ => Err("a seed is a number from 1 to 4294967295".to_owned()),
    }
}

/// Reads a list, one item a line; `-` is standard input. Empty lines and lines that
/// start with `#` are passed over. One bad line, and nothing is made.
pub(super) fn read(path: &Path) -> io::Result<Vec<Item>> {
    if path == Path::new("-") {
        parse(io::stdin().lock())
    } else {
        parse(BufReader::new(File::open(path)?))
    }
}

fn parse(text: impl BufRead) -> io::Result<Vec<Item>> {
    let mut items = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line?;
        let line = line.trim_end_matches('\r');
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if items.len() == ITEMS_MAX {
            return Err(io::Error::other(format!("more than {ITEMS_MAX} items")));
        }
        let bad = |why| io::Error::other(format!("line {number}: {why}"));
        items.push(item(line).map_err(bad)?);
    }
    Ok(items)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(path: &str, size: u64, seed: Option<u32>) -> Item {
        Item {
            path: path.into(),
            size: Some(size),
            seed,
        }
    }

    #[test]
    fn items() {
        assert_eq!(item("a,4k"), Ok(made("a", 4096, None)));
        assert_eq!(item("/m/b c,1M,7"), Ok(made("/m/b c", 1 << 20, Some(7))));
        assert_eq!(item("a,1M,0x2a"), Ok(made("a", 1 << 20, Some(42))));
        assert_eq!(item("a,1M,0"), Ok(made("a", 1 << 20, None)));
        assert_eq!(item("a,0,7"), Ok(made("a", 0, Some(7))));
        for text in [
            "",
            "a",
            "a,",
            ",1",
            "a,1,2,3",
            "a,1,",
            "a,1,-1",
            "a,1,+1",
            "a,1,x",
            "a,10Mb",
            "a,1,4294967296",
        ] {
            assert!(item(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn lists() {
        let text = "# two files\na,4k\r\n\nb,8k,3\n";
        let items = parse(text.as_bytes()).unwrap();
        assert_eq!(items, [made("a", 4096, None), made("b", 8192, Some(3))]);
        let error = parse("a,1\nb\n".as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with("line 2: "), "{error}");
        assert_eq!(parse("".as_bytes()).unwrap(), []);
    }
}
