//! Where the trained networks and the suites are that are used unless the user says otherwise.

use std::path::{Path, PathBuf};

/// Names the directory of the checkpoint to use, or of several.
const VARIABLE: &str = "NSODE_CHECKPOINT";

/// What a directory with a checkpoint holds.
const CONFIG: &str = "config.json";

/// In a directory of several checkpoints, the one for laws of one state, and the one for laws of more.
const SCALAR: &str = "scalar";
const SYSTEMS: &str = "systems";

/// The directory of one checkpoint or of several that `$NSODE_CHECKPOINT` names, which need not exist: the user means
/// that one. Else the first of the usual places that has any.
pub fn checkpoints() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os(VARIABLE).filter(|name| !name.is_empty()) {
        return Some(PathBuf::from(named));
    }
    let any = |directory: &PathBuf| {
        [SCALAR, SYSTEMS]
            .iter()
            .any(|own| is_one(&directory.join(own)))
    };
    places("checkpoints").into_iter().find(any)
}

/// The checkpoint for systems of so many states: `directory` itself, or of the two in it the one that is meant for
/// them, or the other, if there is only that.
pub fn checkpoint(directory: &Path, states: usize) -> PathBuf {
    if is_one(directory) {
        return directory.to_path_buf();
    }
    let own = match states {
        1 => [SCALAR, SYSTEMS],
        _ => [SYSTEMS, SCALAR],
    };
    let own = own.map(|name| directory.join(name));
    // One that is damaged is meant all the same: an error will say so.
    let found = own.into_iter().find(|directory| directory.is_dir());
    found.unwrap_or_else(|| directory.to_path_buf())
}

fn is_one(directory: &Path) -> bool {
    directory.join(CONFIG).is_file()
}

/// The file of the suite of this name.
pub fn suite(name: &str) -> Option<PathBuf> {
    let directories = places("suites").into_iter();
    let mut files =
        directories.flat_map(|d| ["toml", "jsonl"].map(|e| d.join(format!("{name}.{e}"))));
    files.find(|file| file.is_file())
}

/// The names of all suites.
pub fn suites() -> Vec<String> {
    let directories = places("suites").into_iter();
    let Some(files) = directories.flat_map(std::fs::read_dir).next() else {
        return Vec::new();
    };
    let mut names: Vec<String> = files
        .flatten()
        .map(|entry| entry.path())
        .filter(|file| {
            file.extension()
                .is_some_and(|e| e == "toml" || e == "jsonl")
        })
        .filter_map(|file| Some(file.file_stem()?.to_str()?.to_string()))
        .collect();
    names.sort();
    names
}

/// Where `part` of `data` may be: in the source tree of a program that was built there, in `share` beside the
/// `bin` of one that was installed, below the current directory.
fn places(part: &str) -> Vec<PathBuf> {
    let program = std::env::current_exe().and_then(|path| path.canonicalize());
    let program = program.as_deref().unwrap_or(Path::new(""));
    let built = program.ancestors().nth(3);
    let installed = program.ancestors().nth(2);
    [
        built.map(|tree| tree.join("data").join(part)),
        installed.map(|prefix| prefix.join("share/nsode").join(part)),
        Some(Path::new("data").join(part)),
    ]
    .into_iter()
    .flatten()
    .collect()
}
