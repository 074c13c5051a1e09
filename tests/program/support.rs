//! How the tests run the program, and what they have in common.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use assert_cmd::Command;
use nsode_parser::infix::parse_system;
use nsode_parser::{Names, System};
use serde_json::Value;
use tempfile::{NamedTempFile, TempDir};

/// The root of the source tree.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The program, in `directory`, with nothing in its environment that changes what it does.
pub fn nsode_in(directory: &Path) -> Command {
    let mut command = Command::new(program());
    command
        .current_dir(directory)
        .env_remove("NSODE_CHECKPOINT")
        .env_remove("RUST_LOG")
        .env_remove("RAYON_NUM_THREADS")
        .env_remove("SLURM_ARRAY_TASK_ID")
        .env_remove("JOB_COMPLETION_INDEX");
    command
}

/// The program in the root of the source tree.
pub fn nsode() -> Command {
    nsode_in(root())
}

/// The program's file.
pub fn program() -> &'static Path {
    assert_cmd::cargo::cargo_bin!("nsode")
}

/// A directory that goes away with the test.
pub fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Runs `command`, which must end with `code`; whatever it ends with, it must not have panicked.
pub fn run(command: &mut Command, code: i32) -> Output {
    let output = command.output().unwrap();
    let stderr = text(&output.stderr);
    assert!(!stderr.contains("panicked"), "{stderr}");
    assert!(
        !stderr.contains('\x1b'),
        "colour where no terminal is: {stderr}"
    );
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    output
}

/// What `infer … --json` prints.
pub fn infer(command: &mut Command) -> Value {
    let output = run(command, 0);
    let stdout = text(&output.stdout);
    assert_eq!(stdout.lines().count(), 1, "{stdout}");
    serde_json::from_str(&stdout).unwrap()
}

/// The right-hand sides of a candidate, read back by the parser in the names of the document.
pub fn law(document: &Value, candidate: usize) -> System {
    let names = Names {
        time: document["time"].as_str().unwrap().to_string(),
        states: strings(&document["variables"]),
    };
    let rhs = strings(&document["candidates"][candidate]["rhs"]);
    parse_system(&rhs.join("\n"), Some(&names)).unwrap().0
}

pub fn strings(list: &Value) -> Vec<String> {
    let list = list.as_array().unwrap();
    list.iter()
        .map(|v| v.as_str().unwrap().to_string())
        .collect()
}

/// Every file of a directory with its bytes, in order.
pub fn contents(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<(String, Vec<u8>)> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_string();
            (name, fs::read(&path).unwrap())
        })
        .collect();
    files.sort();
    files
}

pub fn tiny_config() -> PathBuf {
    root().join("data/configs/train-tiny.toml")
}

/// A checkpoint of a network that was trained for a moment; made once.
pub fn tiny_checkpoint() -> &'static Path {
    static MADE: OnceLock<TempDir> = OnceLock::new();
    let directory = MADE.get_or_init(|| {
        let directory = folder();
        let mut train = nsode();
        train.args(["train", "--config"]).arg(tiny_config());
        run(train.arg("--out").arg(directory.path()), 0);
        directory
    });
    directory.path()
}

/// A copy of [`tiny_checkpoint`] to spoil.
pub fn copied_checkpoint() -> TempDir {
    let copy = folder();
    for (name, bytes) in contents(tiny_checkpoint()) {
        fs::write(copy.path().join(name), bytes).unwrap();
    }
    copy
}

/// A program that runs beside the test, for tests that interrupt it. Killed when it is dropped.
pub struct Running {
    pub child: Child,
    /// A file, since a pipe that nobody reads would stop the program when it is full.
    stderr: NamedTempFile,
}

impl Running {
    pub fn start(directory: &Path, arguments: &[&str]) -> Running {
        Running::spawn(
            std::process::Command::new(program())
                .current_dir(directory)
                .args(arguments),
        )
    }

    pub fn spawn(command: &mut std::process::Command) -> Running {
        let stderr = NamedTempFile::new().unwrap();
        let child = command
            .stdout(Stdio::null())
            .stderr(stderr.reopen().unwrap())
            .spawn()
            .unwrap();
        Running { child, stderr }
    }

    /// Waits until `ready`, for a minute at most. Panics when the program ends before.
    pub fn wait_until(&mut self, mut ready: impl FnMut() -> bool) {
        for _ in 0..6000 {
            if ready() {
                return;
            }
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("ended early: {status}, {}", self.stderr());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("not ready after a minute: {}", self.stderr());
    }

    /// Sends a signal.
    pub fn signal(&self, signal: i32) {
        let id = i32::try_from(self.child.id()).unwrap();
        // SAFETY: `kill` has no preconditions; the process is ours and was not waited for.
        assert_eq!(unsafe { libc::kill(id, signal) }, 0);
    }

    /// Sends Ctrl-C, and returns exit code and standard error.
    pub fn interrupt(mut self) -> (Option<i32>, String) {
        self.signal(libc::SIGINT);
        let status = self.child.wait().unwrap();
        (status.code(), self.stderr())
    }

    /// What it has written to standard error so far.
    pub fn stderr(&self) -> String {
        fs::read_to_string(self.stderr.path()).unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
