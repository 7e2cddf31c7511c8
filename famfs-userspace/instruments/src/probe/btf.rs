//! The few questions we have for the kernel's type information.
//!
//! aya parses it too, but keeps struct members to itself. This reader makes one pass over the
//! types and trusts no number in them.

use famfs_common::field::{FIELDS, Offsets, PLACES};

use super::Error;

const MAGIC: u16 = 0xeb9f;
const HEADER_LEN: u32 = 24;
const HEADER: usize = HEADER_LEN as usize;
/// A type's own head: name, info, size or type.
const HEAD: usize = 12;
/// More than any kernel nests anonymous structs, and the end of a malicious circle.
const DEPTH: u32 = 16;

/// BTF kinds that we ask for or pass through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Struct,
    Typedef,
    Func,
}

const KIND_INT: u32 = 1;
const KIND_PTR: u32 = 2;
const KIND_ARRAY: u32 = 3;
const KIND_STRUCT: u32 = 4;
const KIND_UNION: u32 = 5;
const KIND_ENUM: u32 = 6;
const KIND_TYPEDEF: u32 = 8;
const KIND_VOLATILE: u32 = 9;
const KIND_CONST: u32 = 10;
const KIND_RESTRICT: u32 = 11;
const KIND_FUNC: u32 = 12;
const KIND_FUNC_PROTO: u32 = 13;
const KIND_VAR: u32 = 14;
const KIND_DATASEC: u32 = 15;
const KIND_DECL_TAG: u32 = 17;
const KIND_TYPE_TAG: u32 = 18;
const KIND_ENUM64: u32 = 19;

impl Kind {
    fn number(self) -> u32 {
        match self {
            Self::Struct => KIND_STRUCT,
            Self::Typedef => KIND_TYPEDEF,
            Self::Func => KIND_FUNC,
        }
    }
}

/// Parsed type information.
pub(super) struct Btf<'a> {
    types: &'a [u8],
    strings: &'a [u8],
    /// Where each type begins; type 0 is `void`.
    starts: Vec<u32>,
}

