//! A panic in one request ends that request, not the process.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

pin_project! {
    /// A future that answers `None` when the inner one panics.
    ///
    /// What the inner future held is dropped with it; the states it shares are behind locks that
    /// outlive a panic (`PoisonError::into_inner`).
    pub struct CatchPanic<F> {
        #[pin]
        future: F,
    }
}

impl<F: Future> CatchPanic<F> {
    /// Guards `future`.
    #[must_use]
    pub const fn new(future: F) -> Self {
        Self { future }
    }
}

impl<F: Future> Future for CatchPanic<F> {
    type Output = Option<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let inner = self.project().future;
        match catch_unwind(AssertUnwindSafe(|| inner.poll(cx))) {
            Ok(polled) => polled.map(Some),
            Err(_) => Poll::Ready(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_becomes_none_and_a_value_stays() {
        assert_eq!(CatchPanic::new(async { panic!("planted") }).await, None::<()>);
        assert_eq!(CatchPanic::new(async { 1 }).await, Some(1));
    }
}
