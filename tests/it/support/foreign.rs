//! A ClickHouse that is not headcount's own: another server, with a user who may do everything.
//!
//! It is the same engine library, run with a configuration of the tests' own, on ports that stay
//! the same when it is killed and started again on its data.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Stdio};

use tempfile::TempDir;

use crate::support::sql::Door;
use crate::support::{command, seconds, wait_until};

/// The user of the operator.
const OWNER: &str = "operator";
/// Its password.
const PASSWORD: &str = "a-password-of-the-operator";
/// Database that headcount is given.
const DATABASE: &str = "headcount";

const CONFIG: &str = r"<clickhouse>
  <listen_host>127.0.0.1</listen_host>
  <users_config>USERS</users_config>
  <max_server_memory_usage>800000000</max_server_memory_usage>
  <mark_cache_size>33554432</mark_cache_size>
  <logger><level>none</level></logger>
</clickhouse>
";

const USERS: &str = r"<clickhouse>
  <profiles><default><max_threads>2</max_threads></default></profiles>
  <quotas><default/></quotas>
  <users>
    <default>
      <password/><networks><ip>127.0.0.1</ip></networks><profile>default</profile>
      <quota>default</quota><grants><query>GRANT SYSTEM LISTEN ON *.*</query></grants>
    </default>
    <OWNER>
      <password>PASSWORD</password><networks><ip>127.0.0.1</ip></networks>
      <profile>default</profile><quota>default</quota><access_management>1</access_management>
    </OWNER>
  </users>
</clickhouse>
";

/// A server of the operator's.
pub(crate) struct Foreign {
    folder: TempDir,
    http: u16,
    tcp: u16,
    child: Option<Child>,
}

impl Foreign {
    /// Prepares a server that does not run yet.
    pub(crate) fn prepare() -> Self {
        let folder = tempfile::Builder::new().prefix("hc-clickhouse-").tempdir().expect("a folder");
        let users = folder.path().join("users.xml");
        let config = CONFIG.replace("USERS", &users.display().to_string());
        fs::write(folder.path().join("config.xml"), config).expect("a file of ours");
        let text = USERS.replace("OWNER", OWNER).replace("PASSWORD", PASSWORD);
        fs::write(users, text).expect("a file of ours");
        fs::write(folder.path().join("password"), PASSWORD).expect("a file of ours");
        Self { folder, http: free_port(), tcp: free_port(), child: None }
    }

    /// A running server.
    pub(crate) fn start() -> Self {
        let mut foreign = Self::prepare();
        foreign.run();
        foreign
    }

    /// Starts it, the first time or again, and waits until it answers.
    pub(crate) fn run(&mut self) {
        let mut command = command::bare();
        command
            .arg("engine")
            .arg("--library")
            .arg(command::engine_library())
            .arg("--config")
            .arg(self.folder.path().join("config.xml"))
            .arg("--data")
            .arg(self.folder.path().join("data"))
            .args(["--http-port", &self.http.to_string(), "--tcp-port", &self.tcp.to_string()])
            .current_dir(self.folder.path())
            // It ends when this end is closed, so also when the test dies.
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(fs::File::create(self.folder.path().join("stderr")).expect("a file of ours"));
        self.child = Some(command.spawn().expect("the engine can be started"));
        let door = self.door("default");
        wait_until("the foreign ClickHouse", seconds(60), || door.text("SELECT 1").is_ok());
    }

    /// Kills it; its data stay.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("our own child can be killed");
            child.wait().expect("our own child can be waited for");
        }
    }

    /// Its process number, while it runs.
    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    /// Its port.
    pub(crate) const fn port(&self) -> u16 {
        self.http
    }

    /// The port of the native protocol, once it was opened.
    pub(crate) const fn tcp_port(&self) -> u16 {
        self.tcp
    }

    /// `http://127.0.0.1:P`.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.http)
    }

    /// The operator's door to a database.
    pub(crate) fn door(&self, database: &str) -> Door {
        Door {
            url: self.url(),
            user: OWNER.to_owned(),
            password: PASSWORD.to_owned(),
            database: database.to_owned(),
        }
    }

    /// The operator's door to headcount's database.
    pub(crate) fn ours(&self) -> Door {
        self.door(DATABASE)
    }

    /// What a program needs to use it through `url`.
    pub(crate) fn arguments(&self, url: &str) -> Vec<String> {
        ["--clickhouse-url", url, "--clickhouse-user", OWNER].map(str::to_owned).to_vec()
    }

    /// `HEADCOUNT_CLICKHOUSE_PASSWORD_FILE` and its value.
    pub(crate) fn password(&self) -> (String, String) {
        let file: PathBuf = self.folder.path().join("password");
        ("HEADCOUNT_CLICKHOUSE_PASSWORD_FILE".to_owned(), file.display().to_string())
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("its address").port()
}
