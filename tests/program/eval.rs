//! `nsode eval`: what it writes, that it goes on where it was stopped, and that others are judged alike.

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use serde_json::Value;

use crate::support::{contents, folder, nsode_in, run, strings, text};

const SUITE: &str = r#"
name = "two"
[[problem]]
id = "decay"
field = "physics"
equations = ["dA/dt = -0.5*A"]
initial = [[3.0], [1.0]]
span = [0.0, 4.0]
[[problem]]
id = "spring"
field = "physics"
equations = ["dx/dt = v", "dv/dt = -x - 0.1*v"]
initial = [[1.0, 0.0], [0.0, 2.0]]
span = [0.0, 10.0]
"#;

/// `nsode eval` on the first of two systems, in a directory that has their suite.
fn eval(place: &Path) -> Command {
    fs::write(place.join("two.toml"), SUITE).unwrap();
    let mut command = nsode_in(place);
    command.args(["eval", "--suite", "two.toml", "--limit", "1", "--proposers"]);
    command.arg("sparse:5");
    command
}

/// The lines of a file, without what depends on the machine.
fn records(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).unwrap();
    let mut records: Vec<Value> = text
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    for record in &mut records {
        record["seconds"] = Value::Null;
    }
    records.sort_by_key(|record| record["case"].to_string());
    records
}

/// The share of a figure in the first group of a summary.
fn share(summary: &Value, figure: &str) -> f64 {
    let shares = summary["groups"][0]["shares"].as_array().unwrap();
    let share = shares.iter().find(|share| share["figure"] == figure);
    share.unwrap()["share"].as_f64().unwrap()
}

fn json(command: &mut Command) -> Value {
    serde_json::from_slice(&run(command, 0).stdout).unwrap()
}

#[test]
fn an_easy_law_is_found_in_every_case() {
    let place = folder();
    let summary = json(eval(place.path()).args(["--condition", "clean", "--json", "--out", "out"]));
    for figure in ["recon", "recon999", "gen", "skeleton", "law1", "valid"] {
        assert_eq!(share(&summary, figure), 1.0, "{figure}");
    }
    assert_eq!(summary["groups"][0]["system"], "nsode sparse:5");
    let out = place.path().join("out");
    let found = records(&out.join("results.jsonl"));
    assert_eq!(found.len(), 2);
    assert_eq!(found[0]["case"], "two/decay/1/clean");
    assert_eq!(strings(&found[0]["truth"]), ["-0.5*A"]);
    assert_eq!(found[0]["source"], "sparse");
    let markdown = text(&run(nsode_in(place.path()).args(["eval", "--table", "out"]), 0).stdout);
    assert!(markdown.starts_with("| system |") && markdown.contains("| 100.0 (100–100) |"));
}

#[test]
fn any_number_of_workers_and_any_interruption_give_the_same() {
    let place = folder();
    let noisy = ["--noise", "0.05", "--drop", "0,0.5", "--points", "40,80"];
    run(
        eval(place.path())
            .args(noisy)
            .args(["--jobs", "1", "--out", "a"]),
        0,
    );
    run(
        eval(place.path())
            .args(noisy)
            .args(["--jobs", "3", "--out", "b"]),
        0,
    );
    let (a, b) = (place.path().join("a"), place.path().join("b"));
    let whole = records(&a.join("results.jsonl"));
    assert_eq!(whole.len(), 8);
    assert_eq!(whole, records(&b.join("results.jsonl")));
    // One axis has two values under equal noise, the other has, too.
    for picture in ["two-dropping.svg", "two-points.png"] {
        assert!(a.join(picture).is_file(), "{picture}");
    }
    // A kill in the middle of the fourth line.
    let text = fs::read_to_string(b.join("results.jsonl")).unwrap();
    let third = text.match_indices('\n').nth(2).unwrap().0;
    fs::write(b.join("results.jsonl"), &text[..third + 100]).unwrap();
    let output = run(eval(place.path()).args(noisy).args(["--out", "b"]), 0);
    let said = crate::support::text(&output.stderr);
    assert!(said.contains("3 of 8 cases are there already"), "{said}");
    assert_eq!(whole, records(&b.join("results.jsonl")));
    // Another seed is another run.
    let output = run(
        eval(place.path())
            .args(noisy)
            .args(["--out", "b", "--seed", "1"]),
        2,
    );
    let said = crate::support::text(&output.stderr);
    assert!(said.contains("another seed (0, now 1)"), "{said}");
}

