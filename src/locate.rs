//! Where the trained network and the suites are that are used unless the user says otherwise.

use std::path::{Path, PathBuf};

/// Names the directory of the checkpoint to use.
const VARIABLE: &str = "NSODE_CHECKPOINT";

/// What a directory with a checkpoint holds.
const CONFIG: &str = "config.json";

/// The checkpoint in `$NSODE_CHECKPOINT`, which need not exist: the user means that one. Else the first of
/// the usual places that has one.
pub fn checkpoint() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os(VARIABLE).filter(|name| !name.is_empty()) {
        return Some(PathBuf::from(named));
    }
    places("checkpoints/scalar")
        .into_iter()
        .find(|directory| directory.join(CONFIG).is_file())
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
