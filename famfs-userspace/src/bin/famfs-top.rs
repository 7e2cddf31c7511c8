use std::process::ExitCode;

fn main() -> ExitCode {
    famfs_userspace::cli::top::main()
}
