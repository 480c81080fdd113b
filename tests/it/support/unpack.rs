//! Unpacks the engine's files, so that a scan sees what compression would hide.
//!
//! Columns, marks and primary keys are sequences of frames: 16 bytes of checksum, one byte that
//! names the codec, the length of the frame from that byte on and the length of what is in it (both
//! u32 little endian), then the packed bytes. A frame is looked for at every offset, so that it does
//! not matter what else a file holds; one that does not unpack to the length it names is none.

use std::path::Path;

use ruzstd::decoding::FrameDecoder;

use crate::support::scan::{self, Found, Scan};

/// Bytes of checksum before a frame.
const CHECKSUM_BYTES: usize = 16;
/// Codec and both lengths.
const HEAD_BYTES: usize = 9;
/// The engine writes frames of about 1 MiB; larger lengths are chance.
const FRAME_BYTES_MAX: usize = 16 * 1024 * 1024;

const NONE: u8 = 0x02;
const LZ4: u8 = 0x82;
const ZSTD: u8 = 0x90;
const MULTIPLE: u8 = 0x91;
const DELTA: u8 = 0x92;

/// Everything that frames of `file` hold, joined.
pub(crate) fn unpacked(file: &[u8]) -> Vec<u8> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(rest) = file.get(at + CHECKSUM_BYTES..) {
        if let Some((length, bytes)) = frame(rest) {
            found.extend_from_slice(&bytes);
            at += CHECKSUM_BYTES + length;
        } else {
            at += 1;
        }
    }
    found
}

/// Looks through every regular file below `folder`, names included; those of an engine also
/// unpacked.
pub(crate) fn folder(scan: &Scan, folder: &Path) -> Vec<Found> {
    let mut found = Vec::new();
    for (name, bytes) in scan::files(folder) {
        found.extend(scan.of(&name, name.as_bytes()));
        found.extend(scan.of(&name, &bytes));
        if name.contains("/engine/") {
            found.extend(scan.of(&format!("{name} unpacked"), &unpacked(&bytes)));
        }
    }
    found
}

/// The frame that `bytes` begin with: its length and what is in it.
fn frame(bytes: &[u8]) -> Option<(usize, Vec<u8>)> {
    let head = bytes.get(..HEAD_BYTES)?;
    let codec = *head.first()?;
    if !matches!(codec, NONE | LZ4 | ZSTD | MULTIPLE | DELTA) {
        return None;
    }
    let number = |from: usize| {
        let four: [u8; 4] = head.get(from..from + 4)?.try_into().ok()?;
        usize::try_from(u32::from_le_bytes(four)).ok()
    };
    let (length, size) = (number(1)?, number(5)?);
    if length <= HEAD_BYTES || size == 0 || size > FRAME_BYTES_MAX {
        return None;
    }
    let packed = bytes.get(HEAD_BYTES..length)?;
    let plain = match codec {
        NONE => packed.to_vec(),
        LZ4 => lz4_flex::block::decompress(packed, size).ok()?,
        ZSTD => zstd(packed, size)?,
        MULTIPLE => several(packed)?,
        _ => delta(packed)?,
    };
    (plain.len() == size).then_some((length, plain))
}

fn zstd(packed: &[u8], size: usize) -> Option<Vec<u8>> {
    let mut plain = vec![0; size];
    let length = FrameDecoder::new().decode_all(packed, &mut plain).ok()?;
    (length == size).then_some(plain)
}

/// A chain: the number of codecs, their names, then the frame of the last.
fn several(packed: &[u8]) -> Option<Vec<u8>> {
    let (codecs, rest) = packed.split_first()?;
    let mut plain = rest.get(usize::from(*codecs)..)?.to_vec();
    for _ in 0..*codecs {
        plain = frame(&plain)?.1;
    }
    Some(plain)
}

/// Width of a number, bytes that are left as they are, then differences of neighbours.
fn delta(packed: &[u8]) -> Option<Vec<u8>> {
    let (width, rest) = packed.split_first()?;
    let (kept, rest) = rest.split_first()?;
    let width = usize::from(*width);
    if !matches!(width, 1 | 2 | 4 | 8) {
        return None;
    }
    let (kept, numbers) = rest.split_at_checked(usize::from(*kept))?;
    let mut plain = kept.to_vec();
    let mut last = 0_u64;
    for bytes in numbers.chunks_exact(width) {
        let mut eight = [0; 8];
        eight.get_mut(..width)?.copy_from_slice(bytes);
        last = last.wrapping_add(u64::from_le_bytes(eight));
        plain.extend_from_slice(last.to_le_bytes().get(..width)?);
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(codec: u8, size: usize, packed: &[u8]) -> Vec<u8> {
        let mut bytes = vec![codec];
        let number = |n: usize| u32::try_from(n).expect("short").to_le_bytes();
        bytes.extend_from_slice(&number(HEAD_BYTES + packed.len()));
        bytes.extend_from_slice(&number(size));
        bytes.extend_from_slice(packed);
        bytes
    }

    #[test]
    fn frames_are_found_between_other_bytes_and_through_chains() {
        let plain = b"a token is a token is a token".as_slice();
        let lz4 = framed(LZ4, plain.len(), &lz4_flex::block::compress(plain));
        let mut differences = vec![2, 1, b'x', 1, 0, 1, 0, 0, 1];
        let inner = framed(DELTA, 7, &differences);
        let mut chain = vec![2, DELTA, LZ4];
        chain.extend(framed(LZ4, inner.len(), &lz4_flex::block::compress(&inner)));
        let chain = framed(MULTIPLE, 7, &chain);
        let mut file = b"something before".to_vec();
        for frame in [&lz4, &chain] {
            file.extend([7; CHECKSUM_BYTES]);
            file.extend_from_slice(frame);
        }
        file.extend_from_slice(b"and after");
        differences.clear();
        assert_eq!(unpacked(&file), [plain, &[b'x', 1, 0, 2, 0, 2, 1]].concat());
    }

    #[test]
    fn what_only_looks_like_a_frame_is_left_out() {
        let wrong = framed(LZ4, 400, &lz4_flex::block::compress(b"too short"));
        assert_eq!(unpacked(&[vec![0; CHECKSUM_BYTES], wrong].concat()), b"");
        assert_eq!(unpacked(&[LZ4; 100]), b"");
    }
}
