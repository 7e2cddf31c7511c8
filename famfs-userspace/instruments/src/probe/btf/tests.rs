//! Type information made byte by byte, whole and broken.

use proptest::prelude::*;

use super::*;

/// Writes BTF as the kernel would.
#[derive(Default)]
struct Writer {
    types: Vec<u32>,
    strings: Vec<u8>,
}

impl Writer {
    fn name(&mut self, name: &str) -> u32 {
        if self.strings.is_empty() {
            self.strings.push(0);
        }
        if name.is_empty() {
            return 0;
        }
        let at = u32::try_from(self.strings.len()).unwrap();
        self.strings.extend(name.as_bytes());
        self.strings.push(0);
        at
    }

    fn put(&mut self, name: &str, kind: u32, vlen: u32, size: u32, rest: &[u32]) {
        let name = self.name(name);
        self.types.extend([name, kind << 24 | vlen, size]);
        self.types.extend(rest);
    }

    /// Members: name, type, offset in bits.
    fn group(&mut self, name: &str, kind: u32, size: u32, members: &[(&str, u32, u32)]) {
        let mut rest = Vec::new();
        for &(name, id, bits) in members {
            rest.extend([self.name(name), id, bits]);
        }
        self.put(
            name,
            kind,
            u32::try_from(members.len()).unwrap(),
            size,
            &rest,
        );
    }

    fn bytes(&self) -> Vec<u8> {
        let types: Vec<u8> = self
            .types
            .iter()
            .flat_map(|word| word.to_ne_bytes())
            .collect();
        let len = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap();
        let mut bytes = MAGIC.to_ne_bytes().to_vec();
        bytes.extend([1, 0]);
        for word in [24, 0, len(&types), len(&types), len(&self.strings)] {
            bytes.extend(u32::to_ne_bytes(word));
        }
        bytes.extend(types);
        bytes.extend(&self.strings);
        bytes
    }
}

/// 1 u64, 2 u32, 3 typedef of 2, 4 pointer, 5 anonymous struct, 6 anonymous union of const 5 and
/// 1, 7 struct outer, 8 typedef and 9 function with names, 10 struct with a bit field, 11 const 5.
fn sample() -> Vec<u8> {
    let mut w = Writer::default();
    w.put("u64", KIND_INT, 0, 8, &[64]);
    w.put("u32", KIND_INT, 0, 4, &[32]);
    w.put("dev_t", KIND_TYPEDEF, 0, 2, &[]);
    w.put("", KIND_PTR, 0, 7, &[]);
    w.group("", KIND_STRUCT, 16, &[("deep", 4, 0), ("deeper", 3, 64)]);
    w.group("", KIND_UNION, 16, &[("", 11, 0), ("flat", 1, 0)]);
    w.group(
        "outer",
        KIND_STRUCT,
        32,
        &[("first", 1, 0), ("", 6, 64), ("last", 2, 192)],
    );
    w.put("btf_trace_x", KIND_TYPEDEF, 0, 4, &[]);
    w.put("x", KIND_FUNC, 0, 4, &[]);
    w.group(
        "bits",
        KIND_STRUCT | 0x80,
        8,
        &[("b", 2, 3 << 24), ("whole", 2, 32)],
    );
    w.put("", KIND_CONST, 0, 5, &[]);
    w.bytes()
}

#[test]
fn members_are_found_through_anonymous_ones() {
    let bytes = sample();
    let btf = Btf::parse(&bytes).unwrap();
    let outer = btf.find(&[(Kind::Struct, "outer")])[0].unwrap();
    assert_eq!(outer, 7);
    for (name, offset, size) in [
        ("first", 0, 8),
        ("deep", 8, 8),
        ("deeper", 16, 4),
        ("flat", 8, 8),
        ("last", 24, 4),
    ] {
        let (at, kind) = btf.member(outer, name, DEPTH).unwrap();
        assert_eq!((at, btf.size(kind)), (offset, Some(size)), "{name}");
    }
    assert_eq!(btf.member(outer, "none", DEPTH), None);
    assert_eq!(btf.path(outer, "last"), btf.member(outer, "last", DEPTH));
    assert_eq!(
        btf.path(outer, "last.inner"),
        None,
        "a number has no members"
    );
    assert_eq!(btf.member(1, "first", DEPTH), None);
    assert_eq!(btf.member(99, "first", DEPTH), None);
}

