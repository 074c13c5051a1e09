//! `nsode infer`: the measured series that come with the program, the JSON, and imperfect tables.

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use serde_json::Value;

use crate::support::{
    Running, folder, infer, law, nsode, nsode_in, run, strings, text, tiny_checkpoint,
};

const YEAST: [&str; 4] = [
    "infer",
    "data/examples/yeast.csv",
    "--proposers",
    "sparse,local",
];

/// `infer`, with the JSON of the laws that regression finds in `table`, a file of `place`.
fn sparse(place: &Path, table: &str) -> Command {
    let mut command = nsode_in(place);
    command.args([
        "infer",
        table,
        "--json",
        "--proposers",
        "sparse",
        "--top",
        "3",
    ]);
    command
}

#[test]
fn a_table_may_be_piped_in() {
    let table = fs::read_to_string(crate::support::root().join("data/examples/yeast.csv")).unwrap();
    let place = folder();
    let piped = infer(sparse(place.path(), "-").write_stdin(table.clone()));
    fs::write(place.path().join("yeast.csv"), table).unwrap();
    let read = infer(&mut sparse(place.path(), "yeast.csv"));
    assert_eq!(piped["candidates"], read["candidates"]);
}

#[test]
fn yeast_grows_logistically() {
    let mut command = nsode();
    command.args([
        "infer",
        "data/examples/yeast.csv",
        "--json",
        "--proposers",
        "sparse",
    ]);
    let document = infer(&mut command);
    let best = &document["candidates"][0];
    assert!(best["r2"].as_f64().unwrap() >= 0.995);
    let constants = best["constants"].as_array().unwrap();
    assert_eq!(constants.len(), 2);
    for constant in constants {
        assert!(constant["stderr"].as_f64().unwrap() > 0.0, "{constant}");
    }
    // Whatever the form: a parabola through 0, with this slope there and this second root.
    let law = law(&document, 0);
    let f = |y: f64| law.rhs()[0].eval(0.0, &[y], &[]);
    assert!(f(0.0).abs() < 1e-9);
    let rate = f(1e-6) / 1e-6;
    assert!((0.50..=0.60).contains(&rate), "{rate}");
    let (mut low, mut high) = (100.0, 10_000.0);
    for _ in 0..100 {
        let middle = (low + high) / 2.0;
        match f(middle) > 0.0 {
            true => low = middle,
            false => high = middle,
        }
    }
    assert!((640.0..=690.0).contains(&low), "{low}");
    for y in [50.0, 300.0, 600.0] {
        let logistic = rate * y * (1.0 - y / low);
        assert!((f(y) - logistic).abs() < 1e-3 * logistic.abs(), "{y}");
    }
}

#[test]
fn hares_and_lynxes_get_two_equations() {
    let mut command = nsode();
    command.args([
        "infer",
        "data/examples/lynx_hare.csv",
        "--json",
        "--proposers",
        "sparse",
    ]);
    let document = infer(&mut command);
    assert_eq!(strings(&document["variables"]), ["hare", "lynx"]);
    assert_eq!(document["time"], "year");
    assert_eq!(law(&document, 0).dimension(), 2);
    assert!(document["candidates"][0]["r2"].as_f64().unwrap() > 0.9);
}

