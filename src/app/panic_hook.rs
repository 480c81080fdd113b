//! Panics are logged by place only: their message could hold a part of a request.

/// Installs the hook for the whole process.
pub fn install() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map_or_else(
            || "an unknown place".to_owned(),
            |location| format!("{}:{}", location.file(), location.line()),
        );
        tracing::error!(%place, "A panic; this is a fault of headcount, please report the place.");
    }));
}
