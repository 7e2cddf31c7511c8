//! The screen in ASCII, for a terminal or a locale that has nothing else.

use ratatui::buffer::Buffer;
use unicode_width::UnicodeWidthStr as _;

/// Replaces what is drawn: bars and frames by their likes, letters that ASCII does not have by a
/// question mark for each column.
pub(super) fn replace(buffer: &mut Buffer) {
    for i in 0..buffer.content.len() {
        let symbol = buffer.content[i].symbol();
        if symbol.is_ascii() {
            continue;
        }
        let mut chars = symbol.chars();
        let like = match (chars.next(), chars.next()) {
            (Some(c), None) => like(c),
            _ => '?',
        };
        // The cell behind a wide letter was hidden by it.
        let width = symbol.width().max(1);
        buffer.content[i].set_char(like);
        for hidden in buffer.content.iter_mut().skip(i + 1).take(width - 1) {
            hidden.set_char(like);
        }
    }
}

/// Something that looks like it: more ink for more.
fn like(c: char) -> char {
    match c {
        '█' => '#',
        '▉' | '▊' | '▋' | '▌' | '▅' => '=',
        '─' | '▍' | '▎' | '▏' | '▄' => '-',
        '▁' => '_',
        '▂' | '·' => '.',
        '▃' | '░' => ':',
        '▇' => '*',
        '│' => '|',
        '▆' | '▒' | '┌' | '┐' | '└' | '┘' => '+',
        _ => '?',
    }
}

#[cfg(test)]
mod tests {
    use ratatui::{buffer::Cell, layout::Rect, style::Style};

    use super::*;

    #[test]
    fn what_ascii_lacks_has_a_like() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 12, 1));
        buffer.set_string(0, 0, "┌─█▌ ▁▇数e\u{301}!", Style::new());
        replace(&mut buffer);
        let text: String = buffer.content.iter().map(Cell::symbol).collect();
        assert_eq!(text, "+-#= _*???! ");
    }
}
