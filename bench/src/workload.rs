//! Mappings of chosen alignment, the touches through them, and the clock around each touch.

pub(crate) mod clock;
pub(crate) mod map;
pub(crate) mod mark;
pub(crate) mod touch;

pub(crate) const PAGE: usize = 4 << 10;
pub(crate) const PMD: usize = 2 << 20;
