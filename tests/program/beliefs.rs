//! `nsode infer` with what its user knows or wants: operators, guesses, noise, forecasts, program texts.

use std::fs;
use std::path::Path;
use std::process::Command as Process;

use assert_cmd::Command;
use serde_json::Value;

use crate::support::{folder, infer, law, nsode, nsode_in, run, strings, text, tiny_checkpoint};

const YEAST: &str = "data/examples/yeast.csv";

/// `infer` on the yeast, with regression and local search alone.
fn yeast() -> Command {
    let mut command = nsode();
    command.args(["infer", YEAST, "--proposers", "sparse,local"]);
    command
}

/// The whole of standard error of a command that is refused.
fn refused(command: &mut Command) -> String {
    let output = run(command, 2);
    assert_eq!(text(&output.stdout), "");
    text(&output.stderr)
}

fn constant<'a>(candidate: &'a Value, name: &str) -> &'a Value {
    let constants = candidate["constants"].as_array().unwrap();
    constants.iter().find(|c| c["name"] == name).unwrap()
}

#[test]
fn denied_operators_and_long_laws_do_not_occur() {
    let functions = ["sin", "cos", "tan", "exp", "log", "sqrt", "abs"];
    let all = |command: &mut Command| -> Vec<(String, u64)> {
        let document = infer(command.arg("--json"));
        let candidates = document["candidates"].as_array().unwrap();
        assert!(!candidates.is_empty());
        let each = candidates.iter();
        each.map(|c| {
            (
                strings(&c["rhs"])[0].clone(),
                c["complexity"].as_u64().unwrap(),
            )
        })
        .collect()
    };
    let mut network = nsode();
    network
        .args(["infer", YEAST, "--checkpoint"])
        .arg(tiny_checkpoint());
    for command in [&mut yeast(), &mut network] {
        for (rhs, _) in all(command.args(["--allow", "polynomial"])) {
            assert!(functions.iter().all(|f| !rhs.contains(f)), "{rhs}");
        }
    }
    for (rhs, complexity) in all(yeast().args(["--deny", "trig,exp,tanh", "--max-complexity", "7"]))
    {
        assert!(
            ["sin", "cos", "tan", "exp"]
                .iter()
                .all(|f| !rhs.contains(f)),
            "{rhs}"
        );
        assert!(complexity <= 7, "{rhs}: {complexity}");
    }
    let said = refused(yeast().args(["--deny", "sine"]));
    assert!(
        said.contains("`sine`") && said.contains("sin, cos, tan"),
        "{said}"
    );
    for wrong in [["--deny", "polynomial"], ["--max-complexity", "1"]] {
        assert!(refused(yeast().args(wrong)).contains(wrong[0]));
    }
}

#[test]
fn a_guess_is_fitted_in_its_own_form() {
    let document = infer(nsode().args([
        "infer",
        YEAST,
        "--proposers",
        "guess",
        "--guess",
        "r*biomass*(1 - biomass/K)",
        "--json",
    ]));
    let candidates = document["candidates"].as_array().unwrap();
    assert_eq!(candidates.len(), 1);
    let best = &candidates[0];
    assert_eq!(best["source"], "guess");
    // Nobody else takes part, but the guess may be wrong.
    let [posterior, none] = [&best["posterior"], &document["none"]].map(|p| p.as_f64().unwrap());
    assert!(
        posterior > 0.8 && (posterior + none - 1.0).abs() < 1e-9,
        "{posterior}"
    );
    assert_eq!(strings(&best["guess"]), ["r*biomass*(1 - biomass/K)"]);
    assert_eq!(strings(&best["form"]), ["c0*biomass*(1 - biomass/c1)"]);
    let [r, k] = ["r", "K"].map(|name| constant(best, name));
    assert!((r["value"].as_f64().unwrap() - 0.547).abs() < 0.001);
    assert!((k["value"].as_f64().unwrap() - 663.0).abs() < 1.0);
    assert!((k["stderr"].as_f64().unwrap() - 1.7).abs() < 0.2);
    assert!(r.get("fixed").is_none() && r.get("at_bound").is_none());
    // What is printed is the law, and the search finds the same one.
    let free = infer(yeast().arg("--json"));
    for y in [50.0, 300.0, 600.0] {
        let [a, b] = [&document, &free].map(|d| law(d, 0).rhs()[0].eval(0.0, &[y], &[]));
        assert!((a - b).abs() < 1e-3 * b.abs(), "{a} {b}");
    }
}

