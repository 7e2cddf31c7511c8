//! Loads the object with what this kernel is like, and attaches what the plan says.

use std::{fs, path::Path};

use aya::{
    Btf as AyaBtf, Ebpf, EbpfLoader,
    programs::{BtfTracePoint, FExit, Program, ProgramError, ProgramFd, RawTracePoint},
};
use famfs_common::{
    keys::MAX_CPUS,
    probe::{Attach, Info},
};

use super::{
    Drain, Error, Events, Health,
    btf::{Btf, Kind},
    plan::{Kernel, Step, plan},
    privilege,
};

#[cfg(famfs_bpf)]
static OBJECT: &[u8] = aya::include_bytes_aligned!(env!("FAMFS_BPF_OBJECT_PATH"));
#[cfg(not(famfs_bpf))]
static OBJECT: &[u8] = &[];

pub(super) const VMLINUX: &str = "/sys/kernel/btf/vmlinux";
const MODULE: &str = "/sys/module/famfs";

/// `s_magic` of famfs: ours, and the two of the earlier ones.
const MAGICS: [u64; 3] = [0x87b2_82fe, 0x87b2_82ff, 0x87b2_82fd];

/// What to watch.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Every file system with DAX mappings, not only famfs.
    pub all_dax: bool,
}

/// The programs in the kernel; dropping it takes them out.
pub(crate) struct Attached {
    ebpf: Ebpf,
    pub(crate) health: Vec<Health>,
    pub(crate) drain: Drain,
    pub(crate) events: Events,
}

impl Attached {
    /// Loads and attaches everything that this kernel has a place for.
    pub(crate) fn new(options: Options) -> Result<Self, Error> {
        if OBJECT.is_empty() {
            return Err(Error::NoObject);
        }
        privilege::check()?;
        let bytes = fs::read(VMLINUX).map_err(|source| Error::NoBtf {
            path: VMLINUX,
            source,
        })?;
        let btf = Btf::parse(&bytes)?;
        let offsets = btf.offsets()?;
        let steps = plan(&Here::ask(&btf))?;
        let cpus = possible_cpus()?;
        let mut ebpf = EbpfLoader::new()
            .override_global("OFFSETS", &offsets, true)
            .override_global("MAGICS", &MAGICS, true)
            .override_global("ALL_DAX", &u32::from(options.all_dax), true)
            .override_global("NAMES", &u32::from(!is_locked_down()), true)
            .map_max_entries("CPUS", cpus)
            .load(OBJECT)
            .map_err(Error::Object)?;
        let types = AyaBtf::from_sys_fs().map_err(|e| Error::Object(e.into()))?;
        let drain = Drain::new(&mut ebpf)?;
        let events = Events::new(&mut ebpf)?;
        let mut attached = Self {
            ebpf,
            health: Vec::new(),
            drain,
            events,
        };
        // Entries come before exits in the table: a fault in between has a start and no end,
        // which its task's next fault finds; the other way round it would be untimed.
        for Step { info, problem } in steps {
            let health = match problem {
                Some(problem) => {
                    attached.prepare(info);
                    Health::missing(info, problem)
                }
                None => attached.attach(info, &types)?,
            };
            attached.health.push(health);
        }
        Ok(attached)
    }

    fn attach(&mut self, info: &'static Info, types: &AyaBtf) -> Result<Health, Error> {
        match self.try_attach(info, types) {
            Ok(fd) => Ok(Health::attached(info, fd)),
            Err(error) if info.required => Err(error),
            Err(error) => Ok(Health::missing(info, error.to_string())),
        }
    }

    fn try_attach(
        &mut self,
        info: &'static Info,
        types: &AyaBtf,
    ) -> Result<Option<ProgramFd>, Error> {
        let failed = |action| {
            move |source: ProgramError| Error::Program {
                action,
                program: info.program,
                target: info.target,
                source: Box::new(source),
            }
        };
        let program = self
            .ebpf
            .program_mut(info.program)
            .ok_or_else(|| Error::Map {
                map: info.program,
                why: "no such program in the object".to_owned(),
            })?;
        let of_kind = failed("use");
        match info.attach {
            Attach::TpBtf => {
                let program: &mut BtfTracePoint = program.try_into().map_err(of_kind)?;
                program.load(info.target, types).map_err(failed("load"))?;
                program.attach().map_err(failed("attach"))?;
            }
            Attach::FExit => {
                let program: &mut FExit = program.try_into().map_err(of_kind)?;
                program.load(info.target, types).map_err(failed("load"))?;
                program.attach().map_err(failed("attach"))?;
            }
            Attach::RawTp => {
                let program: &mut RawTracePoint = program.try_into().map_err(of_kind)?;
                program.load().map_err(failed("load"))?;
                program.attach(info.target).map_err(failed("attach"))?;
            }
        }
        Ok(self.ebpf.program(info.program).and_then(clone_fd))
    }

