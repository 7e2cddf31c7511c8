//! What a debugging kernel's leak detector finds when the command has ended.
//!
//! Each leak becomes one line of the kernel's log, where the host judges it.

use std::{fs, io::Write as _, thread, time::Duration};

const KMEMLEAK: &str = "/sys/kernel/debug/kmemleak";

/// An allocation is no leak before it is this old (the kernel's rule is five seconds).
const AGE: Duration = Duration::from_secs(6);

/// Stack frames that one line names.
const FRAMES: usize = 8;

/// Looks for leaks where the kernel can. Two scans: the first finds pointers that were on the
/// move, the second confirms.
pub(crate) fn report() {
    if !fs::exists(KMEMLEAK).unwrap_or(false) {
        return;
    }
    thread::sleep(AGE);
    for _ in 0..2 {
        if let Err(error) = fs::write(KMEMLEAK, "scan") {
            say(&format!("leak: cannot scan for leaks: {error}"));
            return;
        }
    }
    match fs::read_to_string(KMEMLEAK) {
        Ok(text) => {
            let leaks = parse(&text);
            for leak in &leaks {
                say(leak);
            }
            say(&format!("{} leaks", leaks.len()));
        }
        Err(error) => say(&format!("leak: cannot read the leaks: {error}")),
    }
}

/// A line of the kernel's log, loud enough for the console.
fn say(line: &str) {
    let log = fs::File::options().write(true).open("/dev/kmsg");
    let _ = log.and_then(|mut log| log.write_all(format!("<4>kmemleak: {line}").as_bytes()));
}

/// One line for each `unreferenced object`: its size, who allocated it, and through what.
fn parse(text: &str) -> Vec<String> {
    let mut leaks = Vec::new();
    for part in text.split("unreferenced object ").skip(1) {
        let between = |start: &str, end: &str| {
            let rest = part.split_once(start)?.1;
            Some(rest.split_once(end)?.0.to_owned())
        };
        let size = between("(size ", ")").unwrap_or_default();
        let command = between("comm \"", "\"").unwrap_or_default();
        let frames: Vec<&str> = part
            .split_once("backtrace")
            .map_or("", |(_, rest)| rest)
            .lines()
            .skip(1)
            .filter_map(|line| line.split_whitespace().find(|word| word.contains("+0x")))
            .filter_map(|word| word.split('+').next())
            .take(FRAMES)
            .collect();
        leaks.push(format!(
            "leak: {size} bytes of {command}: {}",
            frames.join(" < ")
        ));
    }
    leaks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_leak_is_one_line_with_its_functions() {
        let text = "\
unreferenced object 0xffff888107f4a000 (size 64):
  comm \"famfs\", pid 77, jiffies 4294899999
  hex dump (first 32 bytes):
    00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  ................
  backtrace (crc 0):
    kmemleak_alloc+0x48/0x90
    __kmalloc_noprof+0x2a0/0x3d0
    famfs_map_new+0x33/0x120 [famfs]
unreferenced object 0xffff888107f4b000 (size 8):
  comm \"swapper/0\", pid 1, jiffies 4294667296
  backtrace (crc 1):
    [<00000000aa>] kstrdup+0x3a/0x70
";
        assert_eq!(
            parse(text),
            [
                "leak: 64 bytes of famfs: kmemleak_alloc < __kmalloc_noprof < famfs_map_new",
                "leak: 8 bytes of swapper/0: kstrdup",
            ]
        );
        assert!(parse("").is_empty());
        assert_eq!(parse("unreferenced object ").len(), 1);
    }
}