#[test]
fn the_table_shows_law_constants_and_start() {
    let output = run(nsode().args(YEAST), 0);
    let table = text(&output.stdout);
    let first = table.lines().nth(1).unwrap();
    assert!(first.contains("dbiomass/dhour = "), "{table}");
    for part in ["posterior", "Best law", "±", "biomass = ", "at hour = 0"] {
        assert!(table.contains(part), "{table}");
    }
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn the_json_is_schema_1() {
    let document = infer(
        nsode()
            .args(YEAST)
            .args(["--json", "--top", "4", "--seed", "7"]),
    );
    assert_eq!(document["schema"], 1);
    assert_eq!(strings(&document["variables"]), ["biomass"]);
    assert_eq!(document["time"], "hour");
    assert_eq!(document["points"], 19);
    assert_eq!(document["seed"], 7);
    assert_eq!(document["checkpoint"], Value::Null);
    assert_eq!(document["warnings"], Value::Array(Vec::new()));
    let seconds = document["seconds"].as_f64().unwrap();
    assert!(seconds > 0.0);
    let candidates = document["candidates"].as_array().unwrap();
    assert_eq!(candidates.len(), 4);
    let mut total = document["none"].as_f64().unwrap();
    for (i, candidate) in candidates.iter().enumerate() {
        let rhs = strings(&candidate["rhs"]);
        assert_eq!(rhs.len(), 1);
        assert_eq!(strings(&candidate["sympy"])[0], rhs[0].replace('^', "**"));
        assert_eq!(strings(&candidate["skeleton"]).len(), 1);
        assert!(candidate["latex"].is_array());
        assert!(["sparse", "frequent", "local"].contains(&candidate["source"].as_str().unwrap()));
        assert!(candidate["r2"].as_f64().unwrap() <= 1.0);
        assert!(candidate["bic"].is_f64());
        assert!(candidate["complexity"].as_u64().unwrap() > 0);
        assert_eq!(candidate["y0"].as_array().unwrap().len(), 1);
        for constant in candidate["constants"].as_array().unwrap() {
            assert!(constant["value"].is_f64());
            let stderr = constant.get("stderr").unwrap();
            assert!(stderr.is_f64() || stderr.is_null());
        }
        assert_eq!(law(&document, i).dimension(), 1);
        let posterior = candidate["posterior"].as_f64().unwrap();
        assert!(posterior > 0.0);
        total += posterior;
    }
    assert!((0.0..1.0 + 1e-9).contains(&total));
}

#[test]
fn the_same_seed_gives_the_same_answer() {
    for (table, proposers) in [
        ("data/examples/yeast.csv", "transformer,sparse,local"),
        ("data/examples/lynx_hare.csv", "sparse"),
    ] {
        let answer = |threads: &str| {
            let mut command = nsode();
            command.args(["infer", table, "--json", "--seed", "3", "--seconds", "60"]);
            command.args(["--proposers", proposers, "--checkpoint"]);
            command.arg(tiny_checkpoint());
            let mut document = infer(command.env("RAYON_NUM_THREADS", threads));
            document["seconds"] = Value::Null;
            document
        };
        assert_eq!(answer("1"), answer("2"));
    }
}

#[test]
fn missing_cells_are_used_around() {
    let place = folder();
    let rows: Vec<String> = (0..40)
        .map(|i| {
            let t = 0.25 * f64::from(i);
            let y = 5.0 * (-0.4 * t).exp();
            match i {
                3 => format!("{t},"),
                7 => format!("{t},NaN"),
                11 => format!("{t}, "),
                _ => format!("{t},{y}"),
            }
        })
        .collect();
    fs::write(
        place.path().join("a.csv"),
        format!("t,y\n{}\n", rows.join("\n")),
    )
    .unwrap();
    let document = infer(&mut sparse(place.path(), "a.csv"));
    let rate = law(&document, 0).rhs()[0].eval(0.0, &[2.0], &[]) / 2.0;
    assert!((rate + 0.4).abs() < 1e-3, "{rate}");
}

#[test]
fn rows_out_of_order_are_sorted_with_a_warning() {
    let place = folder();
    let row = |i: i32| format!("{i},{}", 5.0 * (-0.1 * f64::from(i)).exp());
    let mut rows: Vec<String> = (0..30).map(row).collect();
    rows.swap(4, 9);
    fs::write(
        place.path().join("unsorted.csv"),
        format!("t,y\n{}\n", rows.join("\n")),
    )
    .unwrap();
    rows.swap(4, 9);
    rows.insert(6, row(5));
    fs::write(
        place.path().join("repeated.csv"),
        format!("t,y\n{}\n", rows.join("\n")),
    )
    .unwrap();
    for (table, word) in [("unsorted.csv", "sort"), ("repeated.csv", "average")] {
        let mut command = sparse(place.path(), table);
        let document = infer(&mut command);
        let warnings = strings(&document["warnings"]);
        assert!(warnings.iter().any(|w| w.contains(word)), "{warnings:?}");
        let said = text(&command.output().unwrap().stderr);
        assert!(
            said.starts_with("warning: ") && said.contains(&warnings[0]),
            "{said}"
        );
        assert_eq!(document["points"], 30);
        let rate = law(&document, 0).rhs()[0].eval(0.0, &[2.0], &[]) / 2.0;
        assert!((rate + 0.1).abs() < 1e-3, "{rate}");
    }
}

#[test]
fn several_runs_are_fitted_jointly() {
    let place = folder();
    let rows = |y0: f64| -> Vec<(f64, f64)> {
        let at = |i: i32| (0.3 * f64::from(i), y0);
        let solution = |(t, y0): (f64, f64)| (t, 8.0 / (1.0 + (8.0 / y0 - 1.0) * (-1.1 * t).exp()));
        (0..25).map(at).map(solution).collect()
    };
    let mut grouped = String::from("run,t,y\n");
    for (name, y0) in [("a", 0.5), ("b", 12.0)] {
        let mut single = String::from("t,y\n");
        for (t, y) in rows(y0) {
            grouped += &format!("{name},{t},{y}\n");
            single += &format!("{t},{y}\n");
        }
        fs::write(place.path().join(format!("{name}.csv")), single).unwrap();
    }
    fs::write(place.path().join("both.csv"), grouped).unwrap();
    let mut files = sparse(place.path(), "a.csv");
    let mut groups = sparse(place.path(), "both.csv");
    for command in [files.arg("b.csv"), groups.args(["--group", "run"])] {
        let document = infer(command);
        assert_eq!(
            document["candidates"][0]["y0s"].as_array().unwrap().len(),
            2
        );
        let law = law(&document, 0);
        for y in [1.0, 5.0, 11.0_f64] {
            let truth = 1.1 * y * (1.0 - y / 8.0);
            let found = law.rhs()[0].eval(0.0, &[y], &[]);
            assert!((found - truth).abs() < 0.01, "{y}: {found}, {truth}");
        }
    }
}

#[test]
fn columns_can_be_chosen() {
    let mut command = nsode();
    command.args([
        "infer",
        "data/examples/lynx_hare.csv",
        "--json",
        "--proposers",
        "sparse",
    ]);
    let document = infer(command.args(["--time", "year", "--state", "lynx", "--top", "1"]));
    assert_eq!(strings(&document["variables"]), ["lynx"]);
    assert_eq!(document["candidates"].as_array().unwrap().len(), 1);
}

#[test]
fn pictures_are_drawn() {
    let place = folder();
    for (name, start) in [("a.svg", &b"<svg"[..]), ("a.png", b"\x89PNG")] {
        let file = place.path().join(name);
        run(nsode().args(YEAST).arg("--plot").arg(&file), 0);
        let bytes = fs::read(file).unwrap();
        let head = &bytes[..bytes.len().min(200)];
        assert!(head.windows(start.len()).any(|w| w == start), "{name}");
    }
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 2);
}

