//! Encoding of ClickHouse's `RowBinary`: little endian numbers, strings after their length.
//!
//! Only the types our tables use. A row is its values, one after the other, in column order.

/// Appends the values of one row.
#[derive(Default)]
pub(super) struct RowBuilder {
    bytes: Vec<u8>,
}

impl RowBuilder {
    pub(super) fn with(bytes: Vec<u8>) -> Self {
        Self { bytes }
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.bytes
    }

    /// `UInt8`.
    pub(super) fn u8(&mut self, value: u8) -> &mut Self {
        self.bytes.push(value);
        self
    }

    /// `UInt16`, `Date`.
    pub(super) fn u16(&mut self, value: u16) -> &mut Self {
        self.bytes.extend_from_slice(&value.to_le_bytes());
        self
    }

    /// `UInt32`, `DateTime`.
    pub(super) fn u32(&mut self, value: u32) -> &mut Self {
        self.bytes.extend_from_slice(&value.to_le_bytes());
        self
    }

    /// `UInt64`.
    pub(super) fn u64(&mut self, value: u64) -> &mut Self {
        self.bytes.extend_from_slice(&value.to_le_bytes());
        self
    }

    /// `Int64`, `Decimal64`.
    pub(super) fn i64(&mut self, value: i64) -> &mut Self {
        self.bytes.extend_from_slice(&value.to_le_bytes());
        self
    }

    /// `String`, `LowCardinality(String)`.
    pub(super) fn text(&mut self, value: &str) -> &mut Self {
        self.length(value.len());
        self.bytes.extend_from_slice(value.as_bytes());
        self
    }

    /// `Map(String, String)`.
    pub(super) fn map<T: AsRef<str>>(&mut self, pairs: &[(T, T)]) -> &mut Self {
        self.length(pairs.len());
        for (name, value) in pairs {
            self.text(name.as_ref()).text(value.as_ref());
        }
        self
    }

    fn length(&mut self, mut value: usize) {
        while value >= 0x80 {
            self.bytes.push(u8::try_from(value & 0x7f).unwrap_or(0) | 0x80);
            value >>= 7;
        }
        self.bytes.push(u8::try_from(value).unwrap_or(0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_take_seven_bits_a_byte() {
        let mut row = RowBuilder::default();
        row.text("ab").text(&"x".repeat(300)).map(&[("k".to_owned(), String::new())]);
        let bytes = row.finish();
        assert_eq!(&bytes[..5], &[2, b'a', b'b', 0xac, 0x02]);
        assert_eq!(&bytes[305..], &[1, 1, b'k', 0]);
    }

    #[test]
    fn numbers_are_little_endian() {
        let mut row = RowBuilder::default();
        row.u8(1).u16(2).u32(3).u64(4).i64(-1);
        assert_eq!(
            row.finish(),
            [1, 2, 0, 3, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255]
        );
    }
}
