//! What the running kernel offers to attach to, by its own types.

use std::path::Path;

use aya::Btf as AyaBtf;
use aya_obj::btf::BtfError;
use famfs_common::probe::{Attach, TABLE};

use super::{
    attach::MODULE,
    btf::{Btf, Kind, only},
    plan::Kernel,
};

/// The running kernel's answers, asked in one pass over its types.
pub(super) struct Here {
    tracepoints: Vec<(&'static str, u32)>,
    functions: Vec<(&'static str, u32)>,
}

impl Here {
    pub(super) fn ask(btf: &Btf<'_>) -> Self {
        let named = |wanted: &'static [Attach]| -> Vec<&'static str> {
            let of_kind = move |way: &&famfs_common::probe::Info| {
                way.ways.iter().any(|w| wanted.contains(&w.attach))
            };
            TABLE
                .iter()
                .filter(of_kind)
                .map(|info| info.target)
                .collect()
        };
        let tracepoints = named(&[Attach::TpBtf]);
        let functions = named(&[Attach::FEntry, Attach::FExit]);
        let types: Vec<_> = tracepoints.iter().map(|target| type_of(target)).collect();
        let wanted: Vec<_> = (types.iter().map(|name| (Kind::Typedef, name.as_str())))
            .chain(functions.iter().map(|&name| (Kind::Func, name)))
            .collect();
        let mut found = btf.find(&wanted).into_iter();
        let mut with_id = |targets: Vec<&'static str>| {
            let ids = found.by_ref().take(targets.len());
            (targets.into_iter().zip(ids))
                .filter_map(|(target, id)| Some((target, id?)))
                .collect()
        };
        Self {
            tracepoints: with_id(tracepoints),
            functions: with_id(functions),
        }
    }

    /// The kernel's types for aya, which wants all of them and asks for the ids of these only: with
    /// nothing else in it, it is parsed and searched for a fraction of the instructions.
    pub(super) fn types(&self) -> Result<AyaBtf, BtfError> {
        let types: Vec<_> = (self.tracepoints.iter())
            .map(|(target, id)| (Kind::Typedef, type_of(target), *id))
            .chain(
                self.functions
                    .iter()
                    .map(|(target, id)| (Kind::Func, (*target).to_owned(), *id)),
            )
            .collect();
        AyaBtf::parse(&only(&types), aya::Endianness::default())
    }
}

/// The type by which BPF programs know a tracepoint.
fn type_of(tracepoint: &str) -> String {
    format!("btf_trace_{tracepoint}")
}

impl Kernel for Here {
    fn has_tracepoint(&self, name: &str) -> bool {
        self.tracepoints.iter().any(|(target, _)| *target == name)
    }

    fn has_function(&self, name: &str) -> bool {
        self.functions.iter().any(|(target, _)| *target == name)
    }

    fn has_famfs(&self) -> bool {
        Path::new(MODULE).exists()
    }
}
