//! The numbered SQL files of `schema/`, built into the program.

/// One file: applied once, in order, and never changed afterwards.
#[derive(Debug, Clone, Copy)]
pub(super) struct SchemaFile {
    /// Its number.
    pub(super) version: u32,
    /// Its name, without number and ending.
    pub(super) name: &'static str,
    /// Its text.
    pub(super) sql: &'static str,
}

/// All files, by number.
pub(super) const FILES: &[SchemaFile] = &[
    SchemaFile { version: 1, name: "events", sql: include_str!("../../schema/0001_events.sql") },
    SchemaFile {
        version: 2,
        name: "settings",
        sql: include_str!("../../schema/0002_settings.sql"),
    },
    SchemaFile { version: 3, name: "days", sql: include_str!("../../schema/0003_days.sql") },
    SchemaFile {
        version: 4,
        name: "retention",
        sql: include_str!("../../schema/0004_retention.sql"),
    },
    SchemaFile {
        version: 5,
        name: "enrichment",
        sql: include_str!("../../schema/0005_enrichment.sql"),
    },
];

impl SchemaFile {
    /// blake3 of its text, hexadecimal.
    pub(super) fn checksum(&self) -> String {
        blake3::hash(self.sql.as_bytes()).to_hex().to_string()
    }

    /// What people see, such as `1_events`.
    pub(super) fn label(&self) -> String {
        format!("{}_{}", self.version, self.name)
    }
}

/// The statements of a text: parts between semicolons that are neither in a comment nor quoted.
/// Comments are dropped.
pub(super) fn statements(text: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut current = String::new();
    let mut quote: Option<char> = None;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match quote {
            Some(end) => {
                current.push(letter);
                if letter == '\\' {
                    current.extend(letters.next());
                } else if letter == end {
                    quote = None;
                }
            }
            None if letter == '-' && letters.peek() == Some(&'-') => {
                while letters.peek().is_some_and(|next| *next != '\n') {
                    letters.next();
                }
            }
            None if letter == ';' => all.push(std::mem::take(&mut current)),
            None => {
                if matches!(letter, '\'' | '`' | '"') {
                    quote = Some(letter);
                }
                current.push(letter);
            }
        }
    }
    all.push(current);
    all.retain_mut(|statement| {
        *statement = statement.trim().to_owned();
        !statement.is_empty()
    });
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_numbered_without_a_gap() {
        for (file, expected) in FILES.iter().zip(1..) {
            assert_eq!(file.version, expected, "{}", file.name);
        }
    }

    #[test]
    fn every_table_has_a_ttl_and_the_fsync_settings() {
        for statement in FILES.iter().flat_map(|file| statements(file.sql)) {
            if statement.starts_with("ALTER TABLE ") {
                let again = [" ADD COLUMN IF NOT EXISTS ", " MODIFY SETTING ", " MODIFY TTL "];
                assert!(again.iter().any(|part| statement.contains(part)), "{statement}");
                continue;
            }
            assert!(statement.starts_with("CREATE TABLE IF NOT EXISTS "), "{statement}");
            for part in ["\nTTL ", "fsync_after_insert = 1", "fsync_part_directory = 1"] {
                assert!(statement.contains(part), "{part} is missing in {statement}");
            }
        }
    }

    #[test]
    fn semicolons_in_quotes_and_comments_do_not_end_a_statement() {
        let text = "-- a; b\nSELECT 'x;--y\\';' AS `c;d`; -- end;\n\nSELECT 2 - 1;\n";
        assert_eq!(statements(text), ["SELECT 'x;--y\\';' AS `c;d`", "SELECT 2 - 1"]);
    }
}
