//! Loads for famfs-top to watch: `lab-guest load KIND PATH…` faults in one known way and ends.

mod crowd;
mod plain;
mod trees;

/// Runs the load that `words` name. A load fails by panicking.
pub(crate) fn run(words: &[String]) {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["sequential", path] => plain::sequential(path),
        ["random", path] => plain::random(path),
        ["private", path] => plain::private(path),
        ["upgrade", path] => plain::upgrade(path),
        ["incongruent", path] => plain::incongruent(path),
        ["tail", path] => plain::tail(path),
        ["copies", path] => plain::copies(path),
        ["processes", rounds, ref paths @ ..] => crowd::processes(number(rounds), paths),
        ["threads", rounds, threads, path] => crowd::threads(number(rounds), number(threads), path),
        ["pinned", faults, one, two] => crowd::pinned(number(faults), &[one, two]),
        ["fork", path] => crowd::fork(path),
        ["truncate", path] => crowd::truncate(path),
        ["files", n, how] => trees::files(number(n), how == "stopped"),
        ["mounts", n] => trees::mounts(number(n)),
        ["renames", directory] => trees::renames(directory),
        _ => panic!("no such load: {words:?}"),
    }
}

fn number(word: &str) -> u64 {
    word.parse()
        .unwrap_or_else(|error| panic!("{word}: {error}"))
}