#[test]
fn guesses_are_listed_whatever_their_rank() {
    let output = run(
        yeast().args([
            "--top",
            "1",
            "--guess",
            "a - b*biomass",
            "--guess",
            "r*biomass*(1 - biomass/K)",
        ]),
        0,
    );
    let table = text(&output.stdout);
    let rows: Vec<&str> = table.lines().filter(|l| l.contains("guess")).collect();
    assert_eq!(rows.len(), 2, "{table}");
    // The first as it was written, merged with what regression found.
    assert!(rows[0].contains("guess, sparse"), "{table}");
    for part in [
        "r*biomass*(1 - biomass/K)",
        "r = 0.547",
        "K = 663.0 ± 1.7",
        "Guess, law 2",
    ] {
        assert!(table.contains(part), "{part}\n{table}");
    }
}

#[test]
fn fixed_constants_are_not_fitted_and_bounds_are_kept() {
    let guess = [
        "--guess",
        "r*biomass*(1 - biomass/K)",
        "--json",
        "--top",
        "1",
    ];
    let last = |document: &Value| {
        document["candidates"]
            .as_array()
            .unwrap()
            .last()
            .unwrap()
            .clone()
    };
    let fixed = last(&infer(yeast().args(guess).args(["--fix", "r=0.5"])));
    assert_eq!(constant(&fixed, "r")["value"], 0.5);
    assert_eq!(constant(&fixed, "r")["fixed"], true);
    assert_eq!(strings(&fixed["sources"]), ["guess"]);
    let document = infer(yeast().args(guess).args(["--bounds", "K=0:600"]));
    let bounded = last(&document);
    let k = constant(&bounded, "K");
    assert!(
        k["value"].as_f64().unwrap() <= 600.0 && k["at_bound"] == true,
        "{k}"
    );
    assert_eq!(k["stderr"], Value::Null);
    let notes = strings(&document["notes"]);
    assert!(
        notes
            .iter()
            .any(|n| n.contains("K of law") && n.contains("bound")),
        "{notes:?}"
    );

    let said = refused(yeast().args(guess).args(["--fix", "q=1"]));
    assert!(said.contains("--fix q") && said.contains("r, K"), "{said}");
    for wrong in [["--fix", "r"], ["--bounds", "K=2:1"], ["--bounds", "K=x:1"]] {
        assert!(refused(yeast().args(guess).args(wrong)).contains(wrong[0]));
    }
    assert!(refused(yeast().args(["--fix", "r=1"])).contains("--guess"));
}

#[test]
fn guesses_that_are_none_are_shown_with_their_place() {
    for (guess, parts) in [
        (
            "r*biomass*(1 - ",
            &["--guess, line 1, column 15", "here"][..],
        ),
        ("r*Biomass", &["`Biomass`", "`biomass`"]),
        ("r*hour", &["biomass"]),
        ("r biomass", &["r*biomass"]),
        ("r*biomass; r", &["one right-hand side"]),
    ] {
        let said = refused(yeast().args(["--guess", guess]));
        for part in parts {
            assert!(said.contains(part), "{guess}: {part}\n{said}");
        }
    }
    let said = refused(nsode().args(["infer", YEAST, "--proposers", "guess"]));
    assert!(said.contains("--guess"), "{said}");
}

#[test]
fn a_known_noise_sets_the_errors() {
    let stderr = |sigma: &[&str]| {
        let mut command = nsode();
        command.args(["infer", YEAST, "--json", "--proposers", "guess"]);
        command.args(["--guess", "r*biomass*(1 - biomass/K)"]);
        let document = infer(command.args(sigma));
        let k = constant(&document["candidates"][0], "K").clone();
        (k["stderr"].as_f64().unwrap(), strings(&document["notes"]))
    };
    let (small, _) = stderr(&["--sigma", "3"]);
    let (large, notes) = stderr(&["--sigma", "30"]);
    assert!((large / small - 10.0).abs() < 0.3, "{small} {large}");
    assert!(
        notes.iter().any(|n| n.contains("noise that was given")),
        "{notes:?}"
    );
    let (relative, _) = stderr(&["--relative-sigma", "0.05"]);
    assert!(relative > 5.0 && relative < 40.0, "{relative}");
    for wrong in [
        ["--sigma", "0"],
        ["--sigma", "-1"],
        ["--relative-sigma", "nan"],
        ["--sigma", "1,2"],
    ] {
        assert!(refused(yeast().args(wrong)).contains(wrong[0]));
    }
}

