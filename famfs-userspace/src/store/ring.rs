//! The last minutes.
#[derive(Debug)]
pub struct Ring;
