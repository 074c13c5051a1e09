//! The JSON and the table to the letter, and that what is printed reads back as the law that was found.

use nsode_parser::infix::{parse_expr, parse_template};
use nsode_parser::{CanonicalSystem, System};

use super::*;
use crate::samples::Sample;

fn hares() -> (Series, Candidate) {
    let (mut series, mut candidate) = Sample {
        law: "0.48*hare - 0.025*hare*lynx; 0.028*hare*lynx - 0.93*lynx",
        states: &["hare", "lynx"],
        initial: &[&[34.9, 3.9], &[20.0, 5.0]],
        times: (1900.0, 1920.0, 21),
        noise: 0.0,
    }
    .make();
    series.warnings.push("3 rows were sorted.".into());
    candidate.r2 = 0.99876;
    (series, candidate)
}

#[test]
fn schema_1() {
    let (series, candidate) = hares();
    let info = RunInfo {
        seconds: 0.42,
        seed: 7,
        checkpoint: Some("data/checkpoints/small".into()),
        warnings: vec!["no transformer".into()],
        ..RunInfo::default()
    };
    let text = json(&series, &[candidate], &info).unwrap();
    let expected = concat!(
        r#"{"schema":1,"variables":["hare","lynx"],"time":"t","points":42,"seconds":0.42,"late":false,"seed":7,"#,
        r#""checkpoint":"data/checkpoints/small","candidates":[{"#,
        r#""rhs":["0.48*hare - 0.025*hare*lynx","0.028*hare*lynx - 0.93*lynx"],"#,
        r#""skeleton":["c0*hare + c1*hare*lynx","c2*hare*lynx + c3*lynx"],"#,
        r#""form":["c0*hare - c1*hare*lynx","c2*hare*lynx - c3*lynx"],"#,
    );
    assert!(text.starts_with(expected), "{text}");
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let law = &value["candidates"][0];
    assert_eq!(law["source"], "sparse");
    assert_eq!(law["sources"][1], "transformer");
    assert_eq!(law["r2"], 0.99876);
    assert_eq!(law["bic"], -123.456);
    assert_eq!(law["posterior"], 0.83);
    assert_eq!(law["y0"], serde_json::json!([34.9, 3.9]));
    assert_eq!(law["y0s"], serde_json::json!([[34.9, 3.9], [20.0, 5.0]]));
    assert_eq!(law["constants"][1]["value"], 0.025);
    assert_eq!(law["constants"].as_array().unwrap().len(), 4);
    assert!((law["constants"][1]["stderr"].as_f64().unwrap() - 0.00025).abs() < 1e-12);
    assert!(
        law["latex"][0].as_str().unwrap().contains("\\mathrm{hare}"),
        "{}",
        law["latex"]
    );
    assert_eq!(law["sympy"][1], "0.028*hare*lynx - 0.93*lynx");
    assert_eq!(
        value["warnings"],
        serde_json::json!(["3 rows were sorted.", "no transformer"])
    );
}

