//! Where the engine listens and as whom to speak to it; `access.json` holds the same for tools.
//!
//! No type here has a `Debug` that shows a password, and the file is readable by its owner only,
//! is replaced in one step, and is removed when the engine stops.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// One of our users of the engine.
#[derive(Clone)]
pub struct User {
    /// Its name, such as `hc_read`.
    pub user: String,
    /// Its password, fresh at every start.
    pub password: String,
}

/// Where the engine listens and as whom to speak to it.
#[derive(Clone)]
pub struct Access {
    /// Such as `http://127.0.0.1:40123`.
    pub url: String,
    /// Name of the database.
    pub database: String,
    /// May insert events and look up which batches exist.
    pub insert: User,
    /// May read events and totals, within limits.
    pub read: User,
    /// May read and write settings.
    pub settings: User,
    /// May create and change tables.
    pub schema: User,
}

impl Access {
    /// The text of `access.json`.
    #[must_use]
    pub fn to_json(&self) -> String {
        let user = |user: &User| serde_json::json!({"user": user.user, "password": user.password});
        let value = serde_json::json!({
            "url": self.url,
            "database": self.database,
            "users": {
                "insert": user(&self.insert),
                "read": user(&self.read),
                "settings": user(&self.settings),
                "schema": user(&self.schema),
            },
        });
        value.to_string()
    }

    /// Writes `access.json`.
    pub(super) fn write(&self, path: &Path) -> std::io::Result<()> {
        write_private(path, &self.to_json())
    }
}

/// Replaces `path` in one step by a file with mode 0600.
pub(super) fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let fresh = path.with_extension("new");
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
    file.write_all(text.as_bytes())?;
    drop(file);
    fs::rename(&fresh, path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn user(name: &str) -> User {
        User { user: format!("hc_{name}"), password: format!("secret-{name}") }
    }

    #[test]
    fn the_file_is_private_and_names_four_users() {
        let access = Access {
            url: "http://127.0.0.1:1".to_owned(),
            database: "headcount".to_owned(),
            insert: user("insert"),
            read: user("read"),
            settings: user("settings"),
            schema: user("schema"),
        };
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("access.json");
        fs::write(&path, "older and readable by all").unwrap();
        access.write(&path).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let value: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(value["url"], "http://127.0.0.1:1");
        assert_eq!(value["users"]["read"]["user"], "hc_read");
        assert_eq!(value["users"]["schema"]["password"], "secret-schema");
    }
}