impl<'a> Btf<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let bad = || Error::BadBtf("the header does not fit the data");
        let word = |at: usize| u32_at(bytes, at).ok_or_else(bad);
        if bytes.get(..2) != Some(&MAGIC.to_ne_bytes()) {
            return Err(Error::BadBtf("wrong magic number"));
        }
        let header = word(4)? as usize;
        if header < HEADER {
            return Err(Error::BadBtf("the header is too short"));
        }
        let section = |at: u32, len: u32| {
            let begin = header.checked_add(at as usize)?;
            bytes.get(begin..begin.checked_add(len as usize)?)
        };
        let types = section(word(8)?, word(12)?).ok_or_else(bad)?;
        let strings = section(word(16)?, word(20)?).ok_or_else(bad)?;
        let mut starts = vec![0];
        let mut at = 0;
        while at < types.len() {
            let (kind, vlen) =
                info(types, at).ok_or(Error::BadBtf("the last type is cut short"))?;
            starts.push(u32::try_from(at).map_err(|_e| Error::BadBtf("too large"))?);
            at += HEAD + tail(kind, vlen).ok_or(Error::BadBtf("a type of unknown kind"))?;
        }
        Ok(Self {
            types,
            strings,
            starts,
        })
    }

    /// The ids of types by kind and name, in the order asked; one pass for all.
    pub(super) fn find(&self, wanted: &[(Kind, &str)]) -> Vec<Option<u32>> {
        let mut found = vec![None; wanted.len()];
        // There are a hundred thousand types and more: most of them are told from those wanted by
        // their kind, the others by the first bytes of their name.
        let beginnings = |kind: Kind| -> Vec<(usize, Beginning)> {
            let of_kind = wanted.iter().enumerate().filter(|(_, (k, _))| *k == kind);
            of_kind
                .map(|(at, (_, name))| (at, Beginning::of(name)))
                .collect()
        };
        let [structs, typedefs, funcs] = [Kind::Struct, Kind::Typedef, Kind::Func].map(beginnings);
        for (id, &at) in self.starts.iter().enumerate().skip(1) {
            let at = at as usize;
            let asked = match info(self.types, at) {
                Some((KIND_STRUCT, _)) => &structs,
                Some((KIND_TYPEDEF, _)) => &typedefs,
                Some((KIND_FUNC, _)) => &funcs,
                _ => continue,
            };
            let begin = u32_at(self.types, at).unwrap_or(0) as usize;
            let word = Beginning::word(self.strings.get(begin..).unwrap_or_default());
            for &(slot, beginning) in asked {
                if beginning.fits(word)
                    && found[slot].is_none()
                    && self.is_named(at, wanted[slot].1)
                {
                    found[slot] = u32::try_from(id).ok();
                }
            }
        }
        found
    }

    fn is_named(&self, at: usize, name: &str) -> bool {
        let begin = u32_at(self.types, at).unwrap_or(0) as usize;
        let end = begin.saturating_add(name.len());
        self.strings.get(begin..end) == Some(name.as_bytes()) && self.strings.get(end) == Some(&0)
    }

    fn at(&self, id: u32) -> Option<usize> {
        (id != 0).then_some(())?;
        self.starts.get(id as usize).map(|&at| at as usize)
    }

    /// Byte offset and type of a member, looked for in anonymous members too. Bit fields have
    /// no byte offset.
    fn member(&self, id: u32, name: &str, depth: u32) -> Option<(u32, u32)> {
        // The anonymous members of vm_fault are const.
        let (at, _) = self.bare(id)?;
        let (kind, vlen) = info(self.types, at)?;
        if depth == 0 || !matches!(kind, KIND_STRUCT | KIND_UNION) {
            return None;
        }
        let has_bit_fields = u32_at(self.types, at + 4)? >> 31 != 0;
        for member in (0..vlen).map(|i| at + HEAD + i * 12) {
            let (kind, place) = (
                u32_at(self.types, member + 4)?,
                u32_at(self.types, member + 8)?,
            );
            let (bits, width) = if has_bit_fields {
                (place & 0xff_ffff, place >> 24)
            } else {
                (place, 0)
            };
            if bits % 8 != 0 || width != 0 {
                continue;
            }
            if self.is_named(member, name) {
                return Some((bits / 8, kind));
            }
            if u32_at(self.types, member)? == 0
                && let Some((inner, kind)) = self.member(kind, name, depth - 1)
            {
                return Some((bits / 8 + inner, kind));
            }
        }
        None
    }

    /// Finds a member as [`Self::member`] does, through members that are structs themselves: `outer.inner`.
    fn path(&self, id: u32, path: &str) -> Option<(u32, u32)> {
        path.split('.').try_fold((0u32, id), |(at, id), name| {
            let (offset, kind) = self.member(id, name, DEPTH)?;
            Some((at.checked_add(offset)?, kind))
        })
    }

    /// A type without the typedefs and qualifiers around it: where it begins, and its kind.
    fn bare(&self, id: u32) -> Option<(usize, u32)> {
        let mut id = id;
        for _ in 0..DEPTH {
            let at = self.at(id)?;
            let (kind, _) = info(self.types, at)?;
            if !matches!(
                kind,
                KIND_TYPEDEF | KIND_VOLATILE | KIND_CONST | KIND_RESTRICT | KIND_TYPE_TAG
            ) {
                return Some((at, kind));
            }
            id = u32_at(self.types, at + 8)?;
        }
        None
    }

    /// Bytes of a type.
    fn size(&self, id: u32) -> Option<u32> {
        let (at, kind) = self.bare(id)?;
        match kind {
            KIND_INT | KIND_STRUCT | KIND_UNION | KIND_ENUM | KIND_ENUM64 => {
                u32_at(self.types, at + 8)
            }
            KIND_PTR => Some(8),
            _ => None,
        }
    }

    /// The places of all fields that the programs read; the first one missing is the error.
    pub(super) fn offsets(&self) -> Result<Offsets, Error> {
        let wanted: Vec<_> = PLACES
            .iter()
            .map(|place| (Kind::Struct, place.owner))
            .collect();
        let owners = self.find(&wanted);
        let mut offsets = [0; FIELDS];
        for (place, owner) in PLACES.iter().zip(owners) {
            let found = owner
                .and_then(|id| self.path(id, place.member))
                .filter(|found| self.size(found.1) == Some(place.width));
            let (offset, _) = found.ok_or(Error::NoField {
                owner: place.owner,
                member: place.member,
                width: place.width,
            })?;
            offsets[place.field as usize] = u64::from(offset);
        }
        Ok(offsets)
    }
}

