//! Two `MAP_CREATE` messages of KABI 44 as a C program with the published header lays them out:
//! facts about bytes, which no encoder of ours made.

/// A regular file of 20 MiB in one extent of 20 MiB at 66 MiB.
pub(crate) const SIMPLE: &str = "\
    0000010000000000010000003800000000004001000000000000000000000000\
    000000000000000000002004000000000000400100000000";

/// A regular file of 33 MiB, in chunks of 4 MiB over four strips of 12 MiB each, at 38, 8220,
/// 10268 and 2076 MiB.
pub(crate) const INTERLEAVED: &str = "\
    0000010001000000010000009800000000001002000000000000000000000000\
    040000000000400000001002000000000000000000000000\
    000000000000000000006002000000000000c00000000000\
    00000000000000000000c001020000000000c00000000000\
    00000000000000000000c081020000000000c00000000000\
    00000000000000000000c081000000000000c00000000000";

pub(crate) fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex
        .chars()
        .map(|digit| u8::try_from(digit.to_digit(16).unwrap()).unwrap())
        .collect();
    digits
        .chunks_exact(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}
