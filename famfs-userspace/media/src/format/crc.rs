//! The one checksum of the format: CRC-32/ISO-HDLC, stored zero-extended to 64 bits.

/// Returns the checksum of `bytes` as a field holds it.
pub fn crc(bytes: &[u8]) -> u64 {
    u64::from(crc32fast::hash(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_value_of_the_algorithm() {
        assert_eq!(crc(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc(b""), 0);
    }
}
