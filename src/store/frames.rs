//! Frames of ClickHouse's own compression (`decompress=1`): made once, sent as often as needed.
//!
//! A frame is: checksum 16 (`CityHash128` 1.0.2 of what follows, high half first) · method u8 ·
//! length of the frame without checksum u32 · length of its content u32 · LZ4 block.
//! Format: <https://clickhouse.com/docs/reference/interfaces/specs/NativeFormat#frame-format>.

use bytes::Bytes;
use lz4_flex::block::{compress_into, get_maximum_output_size};

/// Content of one frame, bytes: enough for LZ4 to find repeats, little enough to hold.
const CONTENT_BYTES: usize = 256 * 1024;
/// Length of the checksum.
const CHECKSUM_BYTES: usize = 16;
/// Length of what stands before the LZ4 block.
const HEAD_BYTES: usize = CHECKSUM_BYTES + 9;
/// The method LZ4.
const LZ4: u8 = 0x82;

/// Content on its way into frames.
pub(super) struct Frames {
    content: Vec<u8>,
    scratch: Vec<u8>,
    done: Vec<Bytes>,
}

impl Frames {
    pub(super) fn new() -> Self {
        let content = Vec::with_capacity(CONTENT_BYTES);
        let scratch = vec![0; get_maximum_output_size(CONTENT_BYTES)];
        Self { content, scratch, done: Vec::new() }
    }

    /// Appends bytes.
    pub(super) fn put(&mut self, mut bytes: &[u8]) {
        while self.content.len() + bytes.len() > CONTENT_BYTES {
            let (now, later) = bytes.split_at(CONTENT_BYTES - self.content.len());
            self.content.extend_from_slice(now);
            self.frame();
            bytes = later;
        }
        self.content.extend_from_slice(bytes);
    }

    /// Appends a number in LEB128.
    pub(super) fn count(&mut self, mut number: usize) {
        while number >= 0x80 {
            self.put(&[u8::try_from(number & 0x7f).unwrap_or(0) | 0x80]);
            number >>= 7;
        }
        self.put(&[u8::try_from(number).unwrap_or(0)]);
    }

    /// The frames of all that was appended.
    pub(super) fn finish(mut self) -> Vec<Bytes> {
        if !self.content.is_empty() {
            self.frame();
        }
        self.done
    }

    fn frame(&mut self) {
        let packed = compress_into(&self.content, &mut self.scratch)
            .expect("the scratch takes the largest block");
        let after_checksum = HEAD_BYTES - CHECKSUM_BYTES + packed;
        let mut frame = Vec::with_capacity(CHECKSUM_BYTES + after_checksum);
        frame.extend_from_slice(&[0; CHECKSUM_BYTES]);
        frame.push(LZ4);
        for length in [after_checksum, self.content.len()] {
            frame.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
        }
        frame.extend_from_slice(self.scratch.get(..packed).unwrap_or_default());
        if let Some((checksum, rest)) = frame.split_first_chunk_mut() {
            *checksum = checksum_of(rest);
        }
        self.done.push(Bytes::from(frame));
        self.content.clear();
    }
}

fn checksum_of(bytes: &[u8]) -> [u8; CHECKSUM_BYTES] {
    cityhash_rs::cityhash_102_128(bytes).rotate_right(64).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_hold_what_was_put_in() {
        let mut frames = Frames::new();
        let all: Vec<u8> = (0..=250).flat_map(|byte| vec![byte; 2_089]).collect();
        for piece in all.chunks(10_007) {
            frames.put(piece);
        }
        let frames = frames.finish();
        assert_eq!(frames.len(), 3);
        let mut back = Vec::new();
        for frame in frames {
            let (sum, rest) = frame.split_at(16);
            assert_eq!(checksum_of(rest), sum);
            assert_eq!(rest[0], LZ4);
            let length = |at: usize| u32::from_le_bytes(*rest[at..].first_chunk().unwrap());
            assert_eq!(length(1) as usize, rest.len());
            let content = length(5) as usize;
            back.extend(lz4_flex::block::decompress(&rest[9..], content).unwrap());
        }
        assert_eq!(back, all);
    }

    #[test]
    fn counts_take_seven_bits_a_byte_and_nothing_makes_no_frame() {
        let mut frames = Frames::new();
        frames.count(300);
        assert_eq!(frames.content, [0xac, 0x02]);
        assert!(Frames::new().finish().is_empty());
    }
}
