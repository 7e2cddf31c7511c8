//! What the kernel itself says about a module, from its log.

use std::fs::File;
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::OpenOptionsExt as _;

/// A record is at most this long, or the kernel refuses to give it.
const RECORD: usize = 8192;

/// The kernel's log from a moment on.
#[derive(Debug)]
pub struct Listener(Option<File>);

impl Listener {
    /// Listens from now on. Without permission it hears nothing.
    pub fn start() -> Self {
        let open = || {
            let mut file = File::options()
                .read(true)
                .custom_flags(libc::O_NONBLOCK)
                .open("/dev/kmsg")?;
            file.seek(SeekFrom::End(0))?;
            std::io::Result::Ok(file)
        };
        Self(open().ok())
    }

    /// The lines since then that are about our module or about loading.
    pub fn heard(mut self) -> Vec<String> {
        let Some(file) = &mut self.0 else {
            return Vec::new();
        };
        let mut lines = Vec::new();
        let mut buffer = vec![0; RECORD];
        // Bounded: a log that grows faster than it is read must not keep us.
        for _ in 0..10_000 {
            match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => lines.extend(about_us(&buffer[..n])),
                // Overtaken by the writer: the next read starts at the oldest record.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        lines
    }
}

/// The text of a record `PRIORITY,SEQUENCE,TIME,FLAGS;TEXT`, if it concerns us.
fn about_us(record: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(record);
    let (_, text) = text.split_once(';')?;
    let line = text.lines().next()?;
    let ours = [
        "famfs:",
        "Loading of ",
        "Lockdown:",
        "BPF:",
        "module ",
        "Module ",
    ]
    .iter()
    .any(|start| line.starts_with(start));
    ours.then(|| line.to_owned())
}

/// The symbols that the kernel said it lacks, once each.
pub fn unknown_symbols(heard: &[String]) -> Vec<&str> {
    let mut symbols: Vec<&str> = heard
        .iter()
        .filter_map(|line| line.split_once("Unknown symbol ")?.1.split(' ').next())
        .collect();
    symbols.sort_unstable();
    symbols.dedup();
    symbols
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_about_a_module_is_kept() {
        let record = b"4,339,5140900,-;famfs: Unknown symbol fs_dax_get (err -2)\n SUBSYSTEM=x\n";
        let line = "famfs: Unknown symbol fs_dax_get (err -2)";
        assert_eq!(about_us(record).as_deref(), Some(line));
        let record = b"5,1,1,-;Loading of unsigned module is rejected\n";
        assert!(about_us(record).is_some());
        for record in [
            &b"6,1,1,-;eth0: link up\n"[..],
            b"",
            b"famfs: x",
            b"\xff;\xfe",
        ] {
            assert_eq!(about_us(record), None, "{record:?}");
        }
    }

    #[test]
    fn symbols_are_named_once() {
        let heard = [
            "famfs: Unknown symbol b (err -2)",
            "famfs: Unknown symbol a (err -2)",
            "famfs: Unknown symbol b (err -2)",
            "famfs: something else",
        ]
        .map(str::to_owned);
        assert_eq!(unknown_symbols(&heard), ["a", "b"]);
    }
}
