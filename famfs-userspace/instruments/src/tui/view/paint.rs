//! Text of an exact width, bars, and lines beside each other.

use ratatui::text::{Line, Span};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

const CUT: &str = "..";

/// The text in exactly `width` columns: filled up with blanks, or its end cut off and marked.
pub(super) fn left(text: &str, width: usize) -> String {
    let mut out = head(text, width);
    out.extend(std::iter::repeat_n(' ', width.saturating_sub(out.width())));
    out
}

/// Aligns a text to the right; otherwise the same as [`left`].
pub(super) fn right(text: &str, width: usize) -> String {
    let text = head(text, width);
    " ".repeat(width.saturating_sub(text.width())) + &text
}

/// The beginning of the text, at most `width` columns of it.
pub(super) fn head(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.into();
    }
    let room = width.saturating_sub(CUT.len());
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > room {
            break;
        }
        out.push(c);
    }
    out + &CUT[..CUT.len().min(width)]
}

/// The end of the text, which tells paths apart better than their beginning.
pub(super) fn tail(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.into();
    }
    let room = width.saturating_sub(CUT.len());
    let mut used = 0;
    let kept = text.char_indices().rev().take_while(|(_, c)| {
        used += c.width().unwrap_or(0);
        used <= room
    });
    let start = kept.last().map_or(text.len(), |(at, _)| at);
    CUT[..CUT.len().min(width)].to_owned() + &text[start..]
}

/// The words in lines of at most `width` columns; a longer word has a line of its own.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.width() + 1 + word.width() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// A bar of `part` from 0 to 1 of `width` columns; something is never nothing.
pub(super) fn bar(part: f64, width: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let whole = (part.clamp(0.0, 1.0) * 8.0 * width as f64).round();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "from 0 to 8 times a width"
    )]
    let eighths = (whole as usize).max(usize::from(part > 0.0 && width > 0));
    "█".repeat(eighths / 8) + EIGHTHS[eighths % 8]
}

/// The last `width` values as columns, the newest at the right; something is never nothing.
pub(super) fn spark(values: &[f64], width: usize) -> String {
    const LEVELS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let values = &values[values.len().saturating_sub(width)..];
    let most = values.iter().copied().fold(0.0, f64::max);
    let blanks = std::iter::repeat_n(' ', width - values.len());
    let columns = values.iter().map(|value| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "from 0 to 8"
        )]
        let level = if *value > 0.0 {
            ((value / most * 8.0).round() as usize).clamp(1, 8)
        } else {
            0
        };
        LEVELS[level]
    });
    blanks.chain(columns).collect()
}

/// The line in exactly `width` columns.
fn fill(line: Line<'static>, width: usize) -> Line<'static> {
    let mut room = width;
    let mut out = Line::default().style(line.style);
    for span in line.spans {
        let text = head(&span.content, room);
        room -= text.width().min(room);
        out.push_span(Span::styled(text, span.style));
        if room == 0 {
            return out;
        }
    }
    out.push_span(Span::raw(" ".repeat(room)));
    out
}

/// Two columns of lines, of which the left one has `width` columns of text and a gap.
pub(super) fn beside(
    left: Vec<Line<'static>>,
    right: Vec<Line<'static>>,
    width: usize,
) -> Vec<Line<'static>> {
    const GAP: usize = 3;
    let height = left.len().max(right.len());
    let mut right = right.into_iter();
    let mut left = left.into_iter();
    let pairs = (0..height).map(|_| {
        let mut line = fill(left.next().unwrap_or_default(), width.saturating_sub(GAP));
        line.push_span(Span::raw(" ".repeat(GAP.min(width))));
        line.extend(right.next().unwrap_or_default().spans);
        line
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_keeps_its_end() {
        assert_eq!(tail("/mnt/famfs/a", 12), "/mnt/famfs/a");
        assert_eq!(tail("/mnt/famfs/a", 8), "..amfs/a");
        assert_eq!(tail("/mnt/数据", 6), "..数据");
        assert_eq!(tail("/mnt/数据", 5), "..据");
        assert_eq!(tail("/mnt", 1), ".");
        assert_eq!(tail("/mnt", 0), "");
    }

    #[test]
    fn text_has_the_width_that_was_asked_for() {
        for text in ["", "a", "abcdef", "数据数据", "a\u{301}b数"] {
            for width in 0..9 {
                assert!(left(text, width).width() <= width);
                assert!(right(text, width).width() <= width);
                assert_eq!(
                    fill(Line::raw(text), width).width(),
                    width,
                    "{text} {width}"
                );
            }
        }
        assert_eq!(left("abcdef", 4), "ab..");
        assert_eq!(right("ab", 4), "  ab");
    }

    #[test]
    fn words_are_not_broken() {
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(wrap("one two three", 0), ["one", "two", "three"]);
    }

    #[test]
    fn something_is_never_nothing() {
        assert_eq!(bar(0.0, 4), "");
        assert_eq!(bar(1e-9, 4), "▏");
        assert_eq!(bar(0.5, 4), "██");
        assert_eq!(bar(7.0, 4), "████");
        assert_eq!(bar(0.5, 0), "");
        assert_eq!(spark(&[0.0, 1e-9, 4.0, 8.0], 6), "   ▁▄█");
        assert_eq!(spark(&[1.0, 2.0], 1), "█");
        assert_eq!(spark(&[0.0], 1), " ");
        assert_eq!(spark(&[f64::MAX, 1.0], 2), "█▁");
    }
}
