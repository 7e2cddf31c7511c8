//! Loads the object with what this kernel is like, and attaches what the plan says.

use std::{
    fs,
    os::fd::{AsFd as _, AsRawFd as _, RawFd},
    path::Path,
};

use aya::{
    Btf as AyaBtf, Ebpf, EbpfLoader,
    maps::{Map, MapData},
    programs::{
        BtfTracePoint, FEntry, FExit, KProbe, Program, ProgramError, ProgramFd, RawTracePoint,
    },
};
use famfs_cli::env;
use famfs_common::{
    keys::{MAX_CPUS, Memory, Starts},
    probe::{Attach, BY_PROCESS, Hook, Info, Way},
};

use super::{
    Drain, Error, Events, Health, Processes,
    btf::Btf,
    here::Here,
    mapped::Shared,
    patch,
    plan::{Step, plan},
    privilege,
};

#[cfg(famfs_bpf)]
static OBJECT: &[u8] = aya::include_bytes_aligned!(env!("FAMFS_BPF_OBJECT_PATH"));
#[cfg(not(famfs_bpf))]
static OBJECT: &[u8] = &[];

pub(super) const VMLINUX: &str = "/sys/kernel/btf/vmlinux";
pub(super) const MODULE: &str = "/sys/module/famfs";

/// Pairs of process and file that are counted apart, when that is asked for.
const MOST_PROCESSES: u32 = 16_384;

/// What to watch.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Every file system with DAX mappings, not only famfs.
    pub all_dax: bool,
    /// Count faults by process too, which makes every fault more expensive.
    pub processes: bool,
    /// Have the kernel take the time of every program, which needs `CAP_SYS_ADMIN` and makes every
    /// program on the machine more expensive.
    pub run_stats: bool,
}

/// The programs in the kernel; dropping it takes them out.
pub(crate) struct Attached {
    ebpf: Ebpf,
    pub(crate) health: Vec<Health>,
    pub(crate) drain: Drain,
    pub(crate) events: Events,
    /// If they are counted.
    pub(crate) processes: Option<Processes>,
    /// Kernel memory of all maps.
    pub(crate) map_bytes: u64,
    options: Options,
    /// While it is open the kernel takes the time of programs.
    _run_stats: Option<std::os::fd::OwnedFd>,
}

impl Attached {
    /// Loads and attaches everything that this kernel has a place for.
    pub(crate) fn new(options: Options) -> Result<Self, Error> {
        privilege::check(options.run_stats)?;
        if OBJECT.is_empty() {
            return Err(Error::NoObject);
        }
        let bytes = fs::read(VMLINUX).map_err(|source| Error::NoBtf {
            path: VMLINUX,
            source,
        })?;
        let btf = Btf::parse(&bytes)?;
        let offsets = btf.offsets()?;
        let here = Here::ask(&btf);
        let steps = plan(&here, &avoided())?;
        let cpus = possible_cpus()?;
        let memory = create_memory("MEMORY", const { value_size::<Memory>() })?;
        let starts = create_memory("STARTS", const { value_size::<Starts>() })?;
        let mut object = OBJECT.to_vec();
        patch::fields(&mut object, &offsets)?;
        patch::address(&mut object, "MEMORY", memory.fd().as_fd().as_raw_fd())?;
        patch::address(&mut object, "STARTS", starts.fd().as_fd().as_raw_fd())?;
        let types = here.types().map_err(|e| Error::Object(e.into()))?;
        let mut ebpf = EbpfLoader::new()
            .btf(Some(&types))
            .override_global("OFFSETS", &offsets, true)
            .override_global("ALL_DAX", &u32::from(options.all_dax), true)
            .override_global("NAMES", &u32::from(!is_locked_down()), true)
            .map_max_entries("CPUS", cpus)
            .map_max_entries(
                "PROCESSES",
                if options.processes { MOST_PROCESSES } else { 1 },
            )
            .load(&object)
            .map_err(Error::Object)?;
        let map_bytes = map_bytes(&ebpf, &[&memory, &starts]);
        let memory = Shared::new("MEMORY", memory)?;
        let drain = Drain::new(&mut ebpf, &memory)?;
        let events = Events::new(&mut ebpf)?;
        let processes = options
            .processes
            .then(|| Processes::new(&mut ebpf))
            .transpose()?;
        let run_stats = if options.run_stats {
            let enabled = aya::sys::enable_stats(aya::sys::Stats::RunTime);
            Some(enabled.map_err(|source| Error::RunStats(source.io_error))?)
        } else {
            None
        };
        let mut attached = Self {
            ebpf,
            health: Vec::new(),
            drain,
            events,
            processes,
            map_bytes,
            options,
            _run_stats: run_stats,
        };
        for step in steps {
            let health = attached.attach(step, &types)?;
            attached.health.push(health);
        }
        Ok(attached)
    }

    /// Tries one way after the other.
    fn attach(&mut self, step: Step, types: &AyaBtf) -> Result<Health, Error> {
        let Step {
            info,
            ways,
            mut problem,
        } = step;
        for way in ways {
            match self.try_attach(info, way, types) {
                Ok(fd) => return Ok(Health::attached(info, way, fd)),
                Err(error) if info.required => return Err(error),
                Err(error) => problem = Some(error.to_string()),
            }
        }
        if info.of_module {
            self.prepare(info);
        }
        Ok(Health::missing(info, problem.unwrap_or_default()))
    }

