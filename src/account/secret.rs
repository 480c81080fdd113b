//! Random tokens, and the hash under which they are stored.
//!
//! A token has 256 bits, so a plain hash of it is as good as the token is secret.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use crate::account::error::AccountError;

/// Random bytes of a token.
const TOKEN_BYTES: usize = 32;
/// Characters of a token in base64url.
pub(super) const TOKEN_CHARS: usize = 43;

/// A fresh token: 43 characters of base64url.
pub(super) fn token() -> Result<String, AccountError> {
    let mut bytes = Zeroizing::new([0u8; TOKEN_BYTES]);
    getrandom::fill(&mut *bytes).map_err(|_| AccountError::Machine("no randomness"))?;
    Ok(URL_SAFE_NO_PAD.encode(*bytes))
}

/// Whether the text could be a token at all.
pub(super) fn is_token(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    text.len() == TOKEN_CHARS && text.bytes().all(allowed)
}

/// What is stored instead of a token: its blake3 as 64 hex digits.
pub(super) fn stored(token: &str) -> String {
    blake3::hash(token.as_bytes()).to_hex().to_string()
}
