//! Reads a pattern as RE2 does, and writes it down as the `regex` crate would.

use crate::report::query::pattern::PatternError;

/// How often a piece may be repeated by number, repetitions in repetitions multiplied.
pub(super) const MAX_REPEAT: u32 = 1_000;
/// Classes of letters by name that RE2 knows: general categories, and the more common scripts.
const KNOWN_CLASSES: &str = "L Ll Lm Lo Lt Lu M Mc Me Mn N Nd Nl No P Pc Pd Pe Pf Pi Po Ps S Sc Sk Sm \
     So Z Zl Zp Zs Cc Cf Arabic Armenian Bengali Cyrillic Devanagari Greek Han Hangul Hebrew \
     Hiragana Katakana Latin";
/// Classes in classes, `[[:alpha:]]`.
const POSIX_CLASSES: &str =
    "alnum alpha ascii blank cntrl digit graph lower print punct space upper word xdigit";

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

/// The pattern, as the `regex` crate would write it.
///
/// # Errors
/// When RE2 does not understand it, or does so differently from what it looks like.
pub(super) fn meaning(pattern: &str) -> Result<String, PatternError> {
    let mut scan =
        Scan { rest: pattern, meaning: String::new(), outer: Vec::new(), here: Level::default() };
    scan.run()?;
    Ok(scan.meaning)
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
        if !KNOWN_CLASSES.split(' ').any(|known| known == name) {
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
        if !POSIX_CLASSES.split(' ').any(|known| known == inside.trim_start_matches('^')) {
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
