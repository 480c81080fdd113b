//! What could be left of a day's visitors: their tokens and the seconds of their events, in every
//! form in which a table or a file could hold them, and whether an order gives them away.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::support::scan::Scan;
use crate::support::sql::Door;

/// A scan for tokens: decimal, hex of either byte order, the eight bytes of either order.
pub(crate) fn of_tokens(tokens: &BTreeSet<u64>) -> Scan {
    let mut forms = BTreeMap::new();
    for token in tokens {
        let mut add = |form: Vec<u8>, how: &str| {
            forms.insert(form, format!("token {token} {how}"));
        };
        add(token.to_string().into_bytes(), "in decimal");
        for number in [*token, token.swap_bytes()] {
            let hex = format!("{number:016x}");
            add(hex.to_uppercase().into_bytes(), "as hex");
            add(hex.into_bytes(), "as hex");
            add(number.to_le_bytes().to_vec(), "as bytes");
        }
    }
    Scan::of_forms(forms)
}

/// A scan for seconds: decimal, hex, the four bytes of either order, and as dates.
pub(crate) fn of_seconds(seconds: &BTreeSet<u32>) -> Scan {
    let mut forms = BTreeMap::new();
    for second in seconds {
        let mut add = |form: Vec<u8>, how: &str| {
            forms.insert(form, format!("second {second} {how}"));
        };
        add(second.to_string().into_bytes(), "in decimal");
        add(format!("{second:08x}").into_bytes(), "as hex");
        add(second.to_le_bytes().to_vec(), "as bytes");
        add(second.to_be_bytes().to_vec(), "as bytes");
        let date = Timestamp::from_second(i64::from(*second)).expect("a time").to_string();
        add(date.clone().into_bytes(), "as a date");
        add(date.replace('T', " ").trim_end_matches('Z').as_bytes().to_vec(), "as a date");
    }
    Scan::of_forms(forms)
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Column {
    pub(crate) table: String,
    pub(crate) name: String,
    pub(crate) kind: String,
}

/// Every column of every table of the database, by table.
pub(crate) fn columns(schema: &Door) -> Vec<Column> {
    let sql = format!(
        "SELECT table, name, type FROM system.columns WHERE database = '{}' ORDER BY table, \
         position FORMAT TSVRaw",
        schema.database
    );
    let column = |line: &str| {
        let fields: Vec<&str> = line.split('\t').collect();
        let [table, name, kind] = fields[..] else { panic!("three fields: {line:?}") };
        Column { table: table.to_owned(), name: name.to_owned(), kind: kind.to_owned() }
    };
    schema.value(&sql).lines().map(column).collect()
}

/// Every stored row of these tables, column by column named so that none is left out, as text and
/// as bytes.
pub(crate) fn dump(schema: &Door, wanted: impl Fn(&str) -> bool) -> Vec<(String, Vec<u8>)> {
    let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for column in columns(schema) {
        tables.entry(column.table).or_default().push(format!("`{}`", column.name));
    }
    let mut found = Vec::new();
    for (table, columns) in tables.iter().filter(|(table, _)| wanted(table)) {
        for format in ["TSVRaw", "RowBinary"] {
            let sql = format!("SELECT {} FROM {table} FORMAT {format}", columns.join(", "));
            let bytes = schema.bytes(&sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
            found.push((format!("table {table} as {format}"), bytes));
        }
    }
    found
}

/// Spearman's rank correlation of two numberings of the same things: 1 the same order, -1 the
/// opposite, near 0 none to do with the other.
pub(crate) fn rank_correlation(pairs: &[(u64, u64)]) -> f64 {
    let ranks = |of: fn(&(u64, u64)) -> u64| -> Vec<f64> {
        let mut order: Vec<usize> = (0..pairs.len()).collect();
        order.sort_by_key(|at| of(&pairs[*at]));
        let mut ranks = vec![0.0; pairs.len()];
        for (rank, at) in (0_u32..).zip(order) {
            ranks[at] = f64::from(rank);
        }
        ranks
    };
    let (one, other) = (ranks(|pair| pair.0), ranks(|pair| pair.1));
    let squares: f64 = one.iter().zip(&other).map(|(a, b)| (a - b).powi(2)).sum();
    let n = f64::from(u32::try_from(pairs.len()).expect("few"));
    1.0 - 6.0 * squares / (n * (n * n - 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_token_and_of_a_second_is_found() {
        let token = 0x0123_4567_89ab_cdef_u64;
        let scan = of_tokens(&BTreeSet::from([token]));
        let hidden: [Vec<u8>; 6] = [
            b"x81985529216486895y".to_vec(),
            b"0123456789ABCDEF".to_vec(),
            b"efcdab8967452301".to_vec(),
            token.to_le_bytes().to_vec(),
            [&[1, 2], token.to_be_bytes().as_slice(), &[3]].concat(),
            format!("{{'a':'{token}'}}").into_bytes(),
        ];
        for bytes in hidden {
            assert_eq!(scan.of("here", &bytes).len(), 1, "{bytes:?}");
        }
        assert_eq!(scan.of("here", b"8198552921648689 and 0123456789abcde"), []);
        let scan = of_seconds(&BTreeSet::from([3_907_742_400]));
        for text in ["[3907742400]", "2093-10-30 12:00:00", "2093-10-30T12:00:00Z", "e8eb6ac0"] {
            assert!(!scan.of("here", text.as_bytes()).is_empty(), "{text}");
        }
        assert_eq!(scan.of("here", &[0xc0, 0x6a, 0xeb, 0xe8]).len(), 1);
        assert_eq!(scan.of("here", b"2093-10-30 12:00:01"), []);
    }

    #[test]
    fn the_correlation_of_an_order_with_itself_is_one() {
        let same: Vec<(u64, u64)> = (0..50).map(|n| (n * 3, n * n)).collect();
        let turned: Vec<(u64, u64)> = (0..50).map(|n| (n, 100 - n)).collect();
        assert!((rank_correlation(&same) - 1.0).abs() < 1e-9);
        assert!((rank_correlation(&turned) + 1.0).abs() < 1e-9);
        let mixed: Vec<(u64, u64)> = (0..211).map(|n| (n, n * 77 % 211)).collect();
        assert!(rank_correlation(&mixed).abs() < 0.3);
    }
}
