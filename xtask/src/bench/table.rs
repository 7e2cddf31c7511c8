//! A profile for a person, and as JSON.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::plugin::TARGETS;
use super::profile::{Profile, Rows};
use super::symbols::Function;

type Kernels = BTreeMap<String, Rows>;

pub(super) fn json(kernels: &Kernels) -> Value {
    let mut list = Vec::new();
    for (kernel, rows) in kernels {
        for (row, targets) in rows {
            for (target, profile) in targets {
                let functions: Vec<Value> = profile
                    .iter()
                    .map(|(function, insns)| {
                        json!({ "function": function.name, "owner": function.owner,
                                "insn": insns })
                    })
                    .collect();
                list.push(json!({ "kernel": kernel, "row": row, "target": target,
                                  "insn": profile.values().sum::<f64>(),
                                  "functions": functions }));
            }
        }
    }
    json!({ "schema": 1, "profiles": list })
}

pub(super) fn human(kernels: &Kernels, top: usize) -> String {
    let mut text = String::new();
    for (kernel, rows) in kernels {
        for (row, targets) in rows {
            let _ = writeln!(text, "{kernel} {row}");
            table(&mut text, targets, top);
            text.push('\n');
        }
    }
    text.push_str(
        "kernel instructions per fault (unmap: per fault-sized piece), in faults of the median \
         length\n",
    );
    text
}

/// A module's name; for what is in the kernel itself, its part in a fault.
fn layer(function: &Function) -> &str {
    const PARTS: [(&str, &[&str]); 3] = [
        (
            "fs/dax.c",
            &[
                "dax_",
                "grab_mapping_entry",
                "get_unlocked_entry",
                "get_next_unlocked_entry",
            ],
        ),
        ("the xarray", &["xas_", "_find_next_bit"]),
        ("iomap", &["iomap_"]),
    ];
    if function.owner != "kernel" {
        return &function.owner;
    }
    let name = &function.name;
    PARTS
        .iter()
        .find(|(_, prefixes)| prefixes.iter().any(|prefix| name.starts_with(prefix)))
        .map_or("mm, exception, locks", |(part, _)| part)
}

fn table(text: &mut String, targets: &BTreeMap<&'static str, Profile>, top: usize) {
    let shown: Vec<&str> = TARGETS
        .into_iter()
        .filter(|target| targets.contains_key(target))
        .collect();
    let head = shown.iter().fold(String::new(), |mut line, target| {
        let _ = write!(line, " {target:>8}");
        line
    });
    let _ = writeln!(text, "{:<44}{head}", "");
    let mut line = |name: &str, of: &dyn Fn(&Profile) -> f64| {
        let cells = shown.iter().fold(String::new(), |mut cells, target| {
            let insns = targets.get(target).map_or(0.0, of);
            let _ = match insns {
                0.0 => write!(cells, " {:>8}", "-"),
                _ => write!(cells, " {insns:>8.0}"),
            };
            cells
        });
        let _ = writeln!(text, "{name:<44}{cells}");
    };
    line("all", &|profile| profile.values().sum());
    let all: BTreeSet<&Function> = targets.values().flat_map(Profile::keys).collect();
    let layers: BTreeSet<&str> = all.iter().map(|function| layer(function)).collect();
    for wanted in layers {
        line(&format!("in {wanted}"), &|profile| {
            let own = profile
                .iter()
                .filter(|(function, _)| layer(function) == wanted);
            own.map(|(_, insns)| insns).sum()
        });
    }
    let mut functions: Vec<&Function> = all.into_iter().collect();
    let first = shown.first().copied().unwrap_or_default();
    let weight = |target: &str, function: &Function| {
        let profile = targets.get(target);
        profile.and_then(|profile| profile.get(function)).copied()
    };
    functions.sort_by(|a, b| {
        let key = |function: &Function| {
            let others: f64 = shown.iter().filter_map(|at| weight(at, function)).sum();
            (weight(first, function).unwrap_or(0.0), others)
        };
        let (a, b) = (key(a), key(b));
        b.0.total_cmp(&a.0).then(b.1.total_cmp(&a.1))
    });
    for function in functions.into_iter().take(top) {
        let owner = match function.owner.as_str() {
            "kernel" => String::new(),
            module => format!(" [{module}]"),
        };
        let name = format!("  {}{owner}", function.name);
        line(&name, &|profile| {
            profile.get(function).copied().unwrap_or(0.0)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_come_by_what_they_cost_the_first_target() {
        let function = |name: &str, owner: &str| Function {
            name: name.into(),
            owner: owner.into(),
        };
        let famfs = Profile::from([
            (function("dax_iomap_fault", "kernel"), 100.0),
            (function("famfs_fault", "famfs"), 20.0),
        ]);
        let ext4 = Profile::from([
            (function("dax_iomap_fault", "kernel"), 100.0),
            (function("ext4_iomap_begin", "ext4"), 300.0),
        ]);
        let rows = Rows::from([(
            "pmd/read/steady".to_owned(),
            BTreeMap::from([("famfs", famfs), ("ext4", ext4)]),
        )]);
        let text = human(&Kernels::from([("6.12".to_owned(), rows)]), 2);
        let lines: Vec<Vec<&str>> = text
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert_eq!(lines[1], ["famfs", "ext4"]);
        assert_eq!(lines[2], ["all", "120", "400"]);
        assert_eq!(lines[3], ["in", "ext4", "-", "300"]);
        assert_eq!(lines[4], ["in", "famfs", "20", "-"]);
        assert_eq!(lines[5], ["in", "fs/dax.c", "100", "100"]);
        assert_eq!(lines[6], ["dax_iomap_fault", "100", "100"]);
        assert_eq!(lines[7], ["famfs_fault", "[famfs]", "20", "-"]);
        assert_eq!(lines[8], [] as [&str; 0]);
    }
}
