//! `OpenMetrics` over HTTP: `page` says what a snapshot is in metrics, `http` answers requests.
//!
//! `families` is the table of all metrics, `buckets` folds the kernel's histograms, `files` keeps
//! the busiest files where those are asked for.

mod buckets;
mod families;
mod files;
mod http;
mod page;

pub use buckets::{Buckets, bounds};
pub use families::{FAMILIES, Family, Kind};
pub use files::{FILES_MAX, TopFiles};
pub use http::{Answer, Server};
pub use page::render;