#[test]
fn bit_fields_have_no_byte_offset() {
    let bytes = sample();
    let btf = Btf::parse(&bytes).unwrap();
    assert_eq!(btf.member(10, "b", DEPTH), None);
    assert_eq!(btf.member(10, "whole", DEPTH), Some((4, 2)));
}

#[test]
fn kinds_tell_equal_names_apart() {
    let bytes = sample();
    let btf = Btf::parse(&bytes).unwrap();
    let wanted = [
        (Kind::Func, "x"),
        (Kind::Typedef, "x"),
        (Kind::Typedef, "btf_trace_x"),
        (Kind::Struct, "oute"),
    ];
    assert_eq!(btf.find(&wanted), [Some(9), None, Some(8), None]);
}

/// The quick comparison is of eight bytes: shorter names, longer ones, and one at the very end.
#[test]
fn names_that_begin_alike_are_told_apart() {
    let names = [
        "x",
        "xy",
        "xxxxxxx",
        "xxxxxxxx",
        "xxxxxxxxx",
        "xxxxxxxxy",
        "yxxxxxxx",
        "end",
    ];
    let mut w = Writer::default();
    for name in names {
        w.put(name, KIND_FUNC, 0, 0, &[]);
    }
    let bytes = w.bytes();
    let btf = Btf::parse(&bytes).unwrap();
    for (at, name) in names.iter().enumerate() {
        let id = u32::try_from(at + 1).unwrap();
        let found = btf.find(&[(Kind::Func, "xx"), (Kind::Func, name), (Kind::Func, "en")]);
        assert_eq!(found, [None, Some(id), None], "{name}");
    }
}

#[test]
fn a_part_keeps_names_kinds_and_ids_for_us_and_for_aya() {
    let bytes = only(&[
        (Kind::Func, "x".to_owned(), 9),
        (Kind::Typedef, "btf_trace_x".to_owned(), 3),
        (Kind::Func, "void".to_owned(), 0),
    ]);
    let wanted = [
        (Kind::Typedef, "btf_trace_x"),
        (Kind::Func, "x"),
        (Kind::Func, "void"),
    ];
    let btf = Btf::parse(&bytes).unwrap();
    assert_eq!(btf.find(&wanted), [Some(3), Some(9), None]);
    assert_eq!(btf.starts.len(), 10);

    let aya = aya::Btf::parse(&bytes, aya::Endianness::default()).unwrap();
    let id = |name, kind| aya.id_by_type_name_kind(name, kind).ok();
    assert_eq!(id("btf_trace_x", aya_obj::btf::BtfKind::Typedef), Some(3));
    assert_eq!(id("x", aya_obj::btf::BtfKind::Func), Some(9));
    assert_eq!(id("x", aya_obj::btf::BtfKind::Typedef), None);
    assert!(aya::Btf::parse(&only(&[]), aya::Endianness::default()).is_ok());
}

#[test]
fn a_missing_field_is_named() {
    let bytes = sample();
    let error = Btf::parse(&bytes).unwrap().offsets().unwrap_err();
    assert_eq!(
        error.to_string(),
        "struct inode has no member i_ino of 8 bytes in this kernel"
    );
}

#[test]
fn a_circle_ends() {
    let mut w = Writer::default();
    w.group("ring", KIND_STRUCT, 8, &[("", 1, 0)]);
    w.put("self", KIND_TYPEDEF, 0, 2, &[]);
    let bytes = w.bytes();
    let btf = Btf::parse(&bytes).unwrap();
    assert_eq!((btf.member(1, "x", DEPTH), btf.size(2)), (None, None));
}

/// The running kernel's, where it tells.
#[test]
fn this_kernel_has_all_fields() {
    let Ok(bytes) = std::fs::read("/sys/kernel/btf/vmlinux") else {
        println!("skipped: no /sys/kernel/btf/vmlinux");
        return;
    };
    let offsets = Btf::parse(&bytes).unwrap().offsets().unwrap();
    assert!(offsets.iter().all(|&offset| offset < 4096), "{offsets:?}");
}

proptest! {
    #[test]
    fn hostile_bytes_are_no_panic(at in 0usize..1000, byte: u8, len in 0usize..1000) {
        let mut bytes = sample();
        let at = at % bytes.len();
        bytes[at] = byte;
        bytes.truncate(len.max(at + 1));
        if let Ok(btf) = Btf::parse(&bytes) {
            for id in btf.find(&[(Kind::Struct, "outer"), (Kind::Struct, "bits")]).into_iter().flatten() {
                btf.member(id, "last", DEPTH);
                btf.size(id);
            }
            prop_assert!(btf.offsets().is_err());
        }
    }
}
