//! Customary forms as data, and that they are the same function with the right errors.

use nsode_parser::infix::{parse_expr, parse_template};
use nsode_parser::print::infix;
use nsode_parser::{CanonicalSystem, Names, System};
use proptest::prelude::*;

use super::*;

fn names() -> Names {
    Names {
        time: "t".into(),
        states: vec!["y".into(), "z".into()],
    }
}

/// The canonical template of a law in `y` and `z`, and its constants.
fn canonical(law: &str) -> (Vec<Expr>, Vec<Constant>) {
    let names = names();
    let rhs = law.split(';').map(|text| parse_expr(text, &names).unwrap());
    let mut rhs: Vec<Expr> = rhs.collect();
    if rhs.len() == 1 {
        rhs.push(parse_expr("z", &names).unwrap()); // so that both states exist
    }
    let system = CanonicalSystem::new(&System::new(rhs).unwrap()).unwrap();
    let (skeleton, values) = system.parts().unwrap();
    let constants = values.into_iter().map(|value| Constant {
        value,
        stderr: Some(0.1),
    });
    (skeleton.template().rhs().to_vec(), constants.collect())
}

#[test]
fn customary_forms() {
    for (law, shape, values) in [
        ("0.5*y - 0.001*y^2", "c0*y*(1 - y/c1)", vec![0.5, 500.0]),
        ("-0.5*y + 0.001*y^2", "c0*y*(1 - y/c1)", vec![-0.5, 500.0]),
        ("0.5*y - 0.02*y^3", "c0*y*(1 - (y/c1)^2)", vec![0.5, 5.0]),
        (
            "0.5*y - 0.5*y^2.5",
            "c0*y*(1 - (y/c1)^c2)",
            vec![0.5, 1.0, 1.5],
        ),
        ("y*(1 - y/50)", "y*(1 - y/c0)", vec![50.0]),
        (
            "0.5*y*(1 - y/50) - 3*y^2/(16 + y^2)",
            "c0*y*(1 - y/c1) - c2*y^2/(c3^2 + y^2)",
            vec![0.5, 50.0, 3.0, 4.0],
        ),
        (
            "0.5*y - 0.1*y^2 - 0.2*y*z",
            "c0*y*(1 - y/c1) - c2*y*z",
            vec![0.5, 5.0, 0.2],
        ),
        ("z - 0.5*y + 0.1*y^2", "c0*y^2 - c1*y + z", vec![0.1, 0.5]),
        ("0.5*y - 0.02*y*z", "c0*y - c1*y*z", vec![0.5, 0.02]),
        ("-y - 0.02*y*z", "-y - c0*y*z", vec![0.02]),
        ("3 - 0.5*y", "c0*(c1 - y)", vec![0.5, 6.0]),
        ("0.5*y - 3", "c0*(y - c1)", vec![0.5, 6.0]),
        ("6 - y", "c0 - y", vec![6.0]),
        ("3 + 0.5*y", "c0 + c1*y", vec![3.0, 0.5]),
        ("3 - 0.5*y^2", "c0 - c1*y^2", vec![3.0, 0.5]),
        ("-0.5*y + 2*y*z", "c0*y*z - c1*y", vec![2.0, 0.5]),
        ("-0.5*y^2", "c0*y^2", vec![-0.5]),
        ("4*y/(2 + y)", "c0*y/(c1 + y)", vec![4.0, 2.0]),
        ("-4*y/(2 + y)", "c0*y/(c1 + y)", vec![-4.0, 2.0]),
        ("0.3*y*log(50/y)", "c0*y*log(c1/y)", vec![0.3, 50.0]),
        ("0.3*y*log(y/50)", "c0*y*log(y/c1)", vec![0.3, 50.0]),
        ("2*exp(-0.3*y)", "c0*exp(c1*y)", vec![2.0, -0.3]),
        (
            "2*exp(-0.3*y + 0.1*z)",
            "c0*exp(c1*z - c2*y)",
            vec![2.0, 0.1, 0.3],
        ),
        ("y - 0.5*sqrt(y)", "y - c0*sqrt(y)", vec![0.5]),
        (
            "0.5*y + 0.4*y^2 - 0.1*y^3",
            "c0*y + c1*y^2 - c2*y^3",
            vec![0.5, 0.4, 0.1],
        ),
        (
            "2*y^1.5/(8 + y^1.5)",
            "c0*y^c1/(c2^c3 + y^c3)",
            vec![2.0, 1.5, 4.0, 1.5],
        ),
        (
            "2*y*z/(3 + y) - 0.5*z",
            "c0*y*z/(c1 + y) - c2*z",
            vec![2.0, 3.0, 0.5],
        ),
        (
            "2*y*z^2/(9 + z^2) - 0.5*y",
            "c0*y*z^2/(c1^2 + z^2) - c2*y",
            vec![2.0, 3.0, 0.5],
        ),
        ("3 - 4*y/(2 + y)", "c0 - c1*y/(c2 + y)", vec![3.0, 4.0, 2.0]),
        (
            "0.1 + 4*y^2/(9 + y^2)",
            "c0 + c1*y^2/(c2^2 + y^2)",
            vec![0.1, 4.0, 3.0],
        ),
        (
            "0.5*y - 3*y/(2 + y)",
            "c0*y - c1*y/(c2 + y)",
            vec![0.5, 3.0, 2.0],
        ),
        ("0.5 + 3/(2 + y)", "c0 + c1/(c2 + y)", vec![0.5, 3.0, 2.0]),
        ("4/(2 + sqrt(z))", "c0/(1 + sqrt(z/c1))", vec![2.0, 4.0]),
        (
            "0.5*z - 3*z/(y - 2)",
            "c0*z - c1*z/(y - c2)",
            vec![0.5, 3.0, 2.0],
        ),
        (
            "0.1*y - 6*y/(3 + z) - 2",
            "c0*y*z/(c1 + z) - c2 - c3*y",
            vec![2.0, 3.0, 2.0, 1.9],
        ),
        (
            "36/(9 + z^2) - 0.5*y",
            "c0/(1 + (z/c1)^2) - c2*y",
            vec![4.0, 3.0, 0.5],
        ),
        ("0*y", "0", vec![]),
        ("z; -0.4*z - 9*sin(y)", "z", vec![]),
    ] {
        let (template, constants) = canonical(law);
        let presented = Presented::new(&template, &constants, None);
        let first: Vec<f64> = presented.constants.iter().map(|c| c.value).collect();
        assert_eq!(infix(&presented.rhs[0], &names()), shape, "{law}");
        for (value, expected) in first.iter().zip(&values) {
            assert!(
                (value - expected).abs() < 1e-9 * expected.abs(),
                "{law}: {first:?}"
            );
        }
        assert!(first.len() >= values.len(), "{law}: {first:?}");
    }
}

