//! A door to a ClickHouse that may be shut: errors come back instead of ending the test.

use std::path::Path;

use crate::support::http::Client;

/// Where to ask and as whom.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    /// `http://127.0.0.1:P`.
    pub(crate) url: String,
    /// Name of the user.
    pub(crate) user: String,
    /// Its password; empty for none.
    pub(crate) password: String,
    /// Database of names without one.
    pub(crate) database: String,
}

impl Door {
    /// The door of an embedded engine for `insert`, `read`, `settings` or `schema`.
    pub(crate) fn embedded(data: &Path, who: &str) -> Self {
        let text = std::fs::read(data.join("engine/access.json")).expect("access.json is there");
        let access: serde_json::Value = serde_json::from_slice(&text).expect("it is JSON");
        let field = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
        let user = &access["users"][who];
        Self {
            url: field(&access["url"]),
            user: field(&user["user"]),
            password: field(&user["password"]),
            database: field(&access["database"]),
        }
    }

    /// The same door as somebody else.
    pub(crate) fn of(&self, user: &str, password: &str) -> Self {
        Self { user: user.to_owned(), password: password.to_owned(), ..self.clone() }
    }

    /// Runs one statement; its result as text.
    ///
    /// # Errors
    /// The words of the engine, or of the system when nobody answers.
    pub(crate) fn text(&self, sql: &str) -> Result<String, String> {
        self.bytes(sql).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Runs one statement; its result as it came.
    ///
    /// # Errors
    /// The words of the engine, or of the system when nobody answers.
    pub(crate) fn bytes(&self, sql: &str) -> Result<Vec<u8>, String> {
        let key = if self.password.is_empty() {
            String::new()
        } else {
            format!("X-ClickHouse-Key: {}\r\n", self.password)
        };
        let request = format!(
            "POST /?wait_end_of_query=1 HTTP/1.1\r\nHost: t\r\nX-ClickHouse-User: {}\r\n{key}\
             X-ClickHouse-Database: {}\r\nContent-Length: {}\r\n\r\n{sql}",
            self.user,
            self.database,
            sql.len()
        );
        let answer = Client::new(&self.url)
            .try_raw(request.as_bytes())
            .map_err(|error| error.to_string())?;
        if answer.status == 200 { Ok(answer.body) } else { Err(answer.text()) }
    }

    /// The result of a statement that must succeed, without the last line feed.
    pub(crate) fn value(&self, sql: &str) -> String {
        let text = self.text(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        text.trim_end_matches('\n').to_owned()
    }
}
