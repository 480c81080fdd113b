//! Text from outside, made fit to be stored: no control or direction characters, a bounded length.
//!
//! Promise: what comes out is valid UTF-8, at most as long as asked for, and shows in a report as
//! what it is. It does not judge meaning; see `placeholder` for what must not be kept.
//!
//! Nearly every text is fit as it was sent: it stays where it is, and nothing is copied.

use std::borrow::Cow;

/// Removes control, direction and invisible characters, trims white space at both ends, and cuts
/// to at most `bytes_max` bytes at a character boundary.
pub(crate) fn clean(text: &str, bytes_max: usize) -> Cow<'_, str> {
    // Nearly everything is plain ASCII, short enough, and stays as it is.
    let trimmed = text.trim();
    if trimmed.len() <= bytes_max && trimmed.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Cow::Borrowed(trimmed);
    }
    let mut kept = String::with_capacity(text.len().min(bytes_max));
    for character in text.trim().chars().filter(|c| !is_hidden(*c)) {
        if kept.len() + character.len_utf8() > bytes_max {
            break;
        }
        kept.push(character);
    }
    kept.truncate(kept.trim_end().len());
    kept.drain(..kept.len() - kept.trim_start().len());
    Cow::Owned(kept)
}

/// Applies a step to a text. What the step leaves of a borrowed text stays borrowed.
pub(crate) fn then<'a>(
    text: Cow<'a, str>,
    step: impl for<'b> FnOnce(&'b str) -> Cow<'b, str>,
) -> Cow<'a, str> {
    match text {
        Cow::Borrowed(text) => step(text),
        Cow::Owned(text) => {
            let changed = match step(&text) {
                Cow::Borrowed(same) if std::ptr::eq(same, text.as_str()) => None,
                changed => Some(changed.into_owned()),
            };
            Cow::Owned(changed.unwrap_or(text))
        }
    }
}

/// The text in small letters.
pub(crate) fn small(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.to_lowercase())
}

/// The longest prefix of at most `bytes_max` bytes that ends at a character boundary.
pub(crate) fn cut(text: &str, bytes_max: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes_max)).unwrap_or(text)
}

/// Control characters, direction marks, and characters without a width of their own.
///
/// The joiners U+200C and U+200D stay: Persian words and many emoji are spelled with them.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_characters_go_and_words_stay() {
        assert_eq!(clean(" a\u{202e}b\u{0}\tc\u{feff} ", 99), "abc");
        assert_eq!(clean("می\u{200c}خواهم", 99), "می\u{200c}خواهم");
    }

    #[test]
    fn a_text_is_copied_only_where_a_step_changes_it() {
        let is_borrowed = |text: Cow<'_, str>| matches!(text, Cow::Borrowed(_));
        assert!(is_borrowed(then(small(" ab "), |text| clean(text, 99))));
        assert!(!is_borrowed(small("aB")) && !is_borrowed(clean("a\tb", 99)));
        for (sent, expected) in [("ab", "ab"), (" ab ", "ab"), (" A\u{7}B", "ab"), ("abc", "ab")] {
            for sent in [Cow::Borrowed(sent), Cow::Owned(sent.to_owned())] {
                let small = then(then(sent, |text| clean(text, 2)), small);
                assert_eq!(small, expected);
            }
        }
    }

    #[test]
    fn a_cut_never_splits_a_character() {
        assert_eq!(clean("ééé", 5), "éé");
        assert_eq!(cut("ééé", 3), "é");
        assert_eq!(cut("abc", 99), "abc");
        assert_eq!(clean("ab  cd", 4), "ab");
    }
}
