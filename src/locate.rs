//! Where the trained network is that `infer` uses unless it is told otherwise.

use std::path::{Path, PathBuf};

/// Names the directory of the checkpoint to use.
const VARIABLE: &str = "NSODE_CHECKPOINT";

/// What a directory with a checkpoint holds.
const CONFIG: &str = "config.json";

/// The checkpoint in `$NSODE_CHECKPOINT`, which need not exist: the user means that one. Else the first of
/// these that does: in the source tree of a program that was built there, in `share` beside the `bin` of
/// one that was installed, below the current directory.
pub fn checkpoint() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os(VARIABLE).filter(|name| !name.is_empty()) {
        return Some(PathBuf::from(named));
    }
    let program = std::env::current_exe().and_then(|path| path.canonicalize());
    let program = program.as_deref().unwrap_or(Path::new(""));
    let built = program.ancestors().nth(3);
    let installed = program.ancestors().nth(2);
    [
        built.map(|tree| tree.join("data/checkpoints/scalar")),
        installed.map(|prefix| prefix.join("share/nsode/checkpoints/scalar")),
        Some(PathBuf::from("data/checkpoints/scalar")),
    ]
    .into_iter()
    .flatten()
    .find(|directory| directory.join(CONFIG).is_file())
}
