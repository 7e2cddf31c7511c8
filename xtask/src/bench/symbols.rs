//! Functions by address: a kernel's by `/proc/kallsyms`, a program's by its symbol table.

use std::io::Read as _;

use anyhow::{Context as _, Result, ensure};
use flate2::read::GzDecoder;
use object::{Object as _, ObjectSegment as _, ObjectSymbol as _, SymbolKind};

/// More than any kernel's symbols need.
const LIMIT: u64 = 256 << 20;

/// A function and the module that it is in; `kernel` if in none.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Function {
    pub(super) name: String,
    pub(super) owner: String,
}

#[derive(Debug)]
pub(super) struct Symbols(Vec<(u64, Function)>);

impl Symbols {
    pub(super) fn unzip(bytes: &[u8]) -> Result<Self> {
        let mut text = String::new();
        GzDecoder::new(bytes)
            .take(LIMIT)
            .read_to_string(&mut text)
            .context("cannot unzip the kernel's symbols")?;
        Self::parse(&text)
    }

    /// The functions of an ELF program whose image ended at the page `end` when it ran.
    pub(super) fn of_program(bytes: &[u8], name: &str, end: u64) -> Result<Self> {
        const PAGE: u64 = 4096;
        let program =
            object::File::parse(bytes).with_context(|| format!("{name} is no program"))?;
        let len = program
            .segments()
            .filter_map(|part| part.address().checked_add(part.size()))
            .max()
            .and_then(|len| len.checked_next_multiple_of(PAGE));
        let base = len.and_then(|len| end.checked_sub(len));
        let base = base.with_context(|| format!("{name} does not end at {end:#x}"))?;
        let mut list: Vec<(u64, Function)> = program
            .symbols()
            .filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.address() > 0)
            .filter_map(|symbol| {
                let function = Function {
                    name: demangled(symbol.name().ok()?),
                    owner: name.to_owned(),
                };
                Some((base.checked_add(symbol.address())?, function))
            })
            .collect();
        ensure!(!list.is_empty(), "{name} has no symbols");
        list.sort();
        list.dedup_by_key(|(address, _)| *address);
        Ok(Self(list))
    }

    pub(super) fn parse(text: &str) -> Result<Self> {
        let mut list: Vec<(u64, Function)> = text.lines().filter_map(symbol).collect();
        ensure!(
            list.iter().any(|(address, _)| *address > 0),
            "the kernel hides its symbols' addresses"
        );
        // Of several names for one address, the first by name: the same on every run.
        list.sort();
        list.dedup_by_key(|(address, _)| *address);
        Ok(Self(list))
    }

    /// The function that holds an address.
    pub(super) fn of(&self, address: u64) -> Option<&Function> {
        let after = self.0.partition_point(|(begin, _)| *begin <= address);
        Some(&self.0.get(after.checked_sub(1)?)?.1)
    }
}

/// A Rust name of the legacy mangling as it is written, without its hash: `_ZN3std2fs4openE`.
fn demangled(name: &str) -> String {
    let Some(mut rest) = name.strip_prefix("_ZN") else {
        return name.to_owned();
    };
    let mut parts = Vec::new();
    while let Some(digits) = rest.find(|c: char| !c.is_ascii_digit()).filter(|n| *n > 0) {
        let len = rest[..digits].parse().unwrap_or(usize::MAX);
        let Some(part) = rest.get(digits..).and_then(|rest| rest.get(..len)) else {
            return name.to_owned();
        };
        parts.push(part);
        rest = &rest[digits + len..];
    }
    let is_hash = |part: &str| part.len() == 17 && part.starts_with('h');
    if parts.last().is_some_and(|part| is_hash(part)) {
        parts.pop();
    }
    parts.join("::")
}

/// `ffffffff81000000 T name [module]`, if it is code.
fn symbol(line: &str) -> Option<(u64, Function)> {
    let mut words = line.split_whitespace();
    let address = u64::from_str_radix(words.next()?, 16).ok()?;
    let kind = words.next()?;
    if !["t", "T", "w", "W"].contains(&kind) {
        return None;
    }
    let name = words.next()?.to_owned();
    let owner = words.next().map_or("kernel", |word| {
        word.trim_start_matches('[').trim_end_matches(']')
    });
    let owner = owner.to_owned();
    Some((address, Function { name, owner }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_belongs_to_the_function_that_begins_before_it() {
        let symbols = Symbols::parse(
            "ff20 t famfs_fault\t[famfs]\nff00 T dax_iomap_fault\nff08 D data\nff20 t alias\n",
        )
        .unwrap();
        let of = |address| {
            symbols
                .of(address)
                .map(|function| (function.name.as_str(), function.owner.as_str()))
        };
        assert_eq!(of(0xfeff), None);
        assert_eq!(of(0xff1f), Some(("dax_iomap_fault", "kernel")));
        assert_eq!(of(0xff21), Some(("alias", "kernel")));
    }

    #[test]
    fn names_of_rust_are_readable() {
        let name = "_ZN5famfs6player4plan4Plan3new17h0123456789abcdefE";
        assert_eq!(demangled(name), "famfs::player::plan::Plan::new");
        for plain in ["memcpy", "_ZN", "_ZN99xE"] {
            assert_eq!(
                demangled(plain).as_str(),
                if plain == "_ZN" { "" } else { plain }
            );
        }
    }

    #[test]
    fn this_program_has_functions() {
        let bytes = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let end = 1 << 40;
        let symbols = Symbols::of_program(&bytes, "xtask", end).unwrap();
        assert!(symbols.0.iter().all(|(address, _)| *address < end));
        Symbols::of_program(&bytes, "xtask", 0x1000).unwrap_err();
        Symbols::of_program(b"no program", "x", end).unwrap_err();
    }

    #[test]
    fn hidden_addresses_are_an_error() {
        assert!(Symbols::parse("0000 T a\n0000 T b\n").is_err());
        assert!(Symbols::parse("").is_err());
    }
}
