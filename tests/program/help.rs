//! Help and version, and that the examples in it work.

use std::os::unix::fs::symlink;

use assert_cmd::Command;

use crate::support::{folder, nsode, program, root, run, text};

fn help(verb: &[&str]) -> String {
    text(&run(nsode().args(verb).arg("--help"), 0).stdout)
}

fn examples(help: &str) -> Vec<&str> {
    let (_, examples) = help.split_once("Examples:").unwrap_or_default();
    let lines = examples.lines().map(str::trim);
    lines
        .filter(|line| line.starts_with("nsode ") || line.contains("| nsode "))
        .collect()
}

#[test]
fn the_version() {
    let output = run(nsode().arg("--version"), 0);
    let expected = format!("nsode {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(text(&output.stdout), expected);
}

#[test]
fn without_a_verb_there_is_help() {
    let output = run(&mut nsode(), 2);
    assert_eq!(text(&output.stdout), "");
    assert!(text(&output.stderr).contains("Usage: nsode"));
}

#[test]
fn the_examples_work() {
    let place = folder();
    symlink(root().join("data"), place.path().join("data")).unwrap();
    let path = std::env::join_paths(
        [program().parent().unwrap().to_path_buf()]
            .into_iter()
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    )
    .unwrap();
    for verb in [
        &[][..],
        &["infer"],
        &["simulate"],
        &["generate"],
        &["train"],
        &["eval"],
    ] {
        let help = help(verb);
        let examples = examples(&help);
        assert!(!examples.is_empty(), "{help}");
        for example in examples {
            let mut shell = Command::new("sh");
            shell.args(["-c", example]).current_dir(place.path());
            run(shell.env("PATH", &path).env_remove("NSODE_CHECKPOINT"), 0);
        }
    }
    for made in [
        "yeast.svg",
        "yeast.py",
        "spring.csv",
        "out/corpus/manifest.json",
        "out/tiny/model.safetensors",
    ] {
        assert!(place.path().join(made).is_file(), "{made}");
    }
}
