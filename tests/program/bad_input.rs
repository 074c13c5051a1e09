//! Input that can't be used: exit code 2, nothing on standard output, and a message with file, line,
//! column and remedy. The cases are in `bad_input.toml`; here are those that are too large for it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use assert_cmd::Command;
use serde::Deserialize;
use tempfile::TempDir;

use crate::support::{folder, nsode_in, root, run, text};

#[derive(Deserialize)]
struct Cases {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    why: String,
    run: Vec<String>,
    #[serde(default)]
    files: BTreeMap<String, String>,
    #[serde(default)]
    folders: Vec<String>,
    #[serde(default)]
    stdin: String,
    first: Vec<String>,
    #[serde(default)]
    says: Vec<String>,
}

/// A directory with links to the data of the source tree.
fn workplace() -> TempDir {
    let place = folder();
    for name in ["data", "testdata"] {
        symlink(root().join(name), place.path().join(name)).unwrap();
    }
    place
}

/// Runs `command`, which must fail, and returns what it says.
fn complaint(command: &mut Command) -> String {
    let output = run(command, 2);
    assert_eq!(text(&output.stdout), "");
    text(&output.stderr)
}

#[test]
fn every_case_is_explained() {
    let file = root().join("tests/program/bad_input.toml");
    let cases: Cases = toml::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    assert!(cases.case.len() > 40);
    for case in cases.case {
        let place = workplace();
        for name in &case.folders {
            fs::create_dir(place.path().join(name)).unwrap();
        }
        for (name, text) in &case.files {
            fs::write(place.path().join(name), text).unwrap();
        }
        let mut command = nsode_in(place.path());
        let said = complaint(command.args(&case.run).write_stdin(case.stdin));
        let first = said.lines().next().unwrap_or_default();
        for fragment in &case.first {
            assert!(
                first.contains(fragment.as_str()),
                "{}: no {fragment:?} in the first line of\n{said}",
                case.why
            );
        }
        for fragment in &case.says {
            assert!(
                said.contains(fragment.as_str()),
                "{}: no {fragment:?} in\n{said}",
                case.why
            );
        }
    }
}

fn simulate(place: &Path) -> Command {
    let mut command = nsode_in(place);
    command.args(["simulate", "-", "--y0", "1", "--t", "0:1:5"]);
    command
}

#[test]
fn a_formula_of_a_megabyte() {
    let place = folder();
    let formula = format!("y{}", " + 0.5*y".repeat(125_000));
    assert!(formula.len() >= 1_000_000);
    let said = complaint(simulate(place.path()).write_stdin(formula));
    let first = said.lines().next().unwrap();
    assert!(first.contains("standard input, line 1, column 1"), "{said}");
    assert!(first.contains("1000001 bytes"), "{said}");
    assert!(said.contains("Write a smaller formula"), "{said}");
    assert!(said.len() < 2000, "{said}");
}

#[test]
fn a_formula_of_ten_thousand_parentheses() {
    let place = folder();
    let formula = format!("{}y{}", "(".repeat(10_000), ")".repeat(10_000));
    // as an argument and from standard input
    let mut argument = nsode_in(place.path());
    argument.args(["simulate", &formula, "--y0", "1", "--t", "0:1:5"]);
    for (command, name) in [
        (&mut argument, "formula"),
        (
            simulate(place.path()).write_stdin(formula.clone()),
            "standard input",
        ),
    ] {
        let said = complaint(command);
        let first = said.lines().next().unwrap();
        assert!(
            first.contains(&format!("{name}, line 1, column 257")),
            "{said}"
        );
        assert!(first.contains("256 levels"), "{said}");
        assert!(said.contains(&format!("{name}:1:257")), "{said}");
        assert!(said.len() < 2000, "{said}");
    }
}

#[test]
fn a_formula_that_is_no_text() {
    let place = folder();
    let said = complaint(simulate(place.path()).write_stdin(b"y\n+\n\xff".to_vec()));
    assert!(said.contains("standard input, line 3"), "{said}");
}

#[test]
fn bytes_at_random() {
    let place = folder();
    // a linear congruential generator: the same bytes each time
    let mut state = 1_u64;
    let bytes: Vec<u8> = std::iter::repeat_with(|| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 56) as u8
    })
    .take(100_000)
    .collect();
    fs::write(place.path().join("random.csv"), bytes).unwrap();
    let said = complaint(nsode_in(place.path()).args(["infer", "random.csv"]));
    let first = said.lines().next().unwrap();
    assert!(first.contains("random.csv, line 1"), "{said}");
    assert!(said.contains("help: "), "{said}");
}

#[test]
fn an_output_without_space_is_an_error() {
    if !Path::new("/dev/full").exists() {
        return;
    }
    let place = folder();
    let mut command = nsode_in(place.path());
    command.args([
        "simulate",
        "y",
        "--y0",
        "1",
        "--t",
        "0:1:5",
        "--out",
        "/dev/full",
    ]);
    let said = complaint(&mut command);
    assert!(said.contains("--out /dev/full: no space left"), "{said}");
}

#[test]
fn a_failed_check_leaves_nothing_behind() {
    let place = workplace();
    fs::write(place.path().join("a.csv"), "t,y\n0,1\n1,x\n").unwrap();
    complaint(nsode_in(place.path()).args(["infer", "a.csv", "--plot", "a.svg"]));
    let mut left: Vec<_> = fs::read_dir(place.path())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["a.csv", "data", "testdata"]);
}
