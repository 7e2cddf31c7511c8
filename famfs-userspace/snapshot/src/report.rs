//! A snapshot or an interval as text, for people and for programs.

pub mod csv;
pub mod json;
pub mod table;
