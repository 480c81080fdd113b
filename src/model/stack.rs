//! The stack of a thread keeps what was last on it until something else is: this overwrites it.

/// How much is overwritten, bytes: an earlier pipeline and a sort were seen to use 5 KiB; there is
/// room for the events and hashes that lie on the stack since. Half of it was not measurably cheaper.
const STACK_BYTES: usize = 32 * 1024;

/// Overwrites what functions that have returned left on the stack of this thread: a token would
/// stay there until the thread's next work. What they left elsewhere is wiped as it is given back.
///
/// Call it from the function that called them.
#[inline(never)]
pub fn wipe_stack() {
    let mut room = [0_u8; STACK_BYTES];
    // Seen from outside, so that it is written.
    std::hint::black_box(&mut room);
}