#[test]
fn others_see_the_same_and_are_judged_alike() {
    let place = folder();
    fs::write(place.path().join("two.toml"), SUITE).unwrap();
    let eval = |arguments: &[&str]| {
        let mut command = nsode_in(place.path());
        command.args(["eval", "--suite", "two.toml", "--condition", "hard"]);
        command.args(arguments);
        command
    };
    run(&mut eval(&["--export", "seen"]), 0);
    let cases = fs::read_to_string(place.path().join("seen/cases.jsonl")).unwrap();
    assert!(!cases.contains("0.5*A"));
    let cases: Vec<Value> = cases
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert_eq!(cases.len(), 4);
    let mut answers = Vec::new();
    for case in &cases {
        let file = place
            .path()
            .join("seen")
            .join(case["file"].as_str().unwrap());
        let table = fs::read_to_string(file).unwrap();
        assert_eq!(
            table.lines().count(),
            1 + case["observed"].as_u64().unwrap() as usize
        );
        let rhs = match strings(&case["states"]).as_slice() {
            [_] => vec!["-A**1/2"],
            _ => vec!["v", "-x - 0.1*v"],
        };
        let (case, run) = (&case["case"], case["run"].as_u64());
        answers.push(match run {
            Some(1) => {
                serde_json::json!({"case": case, "rhs": rhs, "seconds": 2.0, "system": "oracle"})
            }
            _ => serde_json::json!({"case": case, "rhs": ["sin("], "seconds": 4.0}),
        });
    }
    // One case is not answered at all.
    answers.pop();
    let lines: Vec<String> = answers.iter().map(|a| a.to_string() + "\n").collect();
    fs::write(place.path().join("answers.jsonl"), lines.concat()).unwrap();
    let summary = json(&mut eval(&[
        "--score",
        "answers.jsonl",
        "--json",
        "--out",
        "scored",
    ]));
    assert_eq!(summary["groups"][0]["system"], "oracle");
    for figure in ["recon999", "gen", "skeleton", "law1", "valid"] {
        assert_eq!(share(&summary, figure), 0.5, "{figure}");
    }
    let scored = records(&place.path().join("scored/results.jsonl"));
    let errors: Vec<&Value> = scored.iter().map(|record| &record["error"]).collect();
    assert_eq!((errors[0], errors[2]), (&Value::Null, &Value::Null));
    assert!(errors[1].as_str().unwrap().starts_with("sin("));
    assert_eq!(errors[3], "no answer");
    assert_eq!(
        (&scored[1]["recon"], &scored[1]["law"]),
        (&(-1.0).into(), &1e9.into())
    );
}

#[test]
fn the_gate_opens_for_equal_results_and_closes_for_worse_ones() {
    let place = folder();
    let all = ["--condition", "clean,noisy,irregular,hard"];
    run(
        eval(place.path())
            .args(all)
            .args(["--accept", "base.json", "--out", "a"]),
        0,
    );
    run(
        eval(place.path())
            .args(all)
            .args(["--baseline", "base.json", "--out", "a"]),
        0,
    );
    // Wrong answers for all cases.
    let wrong = fs::read_to_string(place.path().join("a/results.jsonl")).unwrap();
    let case = |l: &str| serde_json::from_str::<Value>(l).unwrap()["case"].clone();
    let answer =
        |l: &str| serde_json::json!({"case": case(l), "rhs": ["A"], "seconds": 1}).to_string();
    let wrong: Vec<String> = wrong.lines().map(answer).collect();
    fs::write(place.path().join("wrong.jsonl"), wrong.join("\n")).unwrap();
    let mut worse = nsode_in(place.path());
    worse.args([
        "eval",
        "--suite",
        "two.toml",
        "--limit",
        "1",
        "--score",
        "wrong.jsonl",
    ]);
    let output = run(worse.args(["--baseline", "base.json", "--against", "a"]), 1);
    let (said, table) = (text(&output.stderr), text(&output.stdout));
    assert!(said.contains("gen fell below the baseline"), "{said}");
    assert!(table.contains("- law1 two/decay/1/clean"), "{table}");
    // Cases that the baseline does not know are no reason to pass.
    let mut other = nsode_in(place.path());
    other.args([
        "eval",
        "--suite",
        "two.toml",
        "--condition",
        "clean",
        "--points",
        "50",
    ]);
    other.args([
        "--limit",
        "1",
        "--proposers",
        "frequent:3",
        "--baseline",
        "base.json",
    ]);
    run(&mut other, 2);
}

#[test]
fn a_process_of_its_own_says_the_same() {
    let place = folder();
    let clean = ["--condition", "clean"];
    run(eval(place.path()).args(clean).args(["--out", "a"]), 0);
    run(
        eval(place.path())
            .args(clean)
            .args(["--out", "b", "--process"]),
        0,
    );
    let figures = |name: &str| {
        let records = records(&place.path().join(name).join("results.jsonl"));
        let figures = records
            .iter()
            .map(|r| (r["skeleton"].clone(), r["rank"].clone()));
        figures.collect::<Vec<_>>()
    };
    assert_eq!(figures("a"), figures("b"));
}

