//! What a user can ask of the screen.

use famfs_snapshot::model::FileKey;

/// What is on the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    Files,
    Processes,
    Events,
    Probes,
    /// One file.
    File(FileKey),
}

/// What a key makes the screen do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    Quit,
    /// Stop the whole job, as the terminal would.
    Stop,
    Help,
    /// Leave what is in front, then the page, then drop the filter.
    Close,
    /// The page of the file in the chosen line.
    Open,
    Go(Page),
    NextPage,
    PreviousPage,
    Filter,
    /// Keep the filter as typed.
    Accept,
    Freeze,
    /// Stop or go on with a recording; without one as `Freeze`.
    Pause,
    Span,
    SortNext,
    SortPrevious,
    Reverse,
    /// Move by this many lines.
    Move(isize),
    /// Move by this many screens.
    Turn(isize),
    Columns,
    /// The column in the chosen line.
    Toggle,
    UsualColumns,
    Widths,
    /// Turn on or off what this page is about and costs something.
    Switch,
    /// Jump this many seconds in a recording.
    Jump(i64),
    /// Go to this many thousandths of a recording.
    Seek(u32),
    StepBack,
    StepOn,
    Slower,
    Faster,
}
