//! What scripts may rely on, for `docs/reference/contracts`.

use clap::CommandFactory as _;
use famfs_cli::contract::{Document, Program, assert_kept};
use famfs_cli::status::{Statuses, differences, exit};

use crate::gate::{baseline::Baseline, report as gate};
use crate::{
    MISSED, RUN_ERROR, cli, cost, memcpy, poison, probecost, readcost, reading, result, runtime,
    runtime_cost, touch, watched,
};

const STATUSES: &[Statuses] = &[
    Statuses {
        of: "`famfs-bench`, every command",
        all: &[
            exit(0, "done, or passed"),
            exit(MISSED, "a regression, or a limit that is missed"),
            exit(
                RUN_ERROR,
                "usage, or the work could not be done; also if the output could not be written",
            ),
        ],
    },
    Statuses {
        of: "`famfs-bench gate`, also",
        all: &[
            exit(
                gate::NOT_DETERMINISTIC,
                "boots of one side differ: not deterministic",
            ),
            exit(gate::NOT_COMPARABLE, "the sides are not comparable"),
        ],
    },
];

#[test]
fn the_register_is_as_the_code_is() {
    assert_kept(&Program {
        name: "famfs-bench",
        statuses: STATUSES,
        documents: vec![
            Document::of::<touch::Report>("famfs-bench-touch", "famfs-bench touch --json"),
            Document::of::<poison::Report>("famfs-bench-poison", "famfs-bench poison --json"),
            Document::of::<result::Outcome>("famfs-bench-run", "famfs-bench run --json, --out"),
            Document::of::<gate::Report>("famfs-bench-gate", "famfs-bench gate --json"),
            Document::of::<Baseline>("famfs-bench-baseline", "famfs-bench gate --accept"),
            Document::of::<cost::report::Report>("famfs-bench-cost", "famfs-bench cost --json"),
            Document::of::<memcpy::Report>("famfs-bench-memcpy", "famfs-bench memcpy --json"),
            Document::of::<runtime::outcome::Outcome>(
                "famfs-bench-runtime",
                "famfs-bench runtime --json, --out",
            ),
            Document::of::<runtime_cost::report::Report>(
                "famfs-bench-runtime-cost",
                "famfs-bench runtime-cost --json",
            ),
            Document::of::<watched::Document>(
                "famfs-bench-watched",
                "famfs-bench watched --json, --out",
            ),
            Document::of::<probecost::report::Report>(
                "famfs-bench-probe-cost",
                "famfs-bench probe-cost --json",
            ),
            Document::of::<reading::Document>(
                "famfs-bench-reading",
                "famfs-bench reading --json, --out",
            ),
            Document::of::<readcost::Report>(
                "famfs-bench-read-cost",
                "famfs-bench read-cost --json",
            ),
        ],
        sections: Vec::new(),
    });
}

#[test]
fn the_help_names_every_status() {
    assert_eq!(differences(&cli::Cli::command(), STATUSES), [""; 0]);
}
