//! Where one is in a list: the line that is chosen, and the first that is visible.

/// A place in a list. Its length is not known here, so every use of it is bounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    pub at: usize,
    pub top: usize,
}

impl Cursor {
    /// Moves by this many lines; the ends of a list of this length hold it.
    pub(super) fn go(&mut self, lines: isize, length: usize) {
        let at = self.at.saturating_add_signed(lines);
        self.at = at.min(length.saturating_sub(1));
    }

    /// Moves as [`Cursor::go`] does where nothing is chosen and only the view moves.
    pub(super) fn scroll(&mut self, lines: isize, length: usize, height: usize) {
        let top = self.top.saturating_add_signed(lines);
        self.top = top.min(length.saturating_sub(height));
        self.at = self.top;
    }

    /// Moves the view as little as shows the chosen line.
    pub(super) fn fit(&mut self, length: usize, height: usize) {
        self.at = self.at.min(length.saturating_sub(1));
        let lowest = (self.at + 1).saturating_sub(height);
        let highest = length.saturating_sub(height).min(self.at);
        self.top = self.top.clamp(lowest.min(highest), highest.max(lowest));
        self.top = self.top.min(self.at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chosen_line_is_visible_and_no_line_is_wasted() {
        for length in 0..12 {
            for height in 0..12 {
                for at in 0..14 {
                    for top in 0..14 {
                        let mut cursor = Cursor { at, top };
                        cursor.fit(length, height);
                        assert!(cursor.at < length.max(1));
                        assert!(cursor.top <= cursor.at);
                        if height > 0 {
                            assert!(cursor.at < cursor.top + height);
                            assert!(cursor.top + height <= length.max(height));
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn the_ends_hold() {
        let mut cursor = Cursor::default();
        cursor.go(isize::MIN, 0);
        cursor.go(isize::MAX, 7);
        assert_eq!(cursor.at, 6);
        cursor.scroll(isize::MAX, 7, 3);
        assert_eq!(cursor.top, 4);
        cursor.scroll(isize::MIN, 7, 3);
        assert_eq!(cursor.top, 0);
    }
}
