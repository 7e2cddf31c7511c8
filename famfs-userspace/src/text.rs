//! How values are written for people: times, places, and strings from outside made harmless.

use std::time::{Duration, SystemTime};

use crate::model::{DeviceError, Mount, MountState};

/// A string from outside, such as a path, as text that cannot steer a terminal: control
/// characters, invisible direction changes and backslashes are escaped.
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let steers = c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if steers || c == '\\' {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
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

/// The state of a mount in one word.
pub fn state(state: MountState) -> &'static str {
    match state {
        MountState::Ok => "ok",
        MountState::Disabled => "DISABLED",
        MountState::Unknown => "unknown",
    }
}

/// What disabled a mount: when and where, as short parts that a view can wrap.
pub fn error_parts(error: &DeviceError) -> [String; 4] {
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
    }
}
