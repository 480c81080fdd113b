//! Panics are logged by place only: their message could hold a part of a request.

use std::panic::PanicHookInfo;

/// Installs the hook for the whole process.
pub fn install() {
    std::panic::set_hook(Box::new(log));
}

fn log(info: &PanicHookInfo<'_>) {
    let place = info.location().map_or_else(
        || "an unknown place".to_owned(),
        |location| format!("{}:{}", location.file(), location.line()),
    );
    tracing::error!(%place, "A panic; this is a fault of headcount, please report the place.");
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::Command;
    use std::sync::{Arc, Mutex};

    use super::*;

    /// An address as a panic message could hold it.
    const CANARY: &str = "198.51.100.77";

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

    impl Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// The hook is the process's, so a process of its own panics and prints what was logged.
    #[test]
    fn a_panic_is_logged_by_place_without_its_message() {
        const ROLE: &str = "HEADCOUNT_TEST_PANICS";
        let name = "app::panic_hook::tests::a_panic_is_logged_by_place_without_its_message";
        if std::env::args().any(|argument| argument == ROLE) {
            let log_lines = Captured::default();
            let writer = log_lines.clone();
            let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
            install();
            tracing::subscriber::with_default(subscriber, || {
                drop(std::panic::catch_unwind(|| panic!("refused {CANARY}")));
            });
            // The control: the same writer shows what is logged on purpose.
            print!("{}planted {CANARY}", String::from_utf8_lossy(&log_lines.0.lock().unwrap()));
            return;
        }
        let output = Command::new(std::env::current_exe().unwrap())
            .args([name, "--exact", "--nocapture", ROLE])
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        assert!(text.contains("panic_hook.rs:"), "the place is logged: {text}");
        assert_eq!(text.matches(CANARY).count(), 1, "only the planted one is there: {text}");
        assert!(text.contains(&format!("planted {CANARY}")), "{text}");
    }
}
