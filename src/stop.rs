//! Ctrl-C, and a request to terminate: the first asks the work to stop, the second ends the program.
//!
//! Work that has something to save calls [`flag`] and looks at it; other work is ended at once.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

/// Exit code of a program that was interrupted.
pub const EXIT_CODE: u8 = 130;

/// Looked at by the work; may also be set by the work's own reasons to stop.
static FLAG: AtomicBool = AtomicBool::new(false);
static BY_USER: AtomicBool = AtomicBool::new(false);
static LOOKED_AT: AtomicBool = AtomicBool::new(false);

/// Starts to listen. Called once, first of all.
pub fn listen() {
    let hang_up_ignored = ignores_hang_up();
    let outcome = ctrlc::set_handler(|| {
        let again = BY_USER.swap(true, Ordering::SeqCst);
        if again || !LOOKED_AT.load(Ordering::SeqCst) {
            end(EXIT_CODE);
        }
        FLAG.store(true, Ordering::SeqCst);
        let _ = writeln!(
            std::io::stderr(),
            "stopping; once more to stop without saving"
        );
    });
    if let Err(error) = outcome {
        tracing::warn!("Ctrl-C ends the program without saving: {error}");
    }
    if hang_up_ignored {
        // SAFETY: no handler of ours is installed, so nothing runs when the signal comes.
        unsafe { libc::signal(libc::SIGHUP, libc::SIG_IGN) };
    }
}

/// Whether the program is to outlive its terminal, as `nohup` arranges it.
fn ignores_hang_up() -> bool {
    // SAFETY: all-zero bytes are a valid `sigaction`; with no new action given, the call only writes the
    // present one to it.
    unsafe {
        let mut present: libc::sigaction = std::mem::zeroed();
        libc::sigaction(libc::SIGHUP, std::ptr::null(), &mut present) == 0
            && present.sa_sigaction == libc::SIG_IGN
    }
}

/// The flag that becomes true when the work has to stop. From now on somebody looks at it.
pub fn flag() -> &'static AtomicBool {
    LOOKED_AT.store(true, Ordering::SeqCst);
    &FLAG
}

/// Whether the user wants to stop.
pub fn by_user() -> bool {
    BY_USER.load(Ordering::SeqCst)
}

/// Ends the program at once, whatever other threads are doing. What was printed and not flushed is lost.
pub fn end(code: u8) -> ! {
    // SAFETY: `_exit` has no preconditions and does not return. `std::process::exit` would run the exit
    // handlers of libtorch, for a tenth of a second, and while its threads may compute with what those free.
    unsafe { libc::_exit(code.into()) }
}
