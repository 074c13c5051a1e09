//! Writes into each program where it finds libtorch when it starts, so that no `LD_LIBRARY_PATH` is
//! needed. The packages whose programs link with libtorch share this file: a linker argument of a
//! package reaches its own binaries, tests and benches only. What to link is torch-sys's part.

use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// Where to look when the folder that was linked with is gone, because the tree or the binary was
/// moved: the bundle of the tree that holds `target/release` (programs) or `target/release/deps`
/// (tests), then the `lib` beside an installed `bin`.
const FALLBACKS: [&str; 3] = [
    "$ORIGIN/../../.libtorch/lib",
    "$ORIGIN/../../../.libtorch/lib",
    "$ORIGIN/../lib",
];

fn main() {
    println!("cargo::rerun-if-env-changed=LIBTORCH");
    println!("cargo::rerun-if-env-changed=LIBTORCH_LIB");

    // The same rule as torch-sys.
    let Some(home) = env::var_os("LIBTORCH_LIB").or_else(|| env::var_os("LIBTORCH")) else {
        println!(
            "cargo::error=LIBTORCH is not set. .cargo/config.toml sets it when cargo is started \
             inside the repository; elsewhere, set it to the repository's .libtorch."
        );
        return;
    };
    let lib = PathBuf::from(home).join("lib");
    println!(
        "cargo::rerun-if-changed={}",
        lib.join("libtorch_cpu.so").display()
    );
    if !lib.join("libtorch_cpu.so").exists() {
        // Else the linker would complain, after everything is compiled, and with less to go on.
        println!(
            "cargo::error=there is no libtorch in {}: run `make setup` (scripts/libtorch) first.",
            lib.display()
        );
        return;
    }

    rpath(&lib.display().to_string());
    FALLBACKS.into_iter().for_each(rpath);
    if let Err(error) = share_with_doctests(&lib) {
        println!("cargo::warning=documentation tests may not find libtorch: {error}");
    }
}

/// `-Xlinker` and not `-Wl,`, which would split a path at its commas.
fn rpath(folder: &str) {
    for argument in ["-Xlinker", "-rpath", "-Xlinker", folder] {
        println!("cargo::rustc-link-arg={argument}");
    }
}

/// No linker argument reaches documentation tests. But cargo runs them with a library path made of
/// the search folders inside `target`, so one that leads to libtorch is put there.
fn share_with_doctests(lib: &Path) -> std::io::Result<()> {
    let link = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("libtorch");
    // Made anew each time: what it leads to may have changed, or be gone.
    let _ = fs::remove_file(&link);
    symlink(lib, &link)?;
    println!("cargo::rustc-link-search=native={}", link.display());
    Ok(())
}
