//! Patterns of `matches`: only what RE2, the database's language of patterns, understands too.
//!
//! A pattern is read twice. [`Scan`] refuses what RE2 refuses or understands differently from the
//! `regex` crate, and writes down the rest with RE2's meaning (`\d`, `\w`, `\s` and `\b` know
//! ASCII alone); the crate then finds what is wrong with the rest, and how large it is.

use regex::bytes::RegexBuilder;

/// What is allowed, for an error.
pub(super) const ALLOWED: &str =
    "a pattern in the syntax of RE2, of at most 500 bytes (a text without signs finds itself)";
/// Bytes of one pattern.
const MAX_PATTERN_BYTES: usize = 500;
/// Bytes of a compiled pattern; the database takes at least four times as much.
const MAX_COMPILED_BYTES: usize = 1 << 20;
/// How often a piece may be repeated by number, repetitions in repetitions multiplied.
const MAX_REPEAT: u32 = 1_000;
/// Classes of letters by name that RE2 knows: general categories, and the more common scripts.
const KNOWN_CLASSES: [&str; 45] = [
    "L",
    "Ll",
    "Lm",
    "Lo",
    "Lt",
    "Lu",
    "M",
    "Mc",
    "Me",
    "Mn",
    "N",
    "Nd",
    "Nl",
    "No",
    "P",
    "Pc",
    "Pd",
    "Pe",
    "Pf",
    "Pi",
    "Po",
    "Ps",
    "S",
    "Sc",
    "Sk",
    "Sm",
    "So",
    "Z",
    "Zl",
    "Zp",
    "Zs",
    "Cc",
    "Cf",
    "Arabic",
    "Armenian",
    "Bengali",
    "Cyrillic",
    "Devanagari",
    "Greek",
    "Han",
    "Hangul",
    "Hebrew",
    "Hiragana",
    "Katakana",
    "Latin",
];
/// Classes in classes, `[[:alpha:]]`.
const POSIX_CLASSES: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct",
    "space", "upper", "word", "xdigit",
];

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
    let mut scan =
        Scan { rest: pattern, meaning: String::new(), outer: Vec::new(), here: Level::default() };
    scan.run()?;
    match RegexBuilder::new(&scan.meaning).size_limit(MAX_COMPILED_BYTES).nest_limit(150).build() {
        Ok(_) => Ok(()),
        Err(regex::Error::CompiledTooBig(_)) => Err(PatternError::Large),
        Err(error) => {
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default();
            Err(PatternError::Broken(last.trim_start_matches("error: ").to_owned()))
        }
    }
}

/// How often the pieces of a group are repeated by number.
#[derive(Debug, Clone, Copy)]
struct Level {
    /// The most of all pieces before the last one.
    most: u32,
    /// Of the last piece.
    last: u32,
    /// The last piece ends with a repetition.
    repeated: bool,
}

impl Default for Level {
    fn default() -> Self {
        Self { most: 1, last: 1, repeated: false }
    }
}

/// A pattern on its way through.
struct Scan<'a> {
    rest: &'a str,
    /// What was read, as the `regex` crate would write it.
    meaning: String,
    /// The groups around the one that is being read.
    outer: Vec<Level>,
    here: Level,
}