    /// Loads what may be attached later, when this process has no privileges any more. If that
    /// fails, attaching will say why.
    fn prepare(&mut self, info: &Info) {
        if let Some(Program::RawTracePoint(program)) = self.ebpf.program_mut(info.program) {
            let _ = program.load();
        }
    }

    /// Attaches to the famfs module if it was loaded since. Attached, it stays: the tracepoint
    /// pins the module.
    pub(crate) fn follow_module(&mut self) {
        for health in &mut self.health {
            let is_module = health.info.attach == Attach::RawTp;
            if !is_module || health.problem.is_none() || !Path::new(MODULE).exists() {
                continue;
            }
            let Some(Program::RawTracePoint(program)) = self.ebpf.program_mut(health.info.program)
            else {
                continue;
            };
            // It may have been loaded when an earlier attempt to attach failed.
            let _already = program.load();
            match program.attach(health.info.target) {
                Ok(_) => {
                    let fd = program.fd().ok().and_then(|fd| fd.try_clone().ok());
                    *health = Health::attached(health.info, fd);
                }
                Err(error) => health.problem = Some(error.to_string()),
            }
        }
    }
}

fn clone_fd(program: &Program) -> Option<ProgramFd> {
    program.fd().ok().and_then(|fd| fd.try_clone().ok())
}

/// The running kernel's answers, asked in one pass over its types.
struct Here {
    tracepoints: Vec<&'static str>,
    functions: Vec<&'static str>,
}

impl Here {
    fn ask(btf: &Btf<'_>) -> Self {
        let named = |attach: Attach| {
            famfs_common::probe::TABLE
                .iter()
                .filter(move |info| info.attach == attach)
        };
        let tracepoints: Vec<_> = named(Attach::TpBtf)
            .map(|info| (info.target, format!("btf_trace_{}", info.target)))
            .collect();
        let functions: Vec<_> = named(Attach::FExit).map(|info| info.target).collect();
        let wanted: Vec<_> = tracepoints
            .iter()
            .map(|(_, name)| (Kind::Typedef, name.as_str()))
            .chain(functions.iter().map(|&name| (Kind::Func, name)))
            .collect();
        let found = btf.find(&wanted);
        let targets = tracepoints
            .iter()
            .map(|&(target, _)| target)
            .chain(functions.clone());
        let mut here = Self {
            tracepoints: Vec::new(),
            functions: Vec::new(),
        };
        for ((target, (kind, _)), id) in targets.zip(&wanted).zip(found) {
            match (id, kind) {
                (None, _) => {}
                (Some(_), Kind::Func) => here.functions.push(target),
                (Some(_), _) => here.tracepoints.push(target),
            }
        }
        here
    }
}

impl Kernel for Here {
    fn has_tracepoint(&self, name: &str) -> bool {
        self.tracepoints.contains(&name)
    }

    fn has_function(&self, name: &str) -> bool {
        self.functions.contains(&name)
    }

    fn has_famfs_event(&self, _name: &str) -> bool {
        Path::new(MODULE).exists()
    }
}

fn possible_cpus() -> Result<u32, Error> {
    let possible = aya::util::nr_cpus().map_err(|(path, source)| Error::Read {
        path: path.to_owned(),
        source,
    })?;
    u32::try_from(possible)
        .ok()
        .filter(|&cpus| cpus <= MAX_CPUS)
        .ok_or(Error::TooManyCpus {
            possible,
            most: MAX_CPUS,
        })
}

/// A kernel locked down for confidentiality refuses to load programs that copy kernel strings.
fn is_locked_down() -> bool {
    fs::read_to_string("/sys/kernel/security/lockdown")
        .is_ok_and(|state| state.contains("[confidentiality]"))
}
