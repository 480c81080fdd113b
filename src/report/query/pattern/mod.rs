//! Patterns of `matches`: only what RE2, the database's language of patterns, understands too.
//!
//! A pattern is read twice. [`scan`] refuses what RE2 refuses or understands differently from the
//! `regex` crate, and writes down the rest with RE2's meaning (`\d`, `\w`, `\s` and `\b` know
//! ASCII alone); the crate then finds what is wrong with the rest, and how large it is.

mod scan;

use regex::bytes::RegexBuilder;

use crate::report::query::pattern::scan::MAX_REPEAT;

/// What is allowed, for an error.
pub(super) const ALLOWED: &str =
    "a pattern in the syntax of RE2, of at most 500 bytes (a text without signs finds itself)";
/// Bytes of one pattern.
const MAX_PATTERN_BYTES: usize = 500;
/// Bytes of a compiled pattern; the database takes at least four times as much.
const MAX_COMPILED_BYTES: usize = 1 << 20;
/// Why a pattern is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum PatternError {
    /// More than [`MAX_PATTERN_BYTES`].
    #[error("this one has {0} bytes")]
    Long(usize),
    /// RE2 does not know it, or reads it differently from what it looks like.
    #[error("not {0}")]
    Unknown(String),
    /// A repetition of a repetition.
    #[error("not one repetition directly behind another: put the first in (?:…)")]
    Stacked,
    /// Counted repetitions above [`MAX_REPEAT`].
    #[error("a piece is repeated at most {MAX_REPEAT} times")]
    Repeat,
    /// The pattern is broken.
    #[error("this one is broken: {0}")]
    Broken(String),
    /// The compiled pattern is above [`MAX_COMPILED_BYTES`].
    #[error("this one is too large when its repetitions are written out")]
    Large,
}

/// Whether the database will understand `pattern`.
///
/// # Errors
/// When it would not, or would have to spend too much on it.
pub(super) fn check(pattern: &str) -> Result<(), PatternError> {
    if pattern.len() > MAX_PATTERN_BYTES {
        return Err(PatternError::Long(pattern.len()));
    }
    let meaning = scan::meaning(pattern)?;
    match RegexBuilder::new(&meaning).size_limit(MAX_COMPILED_BYTES).nest_limit(150).build() {
        Ok(_) => Ok(()),
        Err(regex::Error::CompiledTooBig(_)) => Err(PatternError::Large),
        Err(error) => {
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default();
            Err(PatternError::Broken(last.trim_start_matches("error: ").to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_both_understand_is_taken() {
        for pattern in [
            "blog",
            "^/blog/.*$",
            "^/(de|en)/[a-z0-9_-]+$",
            "(?i)^/BLOG",
            "(?i:a)b(?-s:.)",
            "(?P<part>a)+?",
            r"\d{4}-\d{2,}-\d{0,2}",
            r"\bgo\b|\Ago\z",
            r"[\w.-]+@[^\s@]+",
            r"[[:alpha:][:^digit:]]",
            r"[]a-]|[^]a]|[-a]",
            r"\p{Greek}|\PL|\p{Lu}",
            r"\x41|\x{1F600}|\.|\[|\{|\}|\-|\/",
            "größe|日本語|😀",
            "a|",
            "(a{10}){100}",
            "}",
            "(?:a*)*",
        ] {
            assert_eq!(check(pattern), Ok(()), "{pattern}");
        }
    }

    #[test]
    fn what_one_of_them_understands_otherwise_is_refused() {
        let refused = r"
            (?x)a␠b (?u)a (?R)a (?i-)a (?)a (?<n>a) (?P<a.b>c) (?=a) (?!a) (?<=a) (?P=n) [a&&b]
            [a--b] [a~~b] [a[b]] [[:foo:]] [[.a.]] [!-\d] [a-[:alpha:]] \p{Alphabetic} \p{Letter}
            \p{scx=Greek} \p{^L} \px \b{start} \<a\> \u0041 \U00000041 \Qa\E \C \1 \Z \_ \é [\b]
            [\A] a** a+* a*?? a{2}{3} a{2}+ a{,2} a{02} a{1001} a{␠2␠} a{ a{x} (a{11}){100}
            ((a{20}){20}){20} (a{1001})? (?:a{2}|b){501}
        ";
        for pattern in refused.split_whitespace().map(|one| one.replace('␠', " ")) {
            let error = check(&pattern).expect_err(&pattern);
            assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn what_is_broken_or_too_much_is_said() {
        for (pattern, part) in [
            ("(a".to_owned(), "unclosed group"),
            ("a)".to_owned(), "unopened group"),
            ("[a".to_owned(), "without its"),
            ("*a".to_owned(), "missing"),
            ("[z-a]".to_owned(), "invalid"),
            ("a{3,2}".to_owned(), "invalid"),
            ("a\\".to_owned(), "ends with"),
            (r"\x{110000}".to_owned(), "not a Unicode scalar"),
            ("x".repeat(501), "501 bytes"),
            (r"\PL{1000}".to_owned(), "too large"),
            ("(".repeat(200) + &")".repeat(200), "nest"),
        ] {
            let error = check(&pattern).expect_err(&pattern).to_string();
            assert!(error.contains(part) && !error.contains('\n'), "{pattern}: {error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_pattern_brings_it_down(pattern in r"[\[\](){}|*+?.^$\\\-a-cdwpPx:&,0-9<>é~]{0,24}") {
            let _refused = check(&pattern);
        }
    }
}