#[test]
fn nothing_found_and_nothing_known() {
    let (series, mut candidate) = hares();
    let text = json(&series, &[], &RunInfo::default()).unwrap();
    assert!(
        text.contains(r#""checkpoint":null,"candidates":[],"#),
        "{text}"
    );
    assert_eq!(
        table(&series, &[], &RunInfo::default(), Layout::Plain),
        "No law found.\n"
    );
    candidate.covariance = None;
    for constant in &mut candidate.constants {
        constant.stderr = None;
    }
    candidate.bic = f64::NAN;
    let text = json(
        &series,
        std::slice::from_ref(&candidate),
        &RunInfo::default(),
    )
    .unwrap();
    assert!(
        text.contains(r#""stderr":null"#) && text.contains(r#""bic":null"#),
        "{text}"
    );
    assert!(
        table(&series, &[candidate], &RunInfo::default(), Layout::Plain).contains("0.4800 ± ?")
    );
}

#[test]
fn what_is_printed_is_the_law() {
    for law in [
        "0.547123456789*y*(1 - y/663.0223)",
        "-0.1*y",
        "1.5e-7*y*z - 2.25*y^2.75/(8 + y^2.75) + 3*exp(-0.3*z); z*(2 - y)",
        "0.31*y*log(50/y) - sqrt(y + 3); -4*sin(y) - 0.2*z",
    ] {
        let names: &[&str] = if law.contains(';') {
            &["y", "z"]
        } else {
            &["y"]
        };
        let sample = Sample {
            law,
            states: names,
            initial: &[&[2.0, 1.0][..names.len()]],
            times: (0.0, 1.0, 10),
            noise: 0.0,
        };
        let (series, candidate) = sample.make();
        let found = candidate.system.clone();
        let text = json(&series, &[candidate], &RunInfo::default()).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let read = |key: &str| -> Vec<Expr> {
            let texts = value["candidates"][0][key].as_array().unwrap();
            let texts = texts.iter().map(|t| t.as_str().unwrap());
            texts
                .map(|t| parse_template(t, &series.names).unwrap())
                .collect()
        };
        let rhs: Vec<Expr> = value["candidates"][0]["rhs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|t| parse_expr(t.as_str().unwrap(), &series.names).unwrap())
            .collect();
        // The same skeleton, and the same values.
        let back = CanonicalSystem::new(&System::new(rhs.clone()).unwrap()).unwrap();
        assert_eq!(back.parts().unwrap().0, found.parts().unwrap().0, "{law}");
        let constants: Vec<f64> = value["candidates"][0]["constants"]
            .as_array()
            .unwrap()
            .iter()
            .map(|c| c["value"].as_f64().unwrap())
            .collect();
        for ((rhs, form), found) in rhs.iter().zip(read("form")).zip(found.to_system().rhs()) {
            let states = [2.5, 1.25];
            let expected = found.eval(0.0, &states, &[]);
            for value in [
                rhs.eval(0.0, &states, &[]),
                form.eval(0.0, &states, &constants),
            ] {
                assert!(
                    (value - expected).abs() < 1e-12 * (1.0 + expected.abs()),
                    "{law}"
                );
            }
        }
    }
}

#[test]
fn the_table_for_people() {
    let (mut series, candidate) = hares();
    series.names.time = "year".into();
    let plain = table(
        &series,
        &[candidate.clone(), candidate.clone()],
        &RunInfo::default(),
        Layout::Plain,
    );
    let expected = " #  law                                            R²     BIC  posterior  complexity  source
 1  dhare/dyear = 0.48*hare - 0.025*hare*lynx  0.9988  -123.5      0.830          14  sparse, transformer
    dlynx/dyear = 0.028*hare*lynx - 0.93*lynx
 2  dhare/dyear = 0.48*hare - 0.025*hare*lynx  0.9988  -123.5      0.830          14  sparse, transformer
    dlynx/dyear = 0.028*hare*lynx - 0.93*lynx

Best law
  dhare/dyear = c0*hare - c1*hare*lynx
  dlynx/dyear = c2*hare*lynx - c3*lynx
  c0 = 0.4800 ± 0.0048
  c1 = 0.02500 ± 0.00025
  c2 = 0.02800 ± 0.00028
  c3 = 0.9300 ± 0.0093
  hare = 34.9, lynx = 3.9 at year = 1900 (series 1)
  hare = 20, lynx = 5 at year = 1900 (series 2)
";
    assert_eq!(plain, expected, "\n{plain}");
    let narrow = table(
        &series,
        &[candidate],
        &RunInfo::default(),
        Layout::Terminal(70),
    );
    let table = narrow.split("Best law").next().unwrap_or_default();
    assert!(
        table.lines().all(|line| line.chars().count() <= 70),
        "{narrow}"
    );
}

#[test]
fn states_named_like_constants() {
    let (series, candidate) = Sample {
        law: "0.5*c1*c0; -c1",
        states: &["c0", "c1"],
        initial: &[&[1.0, 1.0]],
        times: (0.0, 1.0, 10),
        noise: 0.0,
    }
    .make();
    let text = table(
        &series,
        std::slice::from_ref(&candidate),
        &RunInfo::default(),
        Layout::Plain,
    );
    assert!(text.contains("dc0/dt = k0*c0*c1\n"), "{text}");
    assert!(text.contains("  k0 = 0.5000 ± 0.0050\n"), "{text}");
    let text = json(&series, &[candidate], &RunInfo::default()).unwrap();
    for part in [
        r#""skeleton":["k0*c0*c1","k1*c1"]"#,
        r#""form":["k0*c0*c1","-c1"]"#,
        r#""name":"k0""#,
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}

#[test]
fn digits_of_r2_and_posterior() {
    for (value, expected) in [
        (0.5, "0.5000"),
        (0.99978, "0.99978"),
        (1.0, "1.0000"),
        (-3.0, "-3.0000"),
    ] {
        assert_eq!(r2(value), expected);
    }
    assert_eq!(r2(1.0 - 3.4e-7), "0.99999966");
    assert_eq!(posterior(0.8312), "0.831");
    assert_eq!(posterior(1e-9), "<0.001");
}
