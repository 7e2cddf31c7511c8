//! How values are written for people: times, places, and strings from outside made harmless.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use crate::model::{DeviceError, Mount, MountState};

/// A string from outside, such as a path, as text that cannot steer a terminal and hides nothing:
/// control characters, characters that cannot be seen or turn the direction of writing, and
/// backslashes are escaped.
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_unseen(c) || c == '\\' {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

/// A JSON document as text that cannot steer a terminal. Such characters are in its strings only,
/// where JSON has an escape for each: it is the same document as before.
pub fn printable_json(document: &str) -> String {
    let mut out = String::with_capacity(document.len());
    for c in document.chars() {
        if is_unseen(c) && c != '\n' {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    out
}

/// Whether a character is a control, turns the direction of writing, or cannot be seen, so that
/// two names look alike. Marks that combine with the letter before them can be seen.
fn is_unseen(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    // Letters and marks by their category, but drawn as nothing.
    let is_blank = matches!(c,
        '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}' | '\u{e0100}'..='\u{e01ef}');
    // The standard library knows which characters can be printed, and tells by escaping the others.
    // Behind a letter it escapes no combining mark.
    let mut bytes = [0; 5];
    bytes[0] = b'a';
    let end = 1 + c.encode_utf8(&mut bytes[1..]).len();
    let is_escaped = std::str::from_utf8(&bytes[..end])
        .is_ok_and(|text| text.escape_debug().nth(1) == Some('\\'));
    is_blank || is_escaped
}

/// `2026-01-01 00:00:00 UTC`.
pub fn utc(time: SystemTime) -> String {
    let (date, clock, _) = civil(time);
    format!("{date} {clock} UTC")
}

/// RFC 3339 in UTC with milliseconds: `2026-01-01T00:00:00.000Z`.
pub fn rfc3339(time: SystemTime) -> String {
    let (date, clock, millis) = civil(time);
    format!("{date}T{clock}.{millis:03}Z")
}

/// The clock time alone: `00:00:00`.
pub fn clock(time: SystemTime) -> String {
    civil(time).1
}

/// Date, time of day and milliseconds in UTC. Before 1970 is 1970.
fn civil(time: SystemTime) -> (String, String, u32) {
    let since = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let (days, second) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let (year, month, day) = date_of(days);
    (
        format!("{year:04}-{month:02}-{day:02}"),
        format!(
            "{:02}:{:02}:{:02}",
            second / 3600,
            second / 60 % 60,
            second % 60
        ),
        since.subsec_millis(),
    )
}

/// Year, month and day of a day counted from 1970-01-01.
fn date_of(days: u64) -> (u64, u64, u64) {
    // Years begin in March here, so that the leap day is the last of its year. An era is the
    // 400 years after which the calendar repeats.
    const ERA_DAYS: u64 = 146_097;
    let days = days + 719_468;
    let (era, day) = (days / ERA_DAYS, days % ERA_DAYS);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day_of_month = day - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    (era * 400 + year + carry, month, day_of_month)
}

/// Nanoseconds since 1970 of a time as [`rfc3339`] writes it; the fraction may be missing, or have
/// up to nine digits.
pub fn parse_rfc3339(text: &str) -> Option<i64> {
    let text = text.strip_suffix('Z')?;
    let (date, clock) = text.split_once(['T', ' '])?;
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(clock, ':', [2, 2, 2])?;
    if hour > 23 || minute > 59 || second > 59 || !(1970..=2262).contains(&year) {
        return None;
    }
    // Whatever is not a date is not one of those.
    let days = (365 * (year - 1970)..366 * (year - 1969))
        .find(|&days| date_of(days) == (year, month, day))?;
    if fraction.is_empty() || fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let nanos: u64 = format!("{fraction:0<9}").parse().ok()?;
    let seconds = days * 86_400 + hour * 3600 + minute * 60 + second;
    let total = seconds.checked_mul(1_000_000_000)?.checked_add(nanos)?;
    i64::try_from(total).ok()
}

/// Three numbers of so many digits.
fn numbers(text: &str, between: char, digits: [usize; 3]) -> Option<[u64; 3]> {
    let parts: Vec<&str> = text.split(between).collect();
    let parts: [&str; 3] = parts.try_into().ok()?;
    let mut numbers = [0; 3];
    for ((number, part), digits) in numbers.iter_mut().zip(parts).zip(digits) {
        if part.len() != digits || !part.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        *number = part.parse().ok()?;
    }
    Some(numbers)
}

/// The state of a mount in one word.
pub fn state(state: MountState) -> &'static str {
    match state {
        MountState::Ok => "ok",
        MountState::Disabled => "DISABLED",
        MountState::Stale => "STALE",
        MountState::Unknown => "unknown",
    }
}

/// What is wrong with a mount, as short parts that a view can wrap; nothing where it is well.
pub fn trouble(mount: &Mount) -> Vec<String> {
    match (&mount.error, mount.state) {
        (Some(error), _) => error_parts(error).to_vec(),
        (None, MountState::Disabled) => {
            vec!["memory error".into(), "time and place not known".into()]
        }
        (None, MountState::Stale) => vec![
            "its device holds another file system".into(),
            "unmount it and mount it again".into(),
        ],
        (None, MountState::Ok | MountState::Unknown) => Vec::new(),
    }
}

/// What disabled a mount: when and where, as short parts that a view can wrap.
fn error_parts(error: &DeviceError) -> [String; 4] {
    let time = SystemTime::UNIX_EPOCH + Duration::from_nanos(error.time_ns);
    [
        format!("memory error {}", utc(time)),
        printable(&error.dev),
        format!("offset {:#x}", error.offset),
        format!("length {} flags {:#x}", error.len, error.flags),
    ]
}

/// Where a mount is, in one line: mount point, source and device number.
pub fn place(mount: &Mount) -> String {
    let (major, minor) = mount.dev;
    format!(
        "{}  {}  {major}:{minor}",
        printable(&mount.mountpoint),
        printable(&mount.source)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(seconds * 1000 + 7)
    }

    #[test]
    fn a_mount_in_trouble_says_which() {
        let mut mount = Mount {
            dev: (0, 42),
            kind: "famfs".into(),
            source: "/dev/pmem0".into(),
            mountpoint: "/mnt".into(),
            state: MountState::Ok,
            error: None,
            totals: None,
        };
        let mut says = |now| {
            mount.state = now;
            (state(now), trouble(&mount).join(", "))
        };
        assert_eq!(says(MountState::Ok), ("ok", String::new()));
        assert_eq!(says(MountState::Unknown), ("unknown", String::new()));
        let words = "memory error, time and place not known";
        assert_eq!(says(MountState::Disabled), ("DISABLED", words.into()));
        let words = "its device holds another file system, unmount it and mount it again";
        assert_eq!(says(MountState::Stale), ("STALE", words.into()));
    }

    #[test]
    fn times_are_utc() {
        let cases = [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_399, "2000-02-28 23:59:59 UTC"),
            (951_782_400, "2000-02-29 00:00:00 UTC"),
            (951_868_800, "2000-03-01 00:00:00 UTC"),
            (1_735_689_599, "2024-12-31 23:59:59 UTC"),
            (1_767_225_600, "2026-01-01 00:00:00 UTC"),
            (4_107_542_399, "2100-02-28 23:59:59 UTC"),
            (4_107_542_400, "2100-03-01 00:00:00 UTC"),
        ];
        for (seconds, text) in cases {
            assert_eq!(utc(at(seconds)), text);
        }
        assert_eq!(rfc3339(at(1_767_225_600)), "2026-01-01T00:00:00.007Z");
        assert_eq!(clock(at(86_399)), "23:59:59");
    }

    #[test]
    fn times_are_read_back() {
        for seconds in [0, 951_782_399, 951_782_400, 1_767_225_600, 4_107_542_400] {
            let nanos = i64::try_from(seconds * 1_000_000_000 + 7_000_000).unwrap();
            assert_eq!(parse_rfc3339(&rfc3339(at(seconds))), Some(nanos));
        }
        let whole = 1_767_225_600_000_000_000;
        assert_eq!(parse_rfc3339("2026-01-01 00:00:00Z"), Some(whole));
        assert_eq!(
            parse_rfc3339("2026-01-01T00:00:00.123456789Z"),
            Some(whole + 123_456_789)
        );
        for text in [
            "",
            "Z",
            "2026-02-29T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:00",
            "2300-01-01T00:00:00Z",
            "+026-01-01T00:00:00Z",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00.1234567890Z",
            "2026-1-1T0:0:0Z",
        ] {
            assert_eq!(parse_rfc3339(text), None, "{text}");
        }
    }

    #[test]
    fn the_end_of_kernel_time_is_a_date() {
        let end = SystemTime::UNIX_EPOCH + Duration::from_nanos(u64::MAX);
        assert_eq!(utc(end), "2554-07-21 23:34:33 UTC");
    }

    #[test]
    fn a_path_cannot_steer_the_terminal() {
        assert_eq!(printable("/a/\u{1b}[2J\n\\n"), r"/a/\u{1b}[2J\n\\n");
        assert_eq!(
            printable("/\u{202e}gpj.exe\u{9b}1m"),
            r"/\u{202e}gpj.exe\u{9b}1m"
        );
        assert_eq!(printable("/Übergröße/数据"), "/Übergröße/数据");
        assert_eq!(printable("/e\u{301} 'a' \"b\""), "/e\u{301} 'a' \"b\"");
    }

    #[test]
    fn what_cannot_be_seen_is_escaped() {
        for c in [
            '\u{61c}',
            '\u{ad}',
            '\u{85}',
            '\u{600}',
            '\u{180e}',
            '\u{200b}',
            '\u{200d}',
            '\u{200f}',
            '\u{2029}',
            '\u{202e}',
            '\u{2060}',
            '\u{2066}',
            '\u{206f}',
            '\u{feff}',
            '\u{fff9}',
            '\u{a0}',
            '\u{3000}',
            '\u{3164}',
            '\u{fe0f}',
            '\u{e0001}',
            '\u{e0041}',
            '\u{e0100}',
            '\u{e000}',
            '\u{10ffff}',
            '\u{1d173}',
        ] {
            let escaped = format!("a\\u{{{:x}}}b", u32::from(c));
            assert_eq!(printable(&format!("a{c}b")), escaped);
        }
    }

    #[test]
    fn json_stays_the_same_document() {
        let name = "/\u{1b}[2J\u{7f}\u{9b}\u{61c}\u{e0001}Ü\\\"数\n";
        let document = serde_json::to_string(&[name]).unwrap() + "\n";
        let shown = printable_json(&document);
        assert!(!shown.trim_end().contains(is_unseen), "{shown:?}");
        let read: Vec<String> = serde_json::from_str(&shown).unwrap();
        assert_eq!(read, [name]);
    }
}