/// Type information that has types of these kinds, names and ids; all other ids are pointers.
pub(super) fn only(types: &[(Kind, String, u32)]) -> Vec<u8> {
    let last = types.iter().map(|(_, _, id)| *id).max().unwrap_or(0);
    let head = |name: u32, kind: u32| [name, kind << 24, 0].map(u32::to_ne_bytes);
    let mut heads = head(0, KIND_PTR).as_flattened().repeat(last as usize);
    let mut strings = vec![0];
    for (kind, name, id) in types {
        // Type 0 is void, which is not written down.
        let at = (*id as usize).checked_sub(1);
        if let Some(place) = at.and_then(|at| heads.chunks_exact_mut(HEAD).nth(at)) {
            place.copy_from_slice(head(length(&strings), kind.number()).as_flattened());
            strings.extend(name.as_bytes());
            strings.push(0);
        }
    }
    let mut bytes = MAGIC.to_ne_bytes().to_vec();
    bytes.extend([1, 0]);
    let header = [
        HEADER_LEN,
        0,
        length(&heads),
        length(&heads),
        length(&strings),
    ];
    bytes.extend(header.into_iter().flat_map(u32::to_ne_bytes));
    bytes.extend(heads);
    bytes.extend(strings);
    bytes
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

/// The first bytes of a name and of its end, to compare at once.
#[derive(Clone, Copy)]
struct Beginning {
    word: u64,
    mask: u64,
}

impl Beginning {
    fn of(name: &str) -> Self {
        // With the zero that ends it.
        let len = name.len().saturating_add(1).min(8);
        Self {
            word: Self::word(name.as_bytes()),
            mask: u64::MAX >> (64 - 8 * len),
        }
    }

    /// Eight bytes; those that are missing are zero.
    fn word(bytes: &[u8]) -> u64 {
        if let Some(eight) = bytes.first_chunk() {
            return u64::from_le_bytes(*eight);
        }
        let mut eight = [0; 8];
        eight[..bytes.len()].copy_from_slice(bytes);
        u64::from_le_bytes(eight)
    }

    fn fits(self, word: u64) -> bool {
        word & self.mask == self.word
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let word = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_ne_bytes(word.try_into().ok()?))
}

/// Kind and number of members of the type that begins at `at`.
fn info(types: &[u8], at: usize) -> Option<(u32, usize)> {
    let head: &[u8; HEAD] = types.get(at..)?.first_chunk()?;
    let info = u32_at(head, 4)?;
    Some((info >> 24 & 0x1f, (info & 0xffff) as usize))
}

/// Bytes that follow a type's head.
fn tail(kind: u32, vlen: usize) -> Option<usize> {
    Some(match kind {
        KIND_INT | KIND_VAR | KIND_DECL_TAG => 4,
        KIND_ARRAY => 12,
        KIND_STRUCT | KIND_UNION | KIND_DATASEC | KIND_ENUM64 => vlen * 12,
        KIND_ENUM | KIND_FUNC_PROTO => vlen * 8,
        // Pointer, forward, typedef, qualifiers, function, float, type tag.
        KIND_PTR | 7..=KIND_FUNC | 16 | KIND_TYPE_TAG => 0,
        _ => return None,
    })
}

#[cfg(test)]
#[path = "btf/tests.rs"]
mod tests;
