//! What aya leaves to the loader: field offsets as part of the loads, and the address of memory
//! that is shared with user space as a constant. Pure: bytes of an object in, bytes out.

use famfs_common::field::{FIELDS, Offsets, PLACEHOLDER, PLACES};
use object::{Object as _, ObjectSection as _, ObjectSymbol as _, RelocationTarget, SectionKind};

use super::Error;

/// Bytes of an instruction.
const INSTRUCTION: usize = 8;
/// A load of 64 constant bits, which takes the room of two instructions.
const LOAD_CONSTANT: u8 = 0x18;
/// Its source register when the constant is an address inside the value of a map.
const MAP_VALUE: u8 = 2;
/// Class and mode of a load from memory; the bits between are its width.
const LOAD_MASK: u8 = 0xe7;
const LOAD: u8 = 0x61;

/// Puts the running kernel's `offsets` into every load of a field.
pub(super) fn fields(object: &mut [u8], offsets: &Offsets) -> Result<(), Error> {
    for (at, code) in programs(object)? {
        let Some(code) = code else {
            return Err(Error::BadObject(
                "a section of programs reaches beyond the end",
            ));
        };
        let mut skip = false;
        for start in (0..code).step_by(INSTRUCTION) {
            let Some(instruction) = object
                .get_mut(at + start..)
                .and_then(|rest| rest.first_chunk_mut::<INSTRUCTION>())
            else {
                return Err(Error::BadObject("an instruction is cut short"));
            };
            if std::mem::take(&mut skip) {
                continue;
            }
            skip = instruction[0] == LOAD_CONSTANT;
            if instruction[0] & LOAD_MASK != LOAD {
                continue;
            }
            let placeholder = i16::from_le_bytes([instruction[2], instruction[3]]);
            let Some(field) = usize::try_from(i32::from(placeholder) - i32::from(PLACEHOLDER))
                .ok()
                .filter(|&field| field < FIELDS)
            else {
                continue;
            };
            let offset = i16::try_from(offsets[field])
                .ok()
                .filter(|&offset| offset < PLACEHOLDER);
            let offset = offset.ok_or(Error::NoField {
                owner: PLACES[field].owner,
                member: PLACES[field].member,
                width: PLACES[field].width,
            })?;
            instruction[2..4].copy_from_slice(&offset.to_le_bytes());
        }
    }
    Ok(())
}

/// Makes every use of `symbol` the address of the only value of map `fd`.
pub(super) fn address(object: &mut [u8], symbol: &str, fd: i32) -> Result<(), Error> {
    let uses = uses(object, symbol)?;
    if uses.is_empty() {
        return Err(Error::BadObject("no program uses the shared memory"));
    }
    for at in uses {
        let Some(load) = object
            .get_mut(at..)
            .and_then(|rest| rest.first_chunk_mut::<{ 2 * INSTRUCTION }>())
            .filter(|load| load[0] == LOAD_CONSTANT)
        else {
            return Err(Error::BadObject(
                "the shared memory is used by something else than a load",
            ));
        };
        // The distance from the symbol stands where the map's number goes.
        load.copy_within(4..8, 12);
        load[4..8].copy_from_slice(&fd.to_le_bytes());
        load[1] = load[1] & 0x0f | MAP_VALUE << 4;
    }
    Ok(())
}

fn parse(object: &[u8]) -> Result<object::File<'_>, Error> {
    object::File::parse(object).map_err(|_error| Error::BadObject("it is no ELF file"))
}

/// Where each section of programs begins in the file, and how long it is if it is inside.
fn programs(object: &[u8]) -> Result<Vec<(usize, Option<usize>)>, Error> {
    Ok(parse(object)?
        .sections()
        .filter(|section| section.kind() == SectionKind::Text)
        .filter_map(|section| section.file_range())
        .map(|(at, len)| {
            let end = at
                .checked_add(len)
                .and_then(|end| usize::try_from(end).ok());
            let inside = end.is_some_and(|end| end <= object.len());
            let at = usize::try_from(at).unwrap_or(usize::MAX);
            (at, usize::try_from(len).ok().filter(|_| inside))
        })
        .collect())
}

/// Where in the file instructions refer to an undefined `symbol`.
fn uses(object: &[u8], symbol: &str) -> Result<Vec<usize>, Error> {
    let file = parse(object)?;
    let mut found = Vec::new();
    for section in file.sections().filter(|s| s.kind() == SectionKind::Text) {
        let Some((start, _)) = section.file_range() else {
            continue;
        };
        for (at, relocation) in section.relocations() {
            let RelocationTarget::Symbol(index) = relocation.target() else {
                continue;
            };
            let name = file.symbol_by_index(index).ok();
            let is_ours = name.is_some_and(|s| s.is_undefined() && s.name() == Ok(symbol));
            if let Some(at) = start.checked_add(at).filter(|_| is_ours) {
                found.push(usize::try_from(at).unwrap_or(usize::MAX));
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
#[path = "patch/tests.rs"]
mod tests;