#[test]
fn a_page_holds_all_of_it() {
    let place = folder();
    let file = place.path().join("a.html");
    run(nsode().args(YEAST).arg("--report").arg(&file), 0);
    let page = fs::read_to_string(file).unwrap();
    for part in [
        "<!doctype html>",
        "<svg",
        "dbiomass/dhour",
        "posterior",
        "</html>",
    ] {
        assert!(page.to_lowercase().contains(part), "{part}");
    }
    // The page needs nothing from elsewhere.
    for part in ["<script src", "<link", "<img src=\"http"] {
        assert!(!page.contains(part), "{part}");
    }
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
}

#[test]
fn without_time_no_law_is_found() {
    let output = run(nsode().args(YEAST).args(["--json", "--seconds", "1e-9"]), 1);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["candidates"], Value::Array(Vec::new()));
    assert!(strings(&document["warnings"])[0].contains("time limit"));
    let output = run(nsode().args(YEAST).args(["--seconds", "1e-9"]), 1);
    assert_eq!(text(&output.stdout), "No law found.\n");
    // A program's text has nothing else in it.
    let emitting = ["--emit", "python", "--seconds", "1e-9"];
    let output = run(nsode().args(YEAST).args(emitting), 1);
    assert_eq!(text(&output.stdout), "");
    assert!(text(&output.stderr).contains("nothing to emit"));
}

#[test]
fn a_short_table_says_what_a_long_one_does() {
    let answer = |top: &str| {
        let options = ["--json", "--horizon", "25", "--top", top];
        let output = run(nsode().args(YEAST).args(options), 0);
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        let shown = document["candidates"].as_array().unwrap().len();
        (
            shown,
            document["notes"].clone(),
            document["forecast"].clone(),
        )
    };
    let (short, long) = (answer("1"), answer("10"));
    assert_eq!((short.0, long.0), (1, 10));
    assert_eq!((short.1, short.2), (long.1, long.2));
}

#[test]
fn an_interrupted_search_ends_at_once() {
    let place = folder();
    // a table that takes long to read: a pipe that nobody writes to
    let pipe = place.path().join("a.csv");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    if !made.is_ok_and(|status| status.success()) {
        return;
    }
    let mut running = Running::start(place.path(), &["infer", "a.csv"]);
    // Opening the other end waits until the program has opened its own.
    let writer = fs::OpenOptions::new().write(true).open(&pipe).unwrap();
    running.wait_until(|| true);
    let (code, said) = running.interrupt();
    assert_eq!(code, Some(130), "{said}");
    drop(writer);
}
