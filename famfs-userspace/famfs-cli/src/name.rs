//! Names of files in JSON documents.
//!
//! Linux names are bytes, and JSON strings are Unicode. Each name is therefore written as a
//! string in which bytes that are not UTF-8 appear as U+FFFD; only then, a second field with
//! `_hex` behind its name holds the exact bytes, two lower-case hexadecimal digits each. A reader
//! that does not care about such names can ignore the second field, and one that cares loses
//! nothing.
//!
//! Each type here is one such pair of fields, to be used with `#[serde(flatten)]`.

use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;

use serde::{Deserialize, Serialize};

/// Splits a name into its text and, where the text cannot stand for it, its bytes.
fn split(bytes: &[u8]) -> (String, Option<String>) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (text.to_owned(), None),
        Err(_) => (
            String::from_utf8_lossy(bytes).into_owned(),
            Some(hex(bytes)),
        ),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut digits, byte| {
        // Writing to a String cannot fail.
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

macro_rules! names {
    ($($name:ident: $text:tt, $hex:tt;)*) => {$(
        #[doc = concat!("The fields `", $text, "` and, for a name that is not UTF-8, `", $hex, "`.")]
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        pub struct $name {
            /// The name; bytes that are not UTF-8 are U+FFFD.
            #[serde(rename = $text)]
            text: String,
            /// The exact bytes in hexadecimal, present only if the name is not UTF-8.
            #[serde(rename = $hex, skip_serializing_if = "Option::is_none")]
            #[cfg_attr(feature = "schema", schemars(with = "String"))]
            hex: Option<String>,
        }

        impl From<&[u8]> for $name {
            fn from(bytes: &[u8]) -> Self {
                let (text, hex) = split(bytes);
                Self { text, hex }
            }
        }

        impl From<&std::path::Path> for $name {
            fn from(path: &std::path::Path) -> Self {
                Self::from(path.as_os_str().as_bytes())
            }
        }

        impl $name {
            /// The name for people; bytes that are not UTF-8 are U+FFFD.
            pub fn text(&self) -> &str {
                &self.text
            }
        }
    )*};
}

names! {
    Path: "path", "path_hex";
    MountPoint: "mount_point", "mount_point_hex";
    Source: "source", "source_hex";
    Target: "target", "target_hex";
    Image: "image", "image_hex";
    Device: "device", "device_hex";
    DevName: "dev_name", "dev_name_hex";
    File: "file", "file_hex";
}

macro_rules! optional_names {
    ($($name:ident: $text:tt, $hex:tt;)*) => {$(
        #[doc = concat!("The same fields where there may be no name: then `", $text, "` is `null`.")]
        #[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        pub struct $name {
            /// The name; bytes that are not UTF-8 are U+FFFD.
            #[serde(rename = $text)]
            text: Option<String>,
            /// The exact bytes in hexadecimal, present only if the name is not UTF-8.
            #[serde(rename = $hex, default, skip_serializing_if = "Option::is_none")]
            #[cfg_attr(feature = "schema", schemars(with = "String"))]
            hex: Option<String>,
        }

        impl From<Option<&std::path::Path>> for $name {
            fn from(path: Option<&std::path::Path>) -> Self {
                path.map_or_else(Self::default, |path| {
                    let (text, hex) = split(path.as_os_str().as_bytes());
                    Self {
                        text: Some(text),
                        hex,
                    }
                })
            }
        }

        impl $name {
            /// The name for people; bytes that are not UTF-8 are U+FFFD.
            pub fn text(&self) -> Option<&str> {
                self.text.as_deref()
            }
        }
    )*};
}

optional_names! {
    MaybePath: "path", "path_hex";
    MaybeFile: "file", "file_hex";
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use serde_json::json;

    use super::*;

    #[derive(Serialize)]
    struct Document {
        schema: u32,
        #[serde(flatten)]
        path: Path,
    }

    #[test]
    fn a_name_is_a_string_and_only_odd_bytes_add_a_field() {
        for (bytes, want) in [
            (&b"/a/b"[..], json!({"schema": 1, "path": "/a/b"})),
            (
                "/Ü\u{202e}\n".as_bytes(),
                json!({"schema": 1, "path": "/Ü\u{202e}\n"}),
            ),
            (b"", json!({"schema": 1, "path": ""})),
            (
                b"/a\xff\x00b",
                json!({"schema": 1, "path": "/a\u{fffd}\0b", "path_hex": "2f61ff0062"}),
            ),
        ] {
            let document = Document {
                schema: 1,
                path: bytes.into(),
            };
            assert_eq!(serde_json::to_value(&document).unwrap(), want);
        }
    }

    #[test]
    fn two_names_that_look_alike_are_told_apart() {
        let name = |bytes: &[u8]| serde_json::to_string(&Path::from(bytes)).unwrap();
        assert_ne!(name(b"a\xfe"), name(b"a\xff"));
        assert_ne!(name(b"a\xff"), name("a\u{fffd}".as_bytes()));
    }

    #[test]
    fn no_name_is_null() {
        let none = serde_json::to_value(MaybePath::from(None)).unwrap();
        assert_eq!(none, json!({"path": null}));
        let path = std::path::Path::new(OsStr::from_bytes(b"\xff"));
        let some = serde_json::to_value(MaybePath::from(Some(path))).unwrap();
        assert_eq!(some, json!({"path": "\u{fffd}", "path_hex": "ff"}));
    }
}
