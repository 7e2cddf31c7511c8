use std::process::ExitCode;

fn main() -> ExitCode {
    famfs_userspace::cli::famfs::main()
}