#[test]
fn ones_are_not_written() {
    for (law, error, expected) in [
        ("0.21 - 1.0000003*sin(0.99999997*y)", 1e-5, "0.21 - sin(y)"),
        ("-0.99999998*y*z", 1e-5, "-y*z"),
        ("-1.0000001*sqrt(1.00002 + y)", 1e-4, "-sqrt(1 + y)"),
        ("1.0000002*y*(1 - y/0.99999991)", 1e-5, "y*(1 - y)"),
        ("2.5*y^1.0000004 - z", 1e-5, "2.5*y - z"),
        ("0.3*y*log(1.0000004/y)", 1e-5, "0.3*y*log(1/y)"),
        ("1.0000002*y^3/(0.9999999 + y^3)", 1e-5, "y^3/(1 + y^3)"),
        ("-0.9999998/(3 + y)", 1e-5, "-1/(3 + y)"),
        // A coefficient that differs from 1 by more than its error is kept.
        (
            "0.21 - 1.0003*sin(0.9997*y)",
            1e-5,
            "0.21 - 1.0003*sin(0.9997*y)",
        ),
    ] {
        let (template, mut constants) = canonical(law);
        let variances = constants.iter_mut().map(|c| {
            c.stderr = Some(error);
            error * error
        });
        let variances: Vec<f64> = variances.collect();
        let covariance = DMatrix::from_diagonal(&DVector::from(variances));
        let presented = Presented::new(&template, &constants, Some(&covariance));
        assert_eq!(infix(&presented.rounded()[0], &names()), expected, "{law}");
        // All digits stay where programs read them.
        let digits: f64 = presented.exact()[0].eval(0.0, &[0.7, 1.3], &[]);
        let found = parse_expr(law, &names())
            .unwrap()
            .eval(0.0, &[0.7, 1.3], &[]);
        assert!((digits - found).abs() < 1e-12 * found.abs(), "{law}");
    }
}

#[test]
fn errors_of_a_capacity() {
    // K = −a/b: σ² = (σ_a/b)² + (a σ_b/b²)² − 2 a cov/b³ with the signs of a and b.
    let (template, constants) = canonical("0.5*y - 0.001*y^2");
    let mut covariance = DMatrix::zeros(constants.len(), constants.len());
    let (a, b, va, vb, cab) = (0.5, -0.001, 1e-4, 1e-9, -2e-7);
    covariance[(0, 0)] = va;
    covariance[(1, 1)] = vb;
    covariance[(0, 1)] = cab;
    covariance[(1, 0)] = cab;
    let presented = Presented::new(&template, &constants, Some(&covariance));
    let capacity = presented.constants[1];
    let expected = va / (b * b) + vb * a * a / (b * b * b * b) - 2.0 * cab * a / (b * b * b);
    assert!((capacity.stderr.unwrap() - f64::sqrt(expected)).abs() < 1e-9 * expected);
    assert!((presented.constants[0].stderr.unwrap() - 0.01).abs() < 1e-15);
    // Without covariance, the rate keeps its error, and that of the capacity is unknown.
    let presented = Presented::new(&template, &constants, None);
    assert_eq!(presented.constants[0].stderr, Some(0.1));
    assert_eq!(presented.constants[1].stderr, None);
}