/// Growth over seven decades in noise of 1 % of the value: the smallest values tell as much as the largest.
#[test]
fn a_known_relative_noise_holds_at_all_sizes() {
    let place = folder();
    let file = place.path().join("grown.csv");
    let mut command = nsode();
    command.args(["simulate", "1.6*y*(1 - y/1e6)", "--y0", "0.3"]);
    command.args(["--t", "0:10:80", "--noise", "0.01", "--seed", "1", "--out"]);
    run(command.arg(&file), 0);
    let mut command = nsode();
    command.arg("infer").arg(&file).args(["--json", "--guess"]);
    command.args(["r*y*(1 - y/K)", "--proposers", "guess"]);
    let document = infer(command.args(["--relative-sigma", "0.01"]));
    let r = constant(&document["candidates"][0], "r");
    let (value, error) = (&r["value"], &r["stderr"]);
    let (value, error) = (value.as_f64().unwrap(), error.as_f64().unwrap());
    assert!(error < 1e-3, "{document}");
    assert!((value - 1.6).abs() < 4.0 * error, "{document}");
    assert!(document["none"].as_f64().unwrap() < 0.1, "{document}");
}

/// Logistic growth, `y' = 1.2*y*(1 - y/50)`, with noise and three gross errors.
fn spoilt(place: &Path) -> String {
    let mut command = nsode();
    command.args(["simulate", "1.2*y*(1 - y/50)", "--y0", "2", "--t", "0:8:60"]);
    let clean = text(&run(command.args(["--noise", "0.02", "--seed", "1"]), 0).stdout);
    let rows = clean.lines().enumerate().map(|(i, line)| match i {
        8 => line.split(',').next().unwrap().to_string() + ",200",
        24 => line.split(',').next().unwrap().to_string() + ",9999",
        45 => line.split(',').next().unwrap().to_string() + ",-20",
        _ => line.to_string(),
    });
    let file = place.join("spoilt.csv");
    fs::write(&file, rows.collect::<Vec<_>>().join("\n")).unwrap();
    file.display().to_string()
}

#[test]
fn gross_errors_are_told_of_and_a_robust_loss_bears_them() {
    let place = folder();
    let file = spoilt(place.path());
    let fit = |options: &[&str]| {
        let mut command = nsode();
        command.args(["infer", &file, "--json", "--proposers", "guess"]);
        infer(command.args(["--guess", "r*y*(1 - y/K)"]).args(options))
    };
    let near = |document: &Value| {
        let best = &document["candidates"][0];
        let value = |name| constant(best, name)["value"].as_f64().unwrap();
        (value("r") / 1.2 - 1.0).abs() < 0.05 && (value("K") / 50.0 - 1.0).abs() < 0.05
    };
    let note = |document: &Value| {
        let notes = strings(&document["notes"]);
        notes.into_iter().find(|note| {
            note.contains("robust standard deviations") || note.contains("given noise")
        })
    };
    let squares = fit(&[]);
    assert!(!near(&squares), "{squares}");
    assert_eq!(squares, {
        let mut same = fit(&["--loss", "squares"]);
        same["seconds"] = squares["seconds"].clone();
        same
    });
    assert_eq!(squares.get("loss"), None);
    let said = note(&squares).unwrap();
    assert!(
        said.contains("y = 9999 at t = ") && said.contains("--loss student"),
        "{said}"
    );
    for options in [
        &["--loss", "huber"][..],
        &["--loss", "student"],
        &["--loss", "student", "--sigma", "0.7"],
        &["--loss", "huber", "--sigma", "0.7", "--horizon", "10"],
        &["--loss", "student", "--horizon", "10"],
    ] {
        let document = fit(options);
        assert!(near(&document), "{options:?}: {document}");
        assert_eq!(document["loss"], options[1]);
        assert!(
            note(&document).unwrap().contains("hardly count"),
            "{options:?}"
        );
        assert!(
            document["candidates"][0]["r2"].as_f64().unwrap() > 0.98,
            "{options:?}"
        );
        if options.contains(&"--horizon") {
            let band = &document["forecast"];
            let end = |side: &str| band[side].as_array().unwrap().last().unwrap()[0].clone();
            let (low, high) = (
                end("lower").as_f64().unwrap(),
                end("upper").as_f64().unwrap(),
            );
            assert!(
                low < 50.0 * 1.02 && high > 50.0 * 0.98 && high - low < 3.0,
                "{low} {high}"
            );
        }
    }
    let said = refused(yeast().args(["--loss", "l1"]));
    assert!(
        said.contains("`l1` is no loss") && said.contains("student"),
        "{said}"
    );
}

