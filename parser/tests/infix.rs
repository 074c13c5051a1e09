//! The infix parser and the printers on the texts of `testdata/expressions.toml`.

use std::path::Path;

use nsode_parser::infix::{is_identifier, parse_expr, parse_law, parse_system, parse_template};
use nsode_parser::print::{infix, infix_rounded, latex, latex_equation, number, sympy};
use nsode_parser::{Expr, Names, ParseError, ParseErrorKind};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    expression: Vec<ExpressionCase>,
    system: Vec<SystemCase>,
    error: Vec<ErrorCase>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpressionCase {
    text: String,
    names: Option<Vec<String>>,
    printed: String,
    latex: Option<String>,
    sympy: Option<String>,
    value: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SystemCase {
    text: String,
    given: Option<Vec<String>>,
    states: Vec<String>,
    time: Option<String>,
    printed: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ErrorCase {
    text: String,
    #[serde(default)]
    system: bool,
    names: Option<Vec<String>>,
    kind: String,
    at: String,
    offset: usize,
    hint: Option<String>,
}

fn file() -> File {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/expressions.toml");
    toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn names(states: &Option<Vec<String>>) -> Names {
    Names {
        time: "t".to_string(),
        states: states.clone().unwrap_or(vec!["y".to_string()]),
    }
}

#[test]
fn expressions_are_read_and_printed() {
    for case in file().expression {
        let names = names(&case.names);
        let expr = parse_expr(&case.text, &names).unwrap_or_else(|e| panic!("{}: {e}", case.text));
        let printed = infix(&expr, &names);
        assert_eq!(printed, case.printed, "infix of {}", case.text);
        if let Some(expected) = &case.latex {
            assert_eq!(&latex(&expr, &names), expected, "latex of {}", case.text);
        }
        if let Some(expected) = &case.sympy {
            assert_eq!(&sympy(&expr, &names), expected, "sympy of {}", case.text);
        }
        let value = expr.eval(0.25, &[0.37, 0.82], &[]);
        let error = (value - case.value).abs();
        assert!(error <= 1e-14 * case.value.abs(), "{}: {value}", case.text);
        let again = parse_expr(&printed, &names).unwrap();
        assert_eq!(infix(&again, &names), printed, "again: {}", case.text);
        assert_eq!(again, expr, "again: {}", case.text);
    }
}

#[test]
fn systems_are_read() {
    for case in file().system {
        let given = case.given.as_ref().map(|_| names(&case.given));
        let (system, names) = parse_system(&case.text, given.as_ref())
            .unwrap_or_else(|e| panic!("{}: {e}", case.text));
        assert_eq!(names.states, case.states, "{}", case.text);
        let time = case.time.unwrap_or("t".to_string());
        assert_eq!(names.time, time, "{}", case.text);
        let printed: Vec<String> = system.rhs().iter().map(|e| infix(e, &names)).collect();
        assert_eq!(printed, case.printed, "{}", case.text);
    }
}

#[test]
fn errors_say_where_and_what_to_do() {
    for case in file().error {
        let ErrorCase { text, at, .. } = &case;
        let error = read(&case).expect_err(text);
        assert_eq!(error.kind.code(), case.kind, "{text}: {error}");
        let end = error.span.offset + error.span.length;
        let span = text.get(error.span.offset..end);
        assert_eq!(span, Some(at.as_str()), "{text}: {error}");
        assert_eq!(error.span.offset, case.offset, "{text}: {error}");
        assert_eq!(error.hint, case.hint, "{text}: {error}");
    }
}

fn read(case: &ErrorCase) -> Result<(), ParseError> {
    if case.system {
        let given = case.names.as_ref().map(|_| names(&case.names));
        parse_system(&case.text, given.as_ref()).map(|_| ())
    } else {
        parse_expr(&case.text, &names(&case.names)).map(|_| ())
    }
}

#[test]
fn errors_read_as_sentences() {
    let y = Names::default_for(1);
    let sentence = |text: &str| parse_expr(text, &y).unwrap_err().to_string();
    assert_eq!(
        sentence("y + "),
        "expected a number, a name, a function or `(`, found the end"
    );
    assert_eq!(
        sentence("(y ? 2)"),
        "expected an operator or `)`, found `?`"
    );
    assert_eq!(sentence("2y"), "there is no operator between `2` and `y`");
    assert_eq!(sentence("2*z"), "unknown name `z`; known here: `y`, `t`");
    assert_eq!(sentence("1e999"), "the number 1e999 is larger than 1.8e308");
    let error = parse_system("x' = 1; x' = 2", None).unwrap_err();
    match error.kind {
        ParseErrorKind::DuplicateLeftHandSide { name, first } => {
            assert_eq!((name.as_str(), first.offset, first.length), ("x", 0, 2));
        }
        other => panic!("{other}"),
    }
}

#[test]
fn long_pieces_of_text_are_cut_in_messages() {
    let name = "q".repeat(60_000);
    let error = parse_expr(&name, &Names::default_for(1)).unwrap_err();
    assert!(error.to_string().len() < 200, "{error}");
    assert_eq!(error.span.length, 60_000);
}

#[test]
fn parameters_are_read_only_in_templates() {
    let y = Names::default_for(1);
    let expr = parse_template("c0*y + c12", &y).unwrap();
    assert_eq!(expr.parameters(), 13);
    assert_eq!(infix(&expr, &y), "c0*y + c12");
    assert_eq!(latex(&expr, &y), "c_{0} y + c_{12}");
    assert!(parse_expr("c0*y", &y).is_err());
    for text in ["c01*y", "c*y", "c-1*cx"] {
        let error = parse_template(text, &y).unwrap_err();
        assert_eq!(error.kind.code(), "unknown-name", "{text}");
    }
    for text in ["c10000", "c99999999999999999999999"] {
        let error = parse_template(text, &y).unwrap_err();
        assert_eq!(error.kind.code(), "parameter-too-large", "{text}");
    }
    // A variable of that name comes first, in every mode; SymPy's text keeps them apart.
    let c0 = Names {
        time: "t".to_string(),
        states: vec!["c0".to_string()],
    };
    assert_eq!(parse_template("c0", &c0), Ok(Expr::State(0)));
    assert_eq!(sympy(&(Expr::Parameter(0) * Expr::State(0)), &c0), "c0*c0_");
}

#[test]
fn tables_get_rounded_numbers() {
    let y = Names::default_for(1);
    let expr = parse_expr("0.7900004*y^2 - 1234567.8*y + 2.99999e-9 - 0.5", &y).unwrap();
    assert_eq!(
        infix_rounded(&expr, &y, 3),
        "0.79*y^2 - 1230000*y + 3e-9 - 0.5"
    );
    assert_eq!(infix_rounded(&expr, &y, 0), infix_rounded(&expr, &y, 1));
    assert_eq!(infix_rounded(&expr, &y, 40), infix(&expr, &y));
    let largest = Expr::Number(f64::MAX);
    assert_eq!(infix_rounded(&largest, &y, 2), number(f64::MAX));
}

#[test]
fn equations_in_latex() {
    let (one, names) = parse_system("dN/dt = 0.5*N", None).unwrap();
    assert_eq!(latex_equation(&one, &names), r"\frac{dN}{dt} = 0.5 N");
    let (two, names) = parse_system("dtheta/dtau = x1; dx1/dtau = -sin(theta)", None).unwrap();
    let expected = "\\begin{aligned}\n\\frac{d\\theta}{d\\tau} &= x_{1} \\\\\n\\frac{dx_{1}}{d\\tau} &= -\\sin\\left(\\theta\\right)\n\\end{aligned}";
    assert_eq!(latex_equation(&two, &names), expected);
}

#[test]
fn printers_do_not_mind_odd_names_and_numbers() {
    let names = Names {
        time: "t".to_string(),
        states: ["cell count", "50%", "", "a b"]
            .map(str::to_string)
            .to_vec(),
    };
    let all = (0..5).map(Expr::State).reduce(|a, b| a * b).unwrap();
    assert_eq!(sympy(&all, &names), "cell_count*_50_*_*a_b*x5");
    assert_eq!(latex(&Expr::State(1), &names), r"\mathrm{50\%}");
    assert_eq!(latex(&Expr::State(0), &names), r"\mathrm{cell\ count}");
    assert_eq!(infix(&Expr::Number(f64::NAN), &names), "NaN");
    assert_eq!(infix(&Expr::Number(f64::NEG_INFINITY), &names), "-inf");
}

#[test]
fn identifiers() {
    for good in ["y", "x1", "_", "größe", "x₁", "sin", "pi", "Ελλ", "a_b9"] {
        assert!(is_identifier(good), "{good}");
    }
    for bad in ["", "1x", "a b", "a-b", "y'", "y²", "₁", "50%", " y"] {
        assert!(!is_identifier(bad), "{bad}");
    }
}

#[test]
fn names_that_are_no_variables_are_constants_of_a_law() {
    let names = Names {
        time: "t".into(),
        states: vec!["S".into(), "I".into()],
    };
    let law = "dI/dt = b*S*I - g*I; dS/dt = -b*S*I + pi";
    let (system, constants) = parse_law(law, &names).unwrap();
    assert_eq!(constants, ["b", "g"]);
    let at = |i: usize| system.rhs()[i].eval(0.0, &[2.0, 3.0], &[0.5, 0.1]);
    assert!((at(1) - 2.7).abs() < 1e-12);
    assert!((at(0) + 3.0 - std::f64::consts::PI).abs() < 1e-12);
    // A function without its argument is no constant, and a call is no product.
    assert!(parse_law("sin*S; I", &names).is_err());
    assert!(parse_law("r(S); I", &names).is_err());
    assert!(parse_law("r*S", &names).is_err());
}