/// Sum of the sizes of the terms, by which cancellation is measured.
fn size(expr: &Expr, states: &[f64], values: &[f64]) -> f64 {
    let mut total = 0.0;
    for term in terms::terms(expr) {
        let mut size = term.coefficient.eval(0.0, states, values).abs();
        for factor in &term.factors {
            let exponent = match factor.exponent {
                terms::Exponent::Fixed(e) => e,
                terms::Exponent::Slot(k) => values[k],
            };
            size *= factor.base.eval(0.0, states, values).abs().powf(exponent);
        }
        total += size;
    }
    total
}

fn same_function(template: &[Expr], constants: &[Constant], y: f64, z: f64) -> Result<(), String> {
    let values: Vec<f64> = constants.iter().map(|c| c.value).collect();
    let presented = Presented::new(template, constants, None);
    let back: Vec<Expr> = presented
        .exact()
        .iter()
        .map(|e| parse_expr(&infix(e, &names()), &names()).unwrap())
        .collect();
    for (old, new) in template.iter().zip(&back) {
        let (a, b) = (old.eval(0.3, &[y, z], &values), new.eval(0.3, &[y, z], &[]));
        let scale = size(old, &[y, z], &values);
        if a.is_finite() && scale.is_finite() && (a - b).abs() > 1e-9 * scale + f64::MIN_POSITIVE {
            return Err(format!("{a} {b}: {} with {values:?}", infix(new, &names())));
        }
    }
    // Every constant is used, and they come in the order of the text.
    let text: String = presented
        .rhs
        .iter()
        .map(|e| infix(e, &names()) + ";")
        .collect();
    let mut before = 0;
    for k in 0..presented.constants.len() {
        let at = text
            .find(&format!("c{k}"))
            .ok_or(format!("no c{k} in {text}"))?;
        if at < before {
            return Err(format!("c{k} is out of order in {text}"));
        }
        before = at;
    }
    Ok(())
}

/// Shapes that the customary forms apply to, in many combinations with signs from the constants.
const TEMPLATES: [&str; 20] = [
    "c0*y + c1*y^2",
    "c0*y^c1 + c2*y^c3",
    "c0*y + c1*y^c2",
    "c0 + c1*y",
    "c0*y*z + c1*y^2*z + c2",
    "c0*y/(c1 + y) + c2*y",
    "c0*y^2/(c1 + y^2)",
    "c0*y^c1/(c2 + y^c3)",
    "c0*y*log(c1*y)",
    "c0*y*z*log(c1*z) + c2*z",
    "c0*exp(c1*y) + c2",
    "c0*sin(c1 + c2*y)",
    "c0*y*(c1 + z)^-2",
    "c0*sqrt(c1 + y) - c2*sqrt(y)",
    "c0/(c1 + sqrt(y)) + c2*y*tanh(c3 + c4*z)",
    "c0*abs(c1 + y)*(y + c2*z)^c3",
    "c0*z + c1*z/(c2 + y)",
    "c0*z + c1*z/(c2 + y^c3)",
    "c0 + c1/(c2 + y) + c3/(c4 + z^2)",
    "c0*z/(c1 + y^2) + c2*z",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_form_is_another_the_function_the_same(
        which in 0..TEMPLATES.len(),
        values in prop::collection::vec((-2.5..1.3f64, any::<bool>(), any::<bool>()), 5),
        y in 0.01..10.0f64,
        z in 0.01..10.0f64,
    ) {
        let template = parse_template(TEMPLATES[which], &names()).unwrap();
        let constants: Vec<Constant> = values[..template.parameters()]
            .iter()
            .map(|&(power, negative, round)| {
                // Some of them are whole numbers, ones and zeros among them.
                let size = if round { power.round() } else { 10f64.powf(power) };
                Constant { value: if negative { -size } else { size }, stderr: None }
            })
            .collect();
        let presented = Presented::new(std::slice::from_ref(&template), &constants, None);
        for full in presented.exact() {
            let (a, b) = (full.eval(0.3, &[y, z], &[]), ones::without_ones(&full).eval(0.3, &[y, z], &[]));
            let same = (a - b).abs() <= 1e-12 * a.abs() || a == b || a.is_nan();
            prop_assert!(same, "{a} {b}: {}", infix(&full, &names()));
        }
        same_function(&[template], &constants, y, z).map_err(TestCaseError::fail)?;
    }
}