#[test]
fn a_robust_search_finds_the_law_beside_gross_errors() {
    let place = folder();
    let file = spoilt(place.path());
    for loss in ["huber", "student"] {
        let mut command = nsode();
        command.args([
            "infer",
            &file,
            "--json",
            "--proposers",
            "sparse,local",
            "--loss",
            loss,
        ]);
        let law = law(&infer(&mut command), 0);
        for y in [5.0, 25.0, 45.0] {
            let found = law.rhs()[0].eval(0.0, &[y], &[]);
            let truth = 1.2 * y * (1.0 - y / 50.0);
            assert!(
                (found - truth).abs() < 0.1 * 15.0,
                "{loss}, {y}: {found} {truth}"
            );
        }
    }
}

#[test]
fn forecasts_have_bands() {
    let census = |arguments: &[&str]| {
        let mut command = nsode();
        command.args([
            "infer",
            "data/examples/us_census.csv",
            "--proposers",
            "sparse",
        ]);
        command.args(arguments);
        command
    };
    let document = infer(&mut census(&["--horizon", "1960", "--json"]));
    let forecast = &document["forecast"];
    assert_eq!(forecast["level"], 0.9);
    assert_eq!(document["forecasts"].as_array().unwrap().len(), 1);
    let rows = |key: &str| -> Vec<f64> {
        let rows = forecast[key].as_array().unwrap();
        rows.iter().map(|row| row[0].as_f64().unwrap()).collect()
    };
    let times = forecast["times"].as_array().unwrap();
    assert_eq!(
        (times[0].as_f64(), times.last().unwrap().as_f64()),
        (Some(1940.0), Some(1960.0))
    );
    let (lower, median, upper) = (rows("lower"), rows("median"), rows("upper"));
    assert_eq!(lower.len(), times.len());
    for i in 0..lower.len() {
        assert!(lower[i] < median[i] && median[i] < upper[i]);
    }
    let width = |i: usize| upper[i] - lower[i];
    assert!(width(100) > 1.3 * width(0));
    let table = text(&run(&mut census(&["--horizon", "1960", "--level", "0.5"]), 0).stdout);
    assert!(
        table.contains("Forecast (median and 50 % band") && table.contains("at year = 1960"),
        "{table}"
    );
    for wrong in [
        &["--horizon", "1790"][..],
        &["--horizon", "nan"],
        &["--horizon", "1960", "--level", "90"],
    ] {
        refused(&mut census(wrong));
    }
    // Without a horizon there is none.
    assert!(infer(&mut census(&["--json"])).get("forecast").is_none());
}

#[test]
fn laws_that_fit_alike_are_said_to_do_so() {
    let document = infer(nsode().args([
        "infer",
        "data/examples/us_census.csv",
        "--proposers",
        "sparse",
        "--json",
    ]));
    let notes = strings(&document["notes"]);
    assert!(
        notes.iter().any(|n| n.contains("about equally well")),
        "{notes:?}"
    );
    assert_eq!(document["warnings"], Value::Array(Vec::new()));
    // One constant too many: a and b do the same.
    let document = infer(nsode().args([
        "infer",
        YEAST,
        "--proposers",
        "guess",
        "--guess",
        "a*b*biomass*(1 - biomass/K)",
        "--json",
    ]));
    let notes = strings(&document["notes"]);
    assert!(
        notes.iter().any(|n| n.contains("do not determine a")),
        "{notes:?}"
    );
    let constants = &document["candidates"][0];
    assert_eq!(constant(constants, "a")["stderr"], Value::Null);
    assert!(constant(constants, "K")["stderr"].is_f64());
}

#[test]
fn pictures_show_slopes_and_forecast() {
    let place = folder();
    for (name, table, proposers) in [
        ("one.svg", "data/examples/us_census.csv", "sparse"),
        ("two.svg", "data/examples/lynx_hare.csv", "sparse"),
    ] {
        let file = place.path().join(name);
        let mut command = nsode();
        command.args([
            "infer",
            table,
            "--proposers",
            proposers,
            "--horizon",
            "1960",
            "--plot",
        ]);
        run(command.arg(&file), 0);
        let picture = fs::read_to_string(file).unwrap();
        assert!(
            picture.contains("<polygon") && picture.contains("90 % band"),
            "{name}"
        );
        assert!(picture.contains("/dyear"), "{name}");
    }
}

/// The law of the yeast and its slopes at some states, by the JSON; and its text in a language, in a file.
fn emitted(place: &Path, language: &str, name: &str) -> (Vec<f64>, Vec<f64>) {
    let guess = [
        "--guess",
        "V*biomass^1.3/(q + biomass) - d*biomass + abs(biomass - 100)*e*2^(-biomass/300)",
    ];
    let mut command = nsode();
    command.args([
        "infer",
        YEAST,
        "--proposers",
        "guess",
        "--json",
        "--emit",
        language,
    ]);
    command.args(guess).arg("--emit-to").arg(place.join(name));
    let document = infer(&mut command);
    let law = law(&document, 0);
    let states = vec![9.0, 100.5, 333.0, 650.0];
    let slopes = states.iter().map(|y| law.rhs()[0].eval(0.0, &[*y], &[]));
    let slopes = slopes.collect();
    (states, slopes)
}

