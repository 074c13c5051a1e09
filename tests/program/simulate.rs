//! `nsode simulate`: the table it writes, its seed, and that `infer` finds the law again.

use std::fs;

use crate::support::{folder, infer, law, nsode, nsode_in, program, run, text};

/// Header, and rows of numbers.
fn table(csv: &str) -> (String, Vec<Vec<f64>>) {
    let mut lines = csv.lines();
    let header = lines.next().unwrap().to_string();
    let rows = lines.map(|l| l.split(',').map(|c| c.parse().unwrap()).collect());
    (header, rows.collect())
}

fn simulate(arguments: &[&str]) -> String {
    text(&run(nsode().arg("simulate").args(arguments), 0).stdout)
}

#[test]
fn solutions_are_exact() {
    let (header, rows) = table(&simulate(&["-0.5*y", "--y0", "-3", "--t", "-1:9:21"]));
    assert_eq!((header.as_str(), rows.len()), ("t,y", 21));
    assert_eq!(rows[0], [-1.0, -3.0]);
    assert_eq!(rows[2][0], 0.0);
    for row in rows {
        let exact = -3.0 * (-0.5 * (row[0] + 1.0)).exp();
        assert!((row[1] - exact).abs() < 1e-9, "{row:?}, {exact}");
    }
}

#[test]
fn headers_name_the_states() {
    let t = ["--y0", "1,-2", "--t", "0:1:5"];
    for (formula, header) in [
        ("dprey/dt = prey; dfox/dt = -fox", "t,prey,fox"),
        ("x1' = x2; x2' = -x1", "t,x1,x2"),
        ("x2; -x1", "t,x1,x2"),
        ("du/dτ = v; dv/dτ = -u", "τ,u,v"),
    ] {
        let (found, rows) = table(&simulate(&[&[formula][..], &t].concat()));
        assert_eq!(found, header);
        assert_eq!(rows[0], [0.0, 1.0, -2.0]);
    }
}

#[test]
fn noise_and_dropping_follow_the_seed() {
    let arguments = |seed| {
        let law = "0.79*y*(1 - y/74.3)";
        let t = ["--y0", "7.3", "--t", "0:10:150"];
        [
            &[law][..],
            &t,
            &["--noise", "0.05", "--drop", "0.5", "--seed", seed],
        ]
        .concat()
    };
    let one = simulate(&arguments("1"));
    assert_eq!(one, simulate(&arguments("1")));
    assert_ne!(one, simulate(&arguments("2")));
    let (_, rows) = table(&one);
    assert!((40..110).contains(&rows.len()), "{}", rows.len());
    assert!(rows.windows(2).all(|w| w[0][0] < w[1][0]));
    let exact = |t: f64| 74.3 / (1.0 + (74.3 / 7.3 - 1.0) * (-0.79 * t).exp());
    let relative: Vec<f64> = rows.iter().map(|r| r[1] / exact(r[0]) - 1.0).collect();
    let deviation = (relative.iter().map(|e| e * e).sum::<f64>() / relative.len() as f64).sqrt();
    assert!((0.03..0.08).contains(&deviation), "{deviation}");
}

#[test]
fn a_file_gets_the_same_table() {
    let place = folder();
    let file = place.path().join("a.csv");
    fs::write(&file, "what was there").unwrap();
    let arguments = ["y*cos(t)", "--y0", "1", "--t", "0:7:30"];
    let mut command = nsode_in(place.path());
    command
        .arg("simulate")
        .args(arguments)
        .args(["--out", "a.csv"]);
    assert_eq!(text(&run(&mut command, 0).stdout), "");
    assert_eq!(fs::read_to_string(file).unwrap(), simulate(&arguments));
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let mut child = std::process::Command::new(program())
        .args(["simulate", "-y", "--y0", "1", "--t", "0:1:200000"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(text(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
}

/// A law that was simulated is found again: the right-hand side within 1 % of its largest value, over the
/// states that were visited.
#[test]
fn laws_are_found_again() {
    for (formula, y0, t, names) in [
        ("0.79*y*(1 - y/74.3)", "7.3", "0:10:150", vec!["y"]),
        ("0.3*(20 - y)", "90", "0:15:100", vec!["y"]),
        (
            "dx/dt = v; dv/dt = -4*x - 0.3*v",
            "1,0",
            "0:8:120",
            vec!["x", "v"],
        ),
    ] {
        let place = folder();
        let csv = simulate(&[formula, "--y0", y0, "--t", t]);
        fs::write(place.path().join("a.csv"), &csv).unwrap();
        let mut command = nsode_in(place.path());
        command.args([
            "infer",
            "a.csv",
            "--json",
            "--proposers",
            "sparse",
            "--top",
            "3",
        ]);
        let document = infer(&mut command);
        assert_eq!(crate::support::strings(&document["variables"]), names);
        let found = law(&document, 0);
        let (truth, _) = nsode_parser::infix::parse_system(formula, None).unwrap();
        let rows = table(&csv).1;
        for (found, truth) in found.rhs().iter().zip(truth.rhs()) {
            let values = |rhs: &nsode_parser::Expr| -> Vec<f64> {
                let at = |row: &Vec<f64>| rhs.eval(row[0], &row[1..], &[]);
                rows.iter().map(at).collect()
            };
            let (found, truth) = (values(found), values(truth));
            let largest = truth.iter().fold(0.0_f64, |m, f| m.max(f.abs()));
            for (f, g) in found.iter().zip(&truth) {
                assert!((f - g).abs() < 0.01 * largest, "{formula}: {f}, {g}");
            }
        }
    }
}
