//! The heaviest statements of a run, as the engine means to answer them.

use headcount::store::Statement;

use crate::door;
use crate::home::Opened;

/// Statements looked at.
const HEAVIEST: usize = 5;

/// A statement, whose question it is, and what it took.
pub(crate) type Heavy = (String, Statement, f64);

/// Prints the heaviest of `statements` with `EXPLAIN indexes = 1` and what the engine read.
pub(crate) fn print(opened: &Opened, mut statements: Vec<Heavy>) {
    statements.sort_by(|one, other| other.2.total_cmp(&one.2));
    let mut seen: Vec<String> = Vec::new();
    for (name, statement, took) in statements {
        if seen.contains(&statement.sql) {
            continue;
        }
        seen.push(statement.sql.clone());
        println!("\n#### {name}: {took:.0} ms\n\n```sql\n{}\n```\n", statement.sql);
        match door::ask_bound(&opened.access, "", &statement) {
            Ok(answer) => println!(
                "rows read {}, {:.1} MB, {:.0} ms, memory {:.1} MB",
                answer.work.rows,
                answer.work.megabytes,
                answer.work.milliseconds,
                answer.work.memory_megabytes
            ),
            Err(words) => println!("asked again: {words}"),
        }
        for head in ["EXPLAIN indexes = 1 ", "EXPLAIN PIPELINE "] {
            match door::ask_bound(&opened.access, head, &statement) {
                Ok(answer) => println!("\n{head}\n```\n{}\n```", answer.body),
                Err(words) => println!("{head}: {words}"),
            }
        }
        if seen.len() == HEAVIEST {
            return;
        }
    }
}