/// What a program prints, as numbers.
fn numbers(place: &Path, program: &str, arguments: &[&str]) -> Vec<f64> {
    let output = Process::new(program)
        .args(arguments)
        .current_dir(place)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let printed = text(&output.stdout);
    printed
        .split_whitespace()
        .map(|number| number.parse().unwrap())
        .collect()
}

fn same(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (a, b) in found.iter().zip(expected) {
        assert!(
            (a - b).abs() < 1e-9 * (1.0 + b.abs()),
            "{found:?} {expected:?}"
        );
    }
}

#[test]
fn python_gives_the_same_numbers() {
    let place = folder();
    let (states, expected) = emitted(place.path(), "python", "law.py");
    let program = format!(
        "import law\nassert len(law.Y0) == 1 and law.T0 == 0.0\nfor y in {states:?}:\n    print(repr(law.rhs(0.0, [y])[0]))\n"
    );
    fs::write(place.path().join("run.py"), program).unwrap();
    same(&numbers(place.path(), "python3", &["run.py"]), &expected);
}

#[test]
fn rust_gives_the_same_numbers() {
    let place = folder();
    let (states, expected) = emitted(place.path(), "rust", "law.rs");
    let program = format!(
        "mod law;\nfn main() {{\n    assert_eq!((law::Y0.len(), law::T0), (1, 0.0));\n    for y in {states:?} {{\n        \
         println!(\"{{:?}}\", law::rhs(0.0, &[y], &law::CONSTANTS)[0]);\n    }}\n}}\n"
    );
    fs::write(place.path().join("run.rs"), program).unwrap();
    let arguments = ["--edition", "2021", "-D", "warnings", "-o", "run", "run.rs"];
    assert_eq!(numbers(place.path(), "rustc", &arguments), [] as [f64; 0]);
    same(&numbers(place.path(), "./run", &[]), &expected);
}

#[test]
fn c_gives_the_same_numbers() {
    let place = folder();
    let (states, expected) = emitted(place.path(), "c", "law.c");
    let states = states
        .iter()
        .map(|y| format!("{y:?}"))
        .collect::<Vec<_>>()
        .join(", ");
    let program = format!(
        "#include \"law.c\"\n#include <stdio.h>\nint main(void)\n{{\n    const double states[] = {{{states}}};\n    \
         for (int i = 0; i < 4; i++) {{\n        double slope;\n        nsode_rhs(nsode_t0, &states[i], nsode_constants, &slope);\n        \
         printf(\"%.17g\\n\", slope);\n    }}\n    return nsode_y0[0] > 0.0 ? 0 : 1;\n}}\n"
    );
    fs::write(place.path().join("run.c"), program).unwrap();
    let arguments = [
        "-std=c99", "-Wall", "-Wextra", "-Werror", "-o", "run", "run.c", "-lm",
    ];
    assert_eq!(numbers(place.path(), "cc", &arguments), [] as [f64; 0]);
    same(&numbers(place.path(), "./run", &[]), &expected);
}

#[test]
fn program_texts_take_the_place_of_the_table() {
    let place = folder();
    for (language, start) in [("latex", "% "), ("julia", "# "), ("sympy", "\"\"\"")] {
        let output = run(yeast().args(["--emit", language]), 0);
        let stdout = text(&output.stdout);
        assert!(
            stdout.starts_with(start) && stdout.contains("663"),
            "{stdout}"
        );
        assert!(!stdout.contains("posterior  complexity"));
    }
    let mut command = nsode_in(place.path());
    fs::copy(
        crate::support::root().join(YEAST),
        place.path().join("a.csv"),
    )
    .unwrap();
    command.args([
        "infer",
        "a.csv",
        "--proposers",
        "sparse",
        "--emit",
        "c",
        "--emit-to",
        "a.c",
    ]);
    let table = text(&run(&mut command, 0).stdout);
    assert!(table.contains("Best law"));
    assert!(
        fs::read_to_string(place.path().join("a.c"))
            .unwrap()
            .contains("nsode_rhs")
    );
    assert!(refused(yeast().args(["--emit", "c", "--json"])).contains("--emit-to"));
    assert!(refused(yeast().args(["--emit", "fortran"])).contains("julia"));
    assert!(refused(yeast().args(["--emit-to", "a.c"])).contains("--emit"));
}
