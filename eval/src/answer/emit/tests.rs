use super::*;
use crate::samples::Sample;

fn made(law: &str, states: &[&str]) -> (Series, Candidate) {
    Sample {
        law,
        states,
        initial: &[&[2.0, 1.0][..states.len()]],
        times: (0.0, 1.0, 10),
        noise: 0.0,
    }
    .make()
}

#[test]
fn formulas_of_each_language() {
    let law = "0.05*y^2.5 + 0.3*abs(y - 4)*log(y + 5) - 0.2*sqrt(y)*sin(y)/(6 + y^2)";
    let (series, candidate) = made(law, &["y"]);
    for (language, parts) in [
        (
            Language::Python,
            &["math.pow(y, c", "abs(", "math.log(", "math.sqrt(y)", "y**2"][..],
        ),
        (
            Language::Rust,
            &[
                "y.powf(c",
                ".abs()",
                ").ln()",
                "y.sqrt()",
                "y.powi(2)",
                "y.sin()",
            ],
        ),
        (
            Language::C,
            &["pow(y, c", "fabs(", "log(", "sqrt(y)", "pow(y, 2.0)"],
        ),
        (Language::Julia, &["y^c", "abs(", "log(", "sqrt(y)", "y^2"]),
        (
            Language::Sympy,
            &["y**c", "sympy.Abs(", "sympy.log(", "sympy.sqrt(y)", "y**2"],
        ),
        (Language::Latex, &["\\frac{dy}{dt} =", "\\sqrt", "\\[\n"]),
    ] {
        let text = emit(&series, &candidate, language);
        for part in parts {
            assert!(text.contains(part), "{language}: {part}\n{text}");
        }
        assert!(text.ends_with('\n') && text.contains("Found by nsode"));
    }
}

#[test]
fn names_that_mean_something_get_an_underscore() {
    let (mut series, candidate) = made("0.5*y*z; -z", &["y", "z"]);
    for names in [
        ["lambda", "in"],
        ["state", "slope"],
        ["2x", "α"],
        ["a b", "a_b"],
        ["c0", "c1"],
    ] {
        series.names.states = names.map(str::to_string).to_vec();
        for language in [
            Language::Python,
            Language::Rust,
            Language::C,
            Language::Julia,
        ] {
            let words = Words::new(&series, &candidate, language);
            let mut all = words.states.clone();
            all.extend(words.constants.iter().map(|(name, _)| name.clone()));
            all.push(words.time.clone());
            let distinct: std::collections::HashSet<_> = all.iter().collect();
            assert_eq!(distinct.len(), all.len(), "{all:?}");
            for name in &all {
                assert!(!["lambda", "in", "state", "slope"].contains(&name.as_str()));
                assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'));
                assert!(!name.starts_with(|c: char| c.is_ascii_digit()));
            }
        }
    }
}

#[test]
fn what_a_file_is_called_cannot_end_a_comment() {
    let (mut series, candidate) = made("-0.5*y", &["y"]);
    series.files = vec!["a*/ b \"\"\" c\n\\d".to_string()];
    for language in Language::ALL {
        let text = emit(&series, &candidate, language);
        let said: Vec<&str> = text
            .lines()
            .filter(|line| line.contains("Found by"))
            .collect();
        assert_eq!(said.len(), 1);
        assert!(said[0].contains("a* / b ''' c /d"), "{}", said[0]);
    }
}

#[test]
fn languages_are_read_as_they_are_written() {
    for language in Language::ALL {
        assert_eq!(language.to_string().parse(), Ok(language));
    }
    let error = "fortran".parse::<Language>().unwrap_err().to_string();
    assert!(
        error.contains("`fortran`") && error.contains("python, rust"),
        "{error}"
    );
}

#[test]
fn starts_of_further_runs_stand_in_the_comment() {
    let two = Sample {
        law: "0.5*y*(1 - y/9)",
        states: &["y"],
        initial: &[&[2.0], &[3.0]],
        times: (0.0, 6.0, 20),
        noise: 0.0,
    };
    let (series, candidate) = two.make();
    for language in Language::ALL {
        let text = emit(&series, &candidate, language);
        for (run, start) in [(1, 2.0), (2, 3.0)] {
            let head = format!("series {run} begins at t = 0.0 with [");
            let line = text.lines().find_map(|line| line.split_once(&head));
            let value = line.and_then(|(_, rest)| rest.split(']').next()?.parse::<f64>().ok());
            assert!(value.is_some_and(|v| (v - start).abs() < 1e-6), "{text}");
        }
    }
    let (series, candidate) = made("0.5*y*(1 - y/9)", &["y"]);
    assert!(!emit(&series, &candidate, Language::Python).contains("begins at"));
}
