//! Objects made instruction by instruction.

use object::{
    Architecture, BinaryFormat, Endianness, RelocationFlags, SymbolFlags, SymbolKind, SymbolScope,
    elf,
    write::{Object, Relocation, Symbol, SymbolSection},
};
use proptest::prelude::*;

use super::*;

fn instruction(code: u8, registers: u8, offset: i16, imm: i32) -> [u8; 8] {
    let mut bytes = [code, registers, 0, 0, 0, 0, 0, 0];
    bytes[2..4].copy_from_slice(&offset.to_le_bytes());
    bytes[4..].copy_from_slice(&imm.to_le_bytes());
    bytes
}

/// A load of the whole of field `field`.
fn load(field: i16) -> [u8; 8] {
    instruction(0x79, 0x21, PLACEHOLDER + field, 0)
}

/// An object with one program of `code`, that refers to `memory` in the instructions at `uses`.
fn object(code: &[[u8; 8]], memory: &str, uses: &[u64]) -> Vec<u8> {
    let mut object = Object::new(BinaryFormat::Elf, Architecture::Bpf, Endianness::Little);
    let section = object.add_section(Vec::new(), b"tp_btf/x".to_vec(), SectionKind::Text);
    object.append_section_data(section, &code.concat(), 8);
    let symbol = object.add_symbol(Symbol {
        name: memory.as_bytes().to_vec(),
        value: 0,
        size: 0,
        kind: SymbolKind::Unknown,
        scope: SymbolScope::Unknown,
        weak: false,
        section: SymbolSection::Undefined,
        flags: SymbolFlags::None,
    });
    for &at in uses {
        let relocation = Relocation {
            offset: at * 8,
            symbol,
            addend: 0,
            flags: RelocationFlags::Elf {
                r_type: elf::R_BPF_64_64,
            },
        };
        object.add_relocation(section, relocation).unwrap();
    }
    object.write().unwrap()
}

fn code_of(object: &[u8]) -> Vec<u8> {
    let file = parse(object).unwrap();
    let section = file.section_by_name("tp_btf/x").unwrap();
    section.data().unwrap().to_vec()
}

#[test]
fn offsets_replace_their_placeholders_and_nothing_else() {
    let last = i16::try_from(FIELDS).unwrap();
    let store = instruction(0x7b, 0x21, PLACEHOLDER, 0);
    let wide = [
        instruction(LOAD_CONSTANT, 1, 0, 0),
        // The second half of a constant is no instruction, whatever it looks like.
        load(0),
    ];
    let code = [load(0), load(last - 1), load(last), store, wide[0], wide[1]];
    let mut bytes = object(&code, "MEMORY", &[]);
    let mut offsets = [8; FIELDS];
    offsets[FIELDS - 1] = 0x123;
    fields(&mut bytes, &offsets).unwrap();
    let want = [
        instruction(0x79, 0x21, 8, 0),
        instruction(0x79, 0x21, 0x123, 0),
        load(last),
        store,
        wide[0],
        wide[1],
    ];
    assert_eq!(code_of(&bytes), want.concat());
}

#[test]
fn an_offset_that_no_load_can_hold_names_its_field() {
    for offset in [u64::from(PLACEHOLDER.unsigned_abs()), 1 << 40] {
        let mut bytes = object(&[load(1)], "MEMORY", &[]);
        let error = fields(&mut bytes, &[offset; FIELDS]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "struct inode has no member i_sb of 8 bytes in this kernel"
        );
    }
}

#[test]
fn a_use_of_the_memory_becomes_an_address_in_the_map() {
    let code = [
        instruction(LOAD_CONSTANT, 7, 0, 128),
        instruction(0, 0, 0, 0),
        instruction(0x95, 0, 0, 0),
    ];
    let mut bytes = object(&code, "MEMORY", &[0]);
    address(&mut bytes, "MEMORY", 42).unwrap();
    let want = [
        instruction(LOAD_CONSTANT, 7 | MAP_VALUE << 4, 0, 42),
        instruction(0, 0, 0, 128),
        code[2],
    ];
    assert_eq!(code_of(&bytes), want.concat());
}

#[test]
fn memory_that_is_not_used_or_not_loaded_is_an_error() {
    let code = [instruction(0x95, 0, 0, 0); 2];
    for (symbol, uses) in [
        ("OTHER", &[0][..]),
        ("MEMORY", &[]),
        ("MEMORY", &[0]),
        ("MEMORY", &[1]),
    ] {
        let mut bytes = object(&code, symbol, uses);
        let error = address(&mut bytes, "MEMORY", 42).unwrap_err();
        assert!(matches!(error, Error::BadObject(_)), "{error}");
    }
}

proptest! {
    #[test]
    fn broken_objects_are_no_panic(at: prop::sample::Index, byte: u8, cut: prop::sample::Index) {
        let code = [instruction(LOAD_CONSTANT, 7, 0, 128), load(0), load(1)];
        let mut bytes = object(&code, "MEMORY", &[0]);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        bytes.truncate(cut.index(bytes.len() + 1));
        let _ = fields(&mut bytes, &[8; FIELDS]);
        let _ = address(&mut bytes, "MEMORY", 42);
    }
}
