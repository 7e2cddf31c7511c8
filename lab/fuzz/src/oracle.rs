//! What must hold whatever was thrown: written from the contract, not from the module.

pub(crate) mod errnos;
pub(crate) mod ranges;
pub(crate) mod reference;