impl Scan<'_> {
    fn run(&mut self) -> Result<(), PatternError> {
        while let Some(next) = self.take() {
            match next {
                '\\' => {
                    self.piece(1);
                    self.escape(false)?;
                }
                '[' => {
                    self.piece(1);
                    self.class()?;
                }
                '(' => self.group()?,
                ')' => {
                    self.meaning.push(next);
                    let inner = self.here.most.max(self.here.last);
                    if let Some(outer) = self.outer.pop() {
                        self.here = outer;
                    }
                    self.piece(inner);
                }
                '*' | '+' | '?' => {
                    self.meaning.push(next);
                    self.repeat(1)?;
                }
                '{' => self.count()?,
                _ => {
                    self.meaning.push(next);
                    self.piece(1);
                }
            }
        }
        Ok(())
    }

    fn take(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let next = chars.next();
        self.rest = chars.as_str();
        next
    }

    /// Takes `text` if it comes next.
    fn takes(&mut self, text: &str) -> bool {
        let found = self.rest.strip_prefix(text);
        self.rest = found.unwrap_or(self.rest);
        found.is_some()
    }

    /// Takes what stands before `end`, and `end`.
    fn until(&mut self, end: &str) -> Option<String> {
        let (inside, rest) = self.rest.split_once(end)?;
        let inside = inside.to_owned();
        self.rest = rest;
        Some(inside)
    }

    /// A piece begins; in it something is repeated `inner` times.
    fn piece(&mut self, inner: u32) {
        let most = self.here.most.max(self.here.last);
        self.here = Level { most, last: inner, repeated: false };
    }

    /// The last piece is repeated, by number `times`; `?` behind it makes it lazy.
    fn repeat(&mut self, times: u32) -> Result<(), PatternError> {
        if self.here.repeated {
            return Err(PatternError::Stacked);
        }
        self.here.repeated = true;
        self.here.last = self.here.last.saturating_mul(times.max(1));
        if self.here.last > MAX_REPEAT {
            return Err(PatternError::Repeat);
        }
        if self.takes("?") {
            self.meaning.push('?');
        }
        Ok(())
    }

    /// Behind `{`.
    fn count(&mut self) -> Result<(), PatternError> {
        let unknown = || {
            let what = "\"{\" other than in {2}, {2,} or {2,4}; a brace itself is written \\{";
            PatternError::Unknown(what.to_owned())
        };
        let inside = self.until("}").ok_or_else(unknown)?;
        let (least, most) = inside.split_once(',').unwrap_or((&inside, ""));
        let number = |text: &str| {
            let plain = text.bytes().all(|byte| byte.is_ascii_digit());
            let short = text == "0" || !text.starts_with('0');
            text.parse::<u32>().ok().filter(|_| plain && short)
        };
        let least = number(least).ok_or_else(unknown)?;
        let most = if most.is_empty() { least } else { number(most).ok_or_else(unknown)? };
        self.meaning.push('{');
        self.meaning.push_str(&inside);
        self.meaning.push('}');
        self.repeat(most)
    }

    /// Behind `(`.
    fn group(&mut self) -> Result<(), PatternError> {
        self.meaning.push('(');
        if self.takes("?P<") {
            let name = self.until(">").unwrap_or_default();
            let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            if !plain {
                let what = "a name of a group with other than letters, digits and \"_\"";
                return Err(PatternError::Unknown(what.to_owned()));
            }
            self.meaning.push_str(&format!("?P<{name}>"));
        } else if self.takes("?") {
            let end = self.rest.find([':', ')']).and_then(|end| self.rest.split_at_checked(end));
            let (flags, _) = end.ok_or_else(|| unknown_group(""))?;
            let flags = flags.to_owned();
            let parts: Vec<&str> = flags.splitn(2, '-').collect();
            let known = |part: &&str| part.bytes().all(|byte| b"imsU".contains(&byte));
            let said = !flags.ends_with('-') && parts.iter().all(known);
            self.takes(&flags);
            let ends = self.take();
            if !said || (flags.is_empty() && ends == Some(')')) {
                return Err(unknown_group(&flags));
            }
            self.meaning.push_str(&format!("?{flags}"));
            self.meaning.extend(ends);
            if ends == Some(')') {
                self.piece(1);
                return Ok(());
            }
        }
        self.outer.push(self.here);
        self.here = Level::default();
        Ok(())
    }

    /// Behind `\`.
    fn escape(&mut self, in_class: bool) -> Result<(), PatternError> {
        let Some(next) = self.take() else {
            return Err(PatternError::Broken("it ends with \\".to_owned()));
        };
        match next {
            'd' => self.meaning.push_str("[0-9]"),
            'D' => self.meaning.push_str("[^0-9]"),
            's' => self.meaning.push_str(r"[\t\n\f\r ]"),
            'S' => self.meaning.push_str(r"[^\t\n\f\r ]"),
            'w' => self.meaning.push_str("[0-9A-Za-z_]"),
            'W' => self.meaning.push_str("[^0-9A-Za-z_]"),
            'b' | 'B' if !in_class && !self.rest.starts_with('{') => {
                self.meaning.push_str(&format!("(?-u:\\{next})"));
            }
            'A' | 'z' if !in_class => self.meaning.extend(['\\', next]),
            'a' | 'f' | 't' | 'n' | 'r' | 'v' => self.meaning.extend(['\\', next]),
            'x' => self.code()?,
            'p' | 'P' => self.letters(next)?,
            ' '..='~' if !next.is_ascii_alphanumeric() && !"<>_".contains(next) => {
                self.meaning.extend(['\\', next]);
            }
            _ => return Err(PatternError::Unknown(format!("\\{next}"))),
        }
        Ok(())
    }

    /// Behind `\x`: two digits, or up to six in braces.
    fn code(&mut self) -> Result<(), PatternError> {
        let digits = if self.takes("{") {
            self.until("}").filter(|digits| (1..=6).contains(&digits.len()))
        } else {
            [self.take(), self.take()].into_iter().collect()
        };
        let plain = |digits: &String| digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let digits = digits.filter(plain).ok_or_else(|| PatternError::Unknown("\\x".to_owned()))?;
        self.meaning.push_str(&format!("\\x{{{digits}}}"));
        Ok(())
    }

    /// Behind `\p` or `\P`: one letter, or a name in braces.
    fn letters(&mut self, sign: char) -> Result<(), PatternError> {
        let name = if self.takes("{") { self.until("}") } else { self.take().map(String::from) };
        let name = name.unwrap_or_default();
        if !KNOWN_CLASSES.contains(&name.as_str()) {
            return Err(PatternError::Unknown(format!("\\{sign}{{{name}}}")));
        }
        self.meaning.push_str(&format!("\\{sign}{{{name}}}"));
        Ok(())
    }

    /// Behind `[`.
    fn class(&mut self) -> Result<(), PatternError> {
        let broken = || PatternError::Broken("a \"[\" without its \"]\"".to_owned());
        self.meaning.push('[');
        if self.takes("^") {
            self.meaning.push('^');
        }
        if self.takes("]") {
            self.meaning.push_str("\\]");
        }
        // A "-" that may stand for a range cannot be followed by a class.
        let mut is_range = false;
        let mut is_first = true;
        loop {
            let next = self.take().ok_or_else(broken)?;
            let doubled = matches!(next, '&' | '-' | '~') && self.rest.starts_with(next);
            if doubled {
                let what = format!("{next}{next} in a class; write \\{next} for the sign itself");
                return Err(PatternError::Unknown(what));
            }
            let starts_class = next == '['
                || next == '\\' && self.rest.starts_with(['d', 'D', 's', 'S', 'w', 'W', 'p', 'P']);
            if is_range && starts_class {
                let what = "a range that ends with a class; write \\- for the sign itself";
                return Err(PatternError::Unknown(what.to_owned()));
            }
            match next {
                ']' => {
                    self.meaning.push(']');
                    return Ok(());
                }
                '[' => self.posix_class()?,
                '\\' => self.escape(true)?,
                _ => self.meaning.push(next),
            }
            is_range = next == '-' && !is_first;
            is_first = false;
        }
    }

    /// Behind `[` in a class.
    fn posix_class(&mut self) -> Result<(), PatternError> {
        let unknown = || {
            let what = "\"[\" in a class, but for [:alpha:] and the like; write \\[ for the sign";
            PatternError::Unknown(what.to_owned())
        };
        let inside = if self.takes(":") { self.until(":]") } else { None };
        let inside = inside.ok_or_else(unknown)?;
        if !POSIX_CLASSES.contains(&inside.trim_start_matches('^')) {
            return Err(unknown());
        }
        self.meaning.push_str(&format!("[:{inside}:]"));
        Ok(())
    }
}

