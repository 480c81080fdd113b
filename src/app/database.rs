//! The database of this process: the embedded engine, or a ClickHouse of the operator's.

use std::sync::Arc;

use crate::app::fatal::{DATABASE, Fatal, TAKEN};
use crate::config::Config;
use crate::engine::{self, Engine, EngineError, SelfCheckError, self_check};
use crate::store::{Access, Credentials, Store};
use crate::telemetry::Metrics;

/// An opened database.
pub struct Database {
    /// The client.
    pub store: Store,
    engine: Option<Engine>,
}

impl Database {
    /// Starts the engine, or points the client at the operator's server (which need not be up).
    ///
    /// # Errors
    /// When the engine is not to be had.
    pub async fn open(config: &Config, metrics: Arc<Metrics>) -> Result<Self, Fatal> {
        if let Some(url) = &config.clickhouse_url {
            return Ok(Self { store: Store::new(external(config, url)), engine: None });
        }
        let Some(library) = config.engine_library.clone() else {
            return Err(Fatal::say(
                DATABASE,
                "no engine library found: run `npm ci` in headcount's folder, name one with \
                 --engine-library, or use a ClickHouse of your own with --clickhouse-url",
            ));
        };
        let engine = Engine::start(
            engine::Config {
                library,
                data_dir: config.data_dir.join("engine"),
                memory_bytes: config.engine_memory,
                http_port: config.engine_http_port,
                program: None,
            },
            metrics,
        )
        .await
        .map_err(|error| {
            let taken = matches!(error, EngineError::PortTaken(_) | EngineError::Locked(_));
            Fatal::new(if taken { TAKEN } else { DATABASE }, error)
        })?;
        let access = engine.access();
        let user = |user: &engine::User| Credentials {
            user: user.user.clone(),
            password: user.password.clone(),
        };
        let store = Store::new(Access {
            url: access.url.clone(),
            database: access.database.clone(),
            insert: user(&access.insert),
            read: user(&access.read),
            settings: user(&access.settings),
            schema: user(&access.schema),
        });
        Ok(Self { store, engine: Some(engine) })
    }

    /// `embedded` or `external`, as the ready line says.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        if self.engine.is_some() { "embedded" } else { "external" }
    }

    /// Asks the embedded engine for what it must refuse; `None` for a server of the operator's.
    pub async fn self_check(&self) -> Option<Result<(), SelfCheckError>> {
        let access = self.engine.as_ref()?.access();
        let port = access.url.rsplit(':').next()?.trim_end_matches('/').parse().ok()?;
        Some(self_check::run(port, None, access).await)
    }

    /// Stops the embedded engine in good order.
    pub async fn close(self) {
        if let Some(engine) = self.engine {
            engine.stop().await;
        }
    }
}

fn external(config: &Config, url: &str) -> Access {
    let password = config
        .clickhouse_password
        .as_ref()
        .map_or(String::new(), |secret| secret.expose().to_owned());
    let user = || Credentials { user: config.clickhouse_user.clone(), password: password.clone() };
    Access {
        url: url.to_owned(),
        database: config.clickhouse_database.clone(),
        insert: user(),
        read: user(),
        settings: user(),
        schema: user(),
    }
}
