//! What `cargo xtask lab` promises about streams, exit status, the shared folder and the
//! kernel's complaints: a boot for each, and what must come of it.

use super::boot::Boot;

/// Returns the boots that show the lab's promises.
pub(crate) fn all() -> Vec<Boot> {
    [
        Boot {
            share: true,
            ..promise(
                "streams, exit status and a shared folder are the command's",
                &[],
                "cd /share; cat 'in, put'; echo from the guest > 'out, put'; echo err >&2; exit 7",
                (7, "from the host\n"),
            )
        },
        promise(
            "a kernel complaint fails the run",
            &[],
            "echo '<4>WARNING: CPU: 0 at test' > /dev/kmsg; echo done",
            (125, "done\n"),
        ),
        promise(
            "a crashed kernel fails the run",
            &[],
            "sleep 1; echo c > /proc/sysrq-trigger; sleep 60",
            (125, ""),
        ),
        promise(
            "the timeout ends a guest",
            &["--timeout", "12"],
            "sleep 600",
            (124, ""),
        ),
        promise(
            "two hosts run a command at once",
            &["--hosts", "lts,current", "--size", "256M"],
            "echo it is $FAMFS_HOST; exit $((FAMFS_HOST + 2))",
            (3, "1| it is 1\n2| it is 2\n"),
        ),
        promise(
            "the timeout ends two hosts",
            &["--hosts", "current,lts", "--size", "256M", "--timeout", "2"],
            "sleep 600",
            (124, ""),
        ),
        Boot {
            share: true,
            ..promise(
                "a deterministic guest runs commands too",
                &["--deterministic", "--kernel", "current"],
                "echo $FAMFS_DETERMINISTIC $FAMFS_DEV; cd /share; cat 'in, put'; \
                 echo from the guest > 'out, put'; exit 3",
                (3, "1 /dev/dax0.0\nfrom the host\n"),
            )
        },
        promise(
            "the long-term kernel has no CXL memory",
            &["--kernel", "lts", "--memory", "cxl"],
            "true",
            (2, ""),
        ),
    ]
    .into()
}

fn promise(what: &str, lab: &[&str], script: &str, wanted: (i32, &'static str)) -> Boot {
    let command = ["sh", "-c", script].map(str::to_owned).to_vec();
    Boot {
        expected: wanted.0,
        stdout: Some(wanted.1),
        ..Boot::of_tests(format!("lab: {what}"), lab, command)
    }
}
