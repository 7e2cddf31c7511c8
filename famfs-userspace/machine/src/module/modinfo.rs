//! What a module's file says of itself: bytes in, no I/O.

use object::{Architecture, Object as _, ObjectKind, ObjectSection as _, ObjectSymbol as _};

/// A signed module ends with these bytes.
const SIGNED: &[u8] = b"~Module signature appended~\n";

/// The fields of a module's `.modinfo`, and what its symbol table lacks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModInfo {
    pub name: String,
    pub version: String,
    /// A digest of the sources, made by the build.
    pub srcversion: String,
    /// The kernel release it was built for, and the options that must agree.
    pub vermagic: String,
    /// Modules that must be loaded before it.
    pub depends: Vec<String>,
    pub signed: bool,
    /// Symbols that the kernel or another module has to export.
    pub undefined: Vec<String>,
}

impl ModInfo {
    /// The kernel release it was built for: the first word of its version magic.
    pub fn release(&self) -> &str {
        self.vermagic.split(' ').next().unwrap_or_default()
    }
}

/// Reads an uncompressed module.
///
/// # Errors
///
/// Says in a few words why the bytes are no module of this machine.
pub fn parse(bytes: &[u8]) -> Result<ModInfo, &'static str> {
    let file =
        object::File::parse(bytes).map_err(|_error| "it is no ELF file, or a damaged one")?;
    if file.kind() != ObjectKind::Relocatable {
        return Err("it is an ELF file, but no kernel module");
    }
    if file.architecture() != Architecture::X86_64 {
        return Err("it is built for another architecture");
    }
    let section = file
        .section_by_name(".modinfo")
        .and_then(|section| section.data().ok())
        .ok_or("it is an ELF object without .modinfo, so no kernel module")?;
    let mut info = ModInfo {
        signed: bytes.ends_with(SIGNED),
        ..ModInfo::default()
    };
    for field in section.split(|byte| *byte == 0) {
        let text = String::from_utf8_lossy(field);
        let Some((key, value)) = text.split_once('=') else {
            continue;
        };
        match key {
            "name" => value.clone_into(&mut info.name),
            "version" => value.clone_into(&mut info.version),
            "srcversion" => value.clone_into(&mut info.srcversion),
            "vermagic" => value.trim_end().clone_into(&mut info.vermagic),
            "depends" => {
                let names = value.split(',').filter(|name| !name.is_empty());
                info.depends = names.map(str::to_owned).collect();
            }
            _ => {}
        }
    }
    info.undefined = file
        .symbols()
        .filter(object::ObjectSymbol::is_undefined)
        .filter_map(|symbol| symbol.name().ok().map(str::to_owned))
        .filter(|name| !name.is_empty())
        .collect();
    if info.name.is_empty() {
        return Err("its .modinfo names no module");
    }
    Ok(info)
}

#[cfg(test)]
pub(crate) mod tests {
    use object::write::{Object, Symbol, SymbolSection};
    use object::{BinaryFormat, Endianness, SectionKind, SymbolFlags, SymbolKind, SymbolScope};

    use super::*;

    /// A relocatable object with this `.modinfo` and one undefined symbol.
    fn object(architecture: Architecture, modinfo: &[u8]) -> Vec<u8> {
        let mut object = Object::new(BinaryFormat::Elf, architecture, Endianness::Little);
        let section = object.add_section(Vec::new(), b".modinfo".to_vec(), SectionKind::Data);
        object.append_section_data(section, modinfo, 1);
        object.add_symbol(Symbol {
            name: b"dax_iomap_fault".to_vec(),
            value: 0,
            size: 0,
            kind: SymbolKind::Text,
            scope: SymbolScope::Unknown,
            weak: false,
            section: SymbolSection::Undefined,
            flags: SymbolFlags::None,
        });
        object.write().unwrap()
    }

    const MODINFO: &[u8] = b"version=0.1.0\0srcversion=ABC\0depends=dax,libnvdimm\0name=famfs\0\
                             vermagic=6.12.95+deb12-amd64 SMP preempt mod_unload modversions \0";

    #[test]
    fn the_fields_are_read() {
        let info = parse(&object(Architecture::X86_64, MODINFO)).unwrap();
        assert_eq!(info.name, "famfs");
        assert_eq!(info.version, "0.1.0");
        assert_eq!(info.srcversion, "ABC");
        assert_eq!(info.release(), "6.12.95+deb12-amd64");
        assert_eq!(info.depends, ["dax", "libnvdimm"]);
        assert_eq!(info.undefined, ["dax_iomap_fault"]);
        assert!(!info.signed);
    }

    #[test]
    fn a_signature_is_seen() {
        let mut bytes = object(Architecture::X86_64, MODINFO);
        bytes.extend(SIGNED);
        assert!(parse(&bytes).unwrap().signed);
    }

    #[test]
    fn what_is_no_module_is_refused_in_words() {
        let other = object(Architecture::Aarch64, MODINFO);
        assert_eq!(parse(&other), Err("it is built for another architecture"));
        assert!(parse(b"").is_err());
        assert!(parse(b"\x7fELF").is_err());
        assert!(parse(&object(Architecture::X86_64, b"license=GPL\0")).is_err());
        let whole = object(Architecture::X86_64, MODINFO);
        for end in 0..whole.len() {
            let _ = parse(&whole[..end]);
        }
    }

    #[test]
    fn no_flipped_byte_is_a_panic() {
        let whole = object(Architecture::X86_64, MODINFO);
        for at in 0..whole.len() {
            for bit in [0, 7] {
                let mut bytes = whole.clone();
                bytes[at] ^= 1 << bit;
                let _ = parse(&bytes);
            }
        }
    }
}
