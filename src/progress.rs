//! Progress on standard error: bars for what takes longer than two seconds, on a terminal only; and lines.

use std::io::{IsTerminal, Write};
use std::sync::{LazyLock, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// What is done sooner than this has no bar.
const PATIENCE: Duration = Duration::from_secs(2);
/// Between two pictures of a bar that moves by itself.
const TICK: Duration = Duration::from_millis(120);

/// All bars. Text that is written between them goes through [`MultiProgress::suspend`].
pub fn bars() -> &'static MultiProgress {
    static BARS: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);
    &BARS
}

/// Whether anybody looks at bars.
pub fn watched() -> bool {
    std::io::stderr().is_terminal()
}

/// Writes a line to standard error.
pub fn line(text: &str) {
    bars().suspend(|| {
        // Nobody may be listening; that is no reason to stop.
        let _ = writeln!(std::io::stderr(), "{text}");
    });
}

/// Writes a warning to standard error.
pub fn warn(text: &str) {
    line(&format!("warning: {text}"));
}

/// Work of known size.
pub struct Bar {
    bar: Option<ProgressBar>,
    total: u64,
    template: &'static str,
    started: Instant,
}

impl Bar {
    /// A bar of `total` steps, drawn as `template` says once two seconds have passed.
    pub fn new(total: u64, template: &'static str) -> Bar {
        Bar {
            bar: None,
            total,
            template,
            started: Instant::now(),
        }
    }

    /// Shows that `done` steps are done, and `message`.
    pub fn set(&mut self, done: u64, message: impl FnOnce() -> String) {
        if self.bar.is_none() && self.started.elapsed() >= PATIENCE && watched() {
            let style = ProgressStyle::with_template(self.template)
                .unwrap_or_else(|_| ProgressStyle::default_bar())
                .progress_chars("━╸─");
            let bar = bars().add(ProgressBar::new(self.total).with_style(style));
            // Steps of an earlier run would make the speed too good to be true.
            bar.set_position(done);
            bar.reset_eta();
            self.bar = Some(bar);
        }
        if let Some(bar) = &self.bar {
            bar.set_position(done);
            bar.set_message(message());
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Work of unknown length: a sign of life after two seconds, until it is dropped.
pub struct Spinner {
    messages: Option<mpsc::Sender<&'static str>>,
    thread: Option<JoinHandle<()>>,
}

impl Spinner {
    /// Starts to wait.
    pub fn start(message: &'static str) -> Spinner {
        if !watched() {
            return Spinner {
                messages: None,
                thread: None,
            };
        }
        let (messages, received) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("spinner".to_string())
            .spawn(move || spin(message, &received))
            .ok();
        Spinner {
            messages: Some(messages),
            thread,
        }
    }

    /// Says what is done now.
    pub fn say(&self, message: &'static str) {
        if let Some(messages) = &self.messages {
            // A thread that could not be started does not listen.
            let _ = messages.send(message);
        }
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        self.messages = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn spin(mut message: &'static str, received: &mpsc::Receiver<&'static str>) {
    let started = Instant::now();
    loop {
        let left = PATIENCE.saturating_sub(started.elapsed());
        match received.recv_timeout(left) {
            Ok(new) => message = new,
            Err(mpsc::RecvTimeoutError::Timeout) => break,
            Err(mpsc::RecvTimeoutError::Disconnected) => return,
        }
    }
    let style = ProgressStyle::with_template("{spinner} {msg}, {elapsed}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner());
    let bar = bars().add(
        ProgressBar::new_spinner()
            .with_style(style)
            .with_elapsed(started.elapsed()),
    );
    bar.set_message(message);
    bar.enable_steady_tick(TICK);
    while let Ok(new) = received.recv() {
        bar.set_message(new);
    }
    bar.finish_and_clear();
}
