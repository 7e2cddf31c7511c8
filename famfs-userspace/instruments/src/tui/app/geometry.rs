//! What the state of the screen has to know of the picture.

use std::fmt::Debug;

use super::App;
use crate::tui::command::Page;

/// What a click is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hit {
    /// The name of a page.
    Page(Page),
    /// The head of a column, by its place in the field table.
    Column(usize),
    /// A line of the list on the page.
    Line(usize),
    /// A line of the list in front.
    Choice(usize),
    /// This many thousandths of a recording.
    Seek(u32),
    /// A place beside what is in front.
    Close,
}

/// What the pages look like: how long they are, and what lies where. The state asks it to keep its cursors
/// on the screen and to understand the mouse, and does not draw to find out.
pub trait Geometry: Debug + Sync {
    /// Returns how many lines the help has.
    fn help_height(&self, app: &App) -> usize;

    /// Returns how many lines the page of the probes has.
    fn probes_height(&self, app: &App) -> usize;

    /// Returns how many lines the page of a file has.
    fn file_height(&self, app: &App) -> usize;

    /// Returns how many lines of the page's list are visible, or of what is in front of it.
    fn list_height(&self, app: &App) -> usize;

    /// Returns what is at this column and line.
    fn hit(&self, app: &App, x: u16, y: u16) -> Option<Hit>;
}
