//! What is in a text, counted in one walk, so that most texts meet no pattern at all.

/// What a text needs to have for a pattern to be found in it, so that most texts meet no pattern at
/// all. Each is counted too high rather than too low.
#[derive(Clone, Copy)]
pub(super) struct Traits {
    /// What parts the two halves of a mail address.
    pub(super) mail_sign: bool,
    pub(super) digits: usize,
    pub(super) dots: usize,
    pub(super) colons: usize,
    /// Longest run of what a token is made of.
    pub(super) run: usize,
    pub(super) hex_run: usize,
    pub(super) digit_run: usize,
}

impl Traits {
    /// A text of other letters and digits than ASCII's may hold anything.
    pub(super) const UNKNOWN: Self = Self {
        mail_sign: true,
        digits: usize::MAX,
        dots: usize::MAX,
        colons: usize::MAX,
        run: usize::MAX,
        hex_run: usize::MAX,
        digit_run: usize::MAX,
    };

    pub(super) fn of(text: &str) -> Self {
        if !text.is_ascii() {
            return Self::UNKNOWN;
        }
        let mut has = Self {
            mail_sign: false,
            digits: 0,
            dots: 0,
            colons: 0,
            run: 0,
            hex_run: 0,
            digit_run: 0,
        };
        let (mut run, mut hex_run, mut digit_run) = (0, 0, 0);
        for byte in text.bytes() {
            let (in_run, in_hex, in_digits) = match byte {
                b'0'..=b'9' => (true, true, true),
                b'a'..=b'f' | b'A'..=b'F' => (true, true, false),
                b'g'..=b'z' | b'G'..=b'Z' | b'_' | b'+' | b'-' => (true, false, false),
                _ => (false, false, false),
            };
            has.mail_sign |= matches!(byte, b'@' | b'%');
            has.dots += usize::from(byte == b'.');
            has.colons += usize::from(byte == b':');
            has.digits += usize::from(in_digits);
            run = if in_run { run + 1 } else { 0 };
            hex_run = if in_hex { hex_run + 1 } else { 0 };
            digit_run = if in_digits { digit_run + 1 } else { 0 };
            has.run = has.run.max(run);
            has.hex_run = has.hex_run.max(hex_run);
            has.digit_run = has.digit_run.max(digit_run);
        }
        has
    }
}
