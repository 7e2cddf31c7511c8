//! What the commands of the toolkit share, whatever they are about.

pub mod name;