    fn try_attach(
        &mut self,
        info: &'static Info,
        way: Way,
        types: &AyaBtf,
    ) -> Result<Option<ProgramFd>, Error> {
        let failed = |action| {
            move |source: ProgramError| Error::Program {
                action,
                program: way.program,
                target: info.target,
                source: Box::new(source),
            }
        };
        let name = self.program(info, way);
        let program = self.ebpf.program_mut(&name).ok_or_else(|| Error::Map {
            map: way.program,
            why: "no such program in the object".to_owned(),
        })?;
        let of_kind = failed("use");
        match way.attach {
            Attach::TpBtf => {
                let program: &mut BtfTracePoint = program.try_into().map_err(of_kind)?;
                program.load(info.target, types).map_err(failed("load"))?;
                program.attach().map_err(failed("attach"))?;
            }
            Attach::FEntry => {
                let program: &mut FEntry = program.try_into().map_err(of_kind)?;
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
            Attach::KProbe => {
                let program: &mut KProbe = program.try_into().map_err(of_kind)?;
                program.load().map_err(failed("load"))?;
                program.attach(info.target, 0).map_err(failed("attach"))?;
            }
        }
        Ok(self.ebpf.program(&name).and_then(clone_fd))
    }

    /// The program for a hook: ends of faults have one that counts by process too.
    fn program(&self, info: &Info, way: Way) -> String {
        let by_process =
            self.options.processes && matches!(info.hook, Hook::PteExit | Hook::PmdExit);
        let suffix = if by_process { BY_PROCESS } else { "" };
        format!("{}{suffix}", way.program)
    }

    /// Loads what may be attached later, when this process has no privileges any more. If that
    /// fails, attaching will say why.
    fn prepare(&mut self, info: &Info) {
        let program = self.ebpf.program_mut(info.ways[0].program);
        if let Some(Program::RawTracePoint(program)) = program {
            let _ = program.load();
        }
    }

    /// Attaches to the famfs module if it was loaded since. Attached, it stays: the tracepoints
    /// pin the module.
    pub(crate) fn follow_module(&mut self) {
        let is_waiting = |health: &Health| health.info.of_module && health.problem.is_some();
        if !self.health.iter().any(is_waiting) || !Path::new(MODULE).exists() {
            return;
        }
        for health in self.health.iter_mut().filter(|health| is_waiting(health)) {
            let way = health.info.ways[0];
            let Some(Program::RawTracePoint(program)) = self.ebpf.program_mut(way.program) else {
                continue;
            };
            // It may have been loaded when an earlier attempt to attach failed.
            let _already = program.load();
            match program.attach(health.info.target) {
                Ok(_) => {
                    let fd = program.fd().ok().and_then(|fd| fd.try_clone().ok());
                    *health = Health::attached(health.info, way, fd);
                }
                Err(error) => health.problem = Some(error.to_string()),
            }
        }
    }
}

fn clone_fd(program: &Program) -> Option<ProgramFd> {
    program.fd().ok().and_then(|fd| fd.try_clone().ok())
}

/// Bytes of a value, as maps count them.
#[expect(clippy::cast_possible_truncation, reason = "asserted")]
const fn value_size<T>() -> u32 {
    assert!(size_of::<T>() < i32::MAX as usize);
    size_of::<T>() as u32
}

/// An array map of one value that user space can map.
fn create_memory(name: &'static str, size: u32) -> Result<MapData, Error> {
    const ARRAY: u32 = aya_obj::generated::bpf_map_type::BPF_MAP_TYPE_ARRAY as u32;
    const MMAPABLE: u32 = aya_obj::generated::BPF_F_MMAPABLE;
    let map = aya_obj::Map::new_from_params(ARRAY, 4, size, 1, MMAPABLE);
    MapData::create(map, name, None).map_err(|error| Error::Object(error.into()))
}

/// Takes a map that aya has no better type for out of the object.
pub(super) fn take_data(ebpf: &mut Ebpf, name: &'static str) -> Result<MapData, Error> {
    let failed = |why: &str| Error::Map {
        map: name,
        why: why.to_owned(),
    };
    match ebpf.take_map(name) {
        Some(Map::Array(map) | Map::RingBuf(map)) => Ok(map),
        Some(_) => Err(failed("of another type")),
        None => Err(failed("not in the object")),
    }
}

/// Kernel memory of the object's maps and of `ours`, as the kernel accounts for it.
fn map_bytes(ebpf: &Ebpf, ours: &[&MapData]) -> u64 {
    let of = |map: &MapData| {
        let fd: RawFd = map.fd().as_fd().as_raw_fd();
        let info = fs::read_to_string(format!("/proc/self/fdinfo/{fd}")).unwrap_or_default();
        super::health::number(&info, "memlock:").unwrap_or_default()
    };
    let maps = ebpf.maps().map(|(_, map)| match map {
        Map::Array(map) | Map::RingBuf(map) | Map::HashMap(map) | Map::LruHashMap(map) => of(map),
        _ => 0,
    });
    maps.chain(ours.iter().copied().map(of)).sum()
}

/// The kinds that the environment says not to use.
fn avoided() -> Vec<Attach> {
    let names = env::AVOID.text().unwrap_or_default();
    [
        Attach::TpBtf,
        Attach::FEntry,
        Attach::FExit,
        Attach::RawTp,
        Attach::KProbe,
    ]
    .into_iter()
    .filter(|kind| names.split_whitespace().any(|name| name == kind.name()))
    .collect()
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
