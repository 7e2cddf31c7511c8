//! The screen: state and its changes, the terminal, and one widget a file.

pub mod app;
pub mod command;
pub mod event;
pub mod input;
pub mod term;
pub mod theme;
pub mod transport;
pub mod view;

pub use app::{App, Message};
pub use theme::{Glyphs, Theme};
pub use transport::Transport;
