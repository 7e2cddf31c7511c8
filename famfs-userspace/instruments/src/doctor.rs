//! `famfs-top doctor`: what of watching works here, and what to do about each gap.
//!
//! `gather` asks the machine, `verdict` judges what it said (pure), `report` writes it down.

mod config;
mod facts;
mod gather;
mod report;
mod selftest;
mod verdict;

pub use config::{Config, Setting};
pub use facts::{Facts, Module, Privileges, SelfTest, Types, Watch};
pub use gather::gather;
pub use report::{Document, text};
pub use verdict::{Finding, Status, Verdict, judge, status};