fn unknown_group(flags: &str) -> PatternError {
    let what = format!(
        "(?{flags}; groups begin with (, (?: or (?P<name>, switches are (?i), (?m), (?s), (?U)"
    );
    PatternError::Unknown(what)
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
        for pattern in [
            "(?x)a b",
            "(?u)a",
            "(?R)a",
            "(?i-)a",
            "(?)a",
            "(?<n>a)",
            "(?P<a.b>c)",
            "(?=a)",
            "(?!a)",
            "(?<=a)",
            "(?P=n)",
            r"[a&&b]",
            r"[a--b]",
            r"[a~~b]",
            "[a[b]]",
            "[[:foo:]]",
            "[[.a.]]",
            r"[!-\d]",
            r"[a-[:alpha:]]",
            r"\p{Alphabetic}",
            r"\p{Letter}",
            r"\p{scx=Greek}",
            r"\p{^L}",
            r"\px",
            r"\b{start}",
            r"\<a\>",
            r"\u0041",
            r"\U00000041",
            r"\Qa\E",
            r"\C",
            r"\1",
            r"\Z",
            r"\_",
            r"\é",
            r"[\b]",
            r"[\A]",
            "a**",
            "a+*",
            "a*??",
            "a{2}{3}",
            "a{2}+",
            "a{,2}",
            "a{02}",
            "a{1001}",
            "a{ 2 }",
            "a{",
            "a{x}",
            "(a{11}){100}",
            "((a{20}){20}){20}",
            "(a{1001})?",
            "(?:a{2}|b){501}",
        ] {
            let error = check(pattern).expect_err(pattern);
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