#[test]
fn what_makes_no_sense_is_refused() {
    let place = folder();
    for (arguments, word) in [
        (&["--suite", "none"][..], "no suite of this name"),
        (&["--suite", "two.toml,two.toml"], "two suites"),
        (&["--suite", "two.toml", "--condition", "tidy"], "tidy"),
        (&["--suite", "two.toml", "--noise", "-1"], "--noise -1"),
        (&["--suite", "two.toml", "--drop", "1"], "--drop 1"),
        (&["--suite", "two.toml", "--points", "2"], "--points 2"),
        (
            &["--suite", "two.toml", "--proposers", "frequent:0"],
            "number of candidates",
        ),
        (
            &["--suite", "two.toml", "--proposers", "sparse,sparse:3"],
            "sparse twice",
        ),
        (&["--suite", "two.toml", "--proposers", "local"], "variants"),
        (&["--suite", "two.toml", "--jobs", "0"], "--jobs 0"),
        (
            &["--suite", "two.toml", "--score", "none.jsonl"],
            "none.jsonl",
        ),
        (
            &["--suite", "blow.toml"],
            "run 1 of the true law has no solution",
        ),
    ] {
        fs::write(place.path().join("two.toml"), SUITE).unwrap();
        fs::write(
            place.path().join("blow.toml"),
            SUITE.replace("-0.5*A", "A^2"),
        )
        .unwrap();
        let output = run(nsode_in(place.path()).arg("eval").args(arguments), 2);
        let said = text(&output.stderr);
        assert!(said.contains(word), "{said}: {word}");
    }
    assert_eq!(contents(place.path()).len(), 2);
}

#[test]
fn the_true_shape_can_be_told_and_parts_of_the_search_left_out() {
    let place = folder();
    fs::write(place.path().join("two.toml"), SUITE).unwrap();
    let told = |more: &[&str]| {
        let mut command = nsode_in(place.path());
        command.args([
            "eval", "--suite", "two.toml", "--limit", "1", "--noise", "0.02",
        ]);
        command.args(["--proposers", "told", "--json"]).args(more);
        command
    };
    let summary = json(&mut told(&["--out", "told"]));
    assert_eq!(share(&summary, "skeleton"), 1.0);
    let summary = json(&mut told(&[
        "--out",
        "plain",
        "--without",
        "refinement,weights,sizes,prior",
    ]));
    assert_eq!(
        summary["groups"][0]["system"],
        "nsode told without refinement,prior,sizes,weights"
    );
    let (fitted, plain) = (place.path().join("told"), place.path().join("plain"));
    let law = |run: &Path| records(&run.join("results.jsonl"))[0]["found"].clone();
    assert_ne!(law(&fitted), law(&plain));
    // What is left out makes another run.
    let said = text(&run(&mut told(&["--out", "told", "--without", "prior"]), 2).stderr);
    assert!(said.contains("without prior"), "{said}");
    let said = text(&run(&mut told(&["--without", "luck"]), 2).stderr);
    assert!(
        said.contains("refinement, prior, sizes, exact, neighbours and weights"),
        "{said}"
    );
    let said = text(&run(&mut told(&["--process"]), 2).stderr);
    assert!(said.contains("nobody tells the true shape"), "{said}");
}

#[test]
fn outliers_and_losses_are_named_and_checked() {
    let place = folder();
    let mut command = eval(place.path());
    command.args([
        "--noise",
        "0.01",
        "--outliers",
        "0,0.1",
        "--loss",
        "student",
    ]);
    run(command.args(["--out", "out"]), 0);
    let found = records(&place.path().join("out/results.jsonl"));
    let conditions: Vec<&str> = found
        .iter()
        .map(|r| r["condition"].as_str().unwrap())
        .collect();
    assert_eq!(conditions.len(), 4);
    for condition in ["noise=0.01+drop=0", "noise=0.01+drop=0+outliers=0.1"] {
        assert_eq!(conditions.iter().filter(|c| **c == condition).count(), 2);
    }
    for record in &found {
        assert!(record["law"].as_f64().unwrap() < 0.05, "{record}");
        assert_eq!(record["system"], "nsode sparse:5, loss student");
    }
    // Another loss is another run.
    let mut other = eval(place.path());
    let refused = run(other.args(["--noise", "0.01", "--out", "out"]), 2);
    assert!(
        text(&refused.stderr).contains("out"),
        "{}",
        text(&refused.stderr)
    );
    for wrong in [
        ["--outliers", "0.7"],
        ["--outliers", "nan"],
        ["--loss", "median"],
    ] {
        let refused = run(eval(place.path()).args(wrong), 2);
        assert!(
            text(&refused.stderr).contains(wrong[0]),
            "{}",
            text(&refused.stderr)
        );
    }
}
