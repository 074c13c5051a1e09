//! The promises of the canonical form, over many random trees: it keeps values, it is idempotent, it is
//! closed under rescaling, and the way through tokens and back changes nothing.

mod common;

use common::{Random, tree};
use nsode_parser::infix::parse_expr;
use nsode_parser::{
    Binary, CanonicalSystem, Expr, Grammar, Names, Scaling, Skeleton, System, Token,
};

const TREES: u64 = 120_000;

/// Every random system of two equations that has a canonical form, with its number.
fn systems() -> impl Iterator<Item = (u64, System, CanonicalSystem)> {
    (0..TREES).filter_map(|number| {
        let mut random = Random(number);
        let rhs = vec![tree(&mut random, 4, false), tree(&mut random, 3, false)];
        let system = System::new(rhs).unwrap();
        let canonical = CanonicalSystem::new(&system).ok()?;
        Some((number, system, canonical))
    })
}

/// Largest absolute value of any node.
fn magnitude(expr: &Expr, states: &[f64]) -> f64 {
    let mut largest = 0.0f64;
    expr.visit(&mut |node| largest = largest.max(node.eval(0.0, states, &[]).abs()));
    largest
}

/// Whether a base that is not positive has a variable exponent that happens to be a whole number just here.
fn lucky(expr: &Expr, states: &[f64]) -> bool {
    let mut found = false;
    expr.visit(&mut |node| {
        if let Expr::Binary(Binary::Pow, base, exponent) = node {
            let positive = base.eval(0.0, states, &[]) > 0.0;
            let undefined = !positive || exponent.eval(0.0, states, &[]).is_nan();
            found |= undefined && exponent.states() > 0;
        }
    });
    found
}

#[test]
fn values_are_kept() {
    let (mut compared, mut worst) = (0u64, 0.0f64);
    for (number, system, canonical) in systems() {
        let form = canonical.to_system();
        let mut random = Random(!number);
        for _ in 0..4 {
            let x = [random.uniform(-2.0, 2.0), random.uniform(0.1, 3.0)];
            let near = [x[0] * (1.0 + 1e-12), x[1] * (1.0 - 1e-12)];
            for (before, after) in system.rhs().iter().zip(form.rhs()) {
                let expected = before.eval(0.0, &x, &[]);
                let size = magnitude(before, &x).max(magnitude(after, &x));
                // How much rounding of the inputs alone changes the value.
                let slack = (before.eval(0.0, &near, &[]) - expected).abs();
                if lucky(before, &x)
                    || !expected.is_finite()
                    || size > 1e12
                    || slack.is_nan()
                    || slack >= 1e-6
                {
                    continue;
                }
                let found = after.eval(0.0, &x, &[]);
                let error = (found - expected).abs();
                let tolerance = 1e-9 * size.max(1.0) + 1e3 * slack;
                assert!(
                    error <= tolerance,
                    "tree {number} at {x:?}: {expected} became {found}\n{before:?}\n{after:?}"
                );
                compared += 1;
                worst = worst.max(error / size.max(1.0));
            }
        }
    }
    println!("{compared} values, worst error {worst:e} of the largest node");
    assert!(
        compared > 4 * TREES,
        "only {compared} values could be compared"
    );
}

#[test]
fn canonical_form_is_idempotent() {
    let mut forms = 0u64;
    for (number, system, canonical) in systems() {
        let again = CanonicalSystem::new(&canonical.to_system());
        let again = again.unwrap_or_else(|e| panic!("tree {number}: {e}\n{system:?}"));
        if let (Ok(once), Ok(twice)) = (canonical.parts(), again.parts()) {
            assert_eq!(
                once.0,
                twice.0,
                "tree {number}\n{:?}\n{:?}",
                canonical.to_system(),
                again.to_system()
            );
            for (a, b) in once.1.iter().zip(&twice.1) {
                assert!(
                    (a - b).abs() <= 1e-8 * a.abs(),
                    "tree {number}: {a} became {b}"
                );
            }
            forms += 1;
        }
    }
    println!("{forms} forms");
    assert!(forms > TREES / 2);
}

#[test]
fn canonical_form_is_closed_under_rescaling() {
    let mut forms = 0u64;
    for (number, _, canonical) in systems() {
        let mut random = Random(number ^ 0xABCD);
        let scaling = Scaling {
            origin: 0.0,
            time: random.uniform(0.2, 5.0),
            states: vec![random.uniform(0.2, 5.0), random.uniform(0.2, 5.0)],
        };
        let Ok(rescaled) = canonical.rescaled(&scaling) else {
            continue;
        };
        let Ok(restored) = rescaled.restored(&scaling) else {
            continue;
        };
        let (Ok(before), Ok(scaled), Ok(after)) =
            (canonical.parts(), rescaled.parts(), restored.parts())
        else {
            continue;
        };
        let show = || format!("{:?}\n{:?}", canonical.to_system(), rescaled.to_system());
        assert_eq!(
            before.0,
            scaled.0,
            "tree {number} in other units\n{}",
            show()
        );
        assert_eq!(before.0, after.0, "tree {number} and back\n{}", show());
        for (a, b) in before.1.iter().zip(&after.1) {
            assert!(
                (a - b).abs() <= 1e-7 * a.abs().max(1e-3),
                "tree {number}: {a} became {b}"
            );
        }
        // The rescaled law is the same law: du/dτ = T/s · f(s·u).
        let u = [random.uniform(-2.0, 2.0), random.uniform(0.1, 3.0)];
        let y = [u[0] * scaling.states[0], u[1] * scaling.states[1]];
        let (before, after) = (canonical.to_system(), rescaled.to_system());
        for (i, (old, new)) in before.rhs().iter().zip(after.rhs()).enumerate() {
            let expected = old.eval(0.0, &y, &[]) * scaling.time / scaling.states[i];
            let size = magnitude(old, &y).max(magnitude(new, &u)).max(1.0);
            let near = [y[0] * (1.0 + 1e-12), y[1] * (1.0 - 1e-12)];
            let slack = (old.eval(0.0, &near, &[]) - old.eval(0.0, &y, &[])).abs() * 25.0;
            if expected.is_finite() && size < 1e12 && slack < 1e-6 {
                let found = new.eval(0.0, &u, &[]);
                assert!(
                    (found - expected).abs() <= 1e-8 * size + 1e3 * slack,
                    "tree {number}: {expected} became {found}\n{}",
                    show()
                );
            }
        }
        forms += 1;
    }
    println!("{forms} forms");
    assert!(forms > TREES / 2);
}

#[test]
fn tokens_and_constants_spell_the_form() {
    let mut forms = 0u64;
    for (number, _, canonical) in systems() {
        let Ok((skeleton, constants)) = canonical.parts() else {
            continue;
        };
        assert_eq!(skeleton.slots(), constants.len());
        match Skeleton::parse(2, skeleton.tokens()) {
            Ok(parsed) => assert_eq!(parsed, skeleton, "tree {number}"),
            Err(nsode_parser::PrefixError::NoState) => continue,
            Err(e) => panic!("tree {number}: {e}\n{:?}", skeleton.tokens()),
        }
        let mut grammar = Grammar::new(2, skeleton.tokens().len());
        for &token in skeleton.tokens() {
            assert!(
                grammar.push(token),
                "tree {number}: {token} in {:?}",
                skeleton.tokens()
            );
        }
        assert!(grammar.is_complete());
        let back = skeleton.instantiate(&constants).unwrap();
        let (again, values) = back.parts().unwrap_or_else(|e| {
            panic!(
                "tree {number}: {e}\n{:?}\n{:?}",
                canonical.to_system(),
                back.to_system()
            )
        });
        assert_eq!(again, skeleton, "tree {number}");
        for (a, b) in constants.iter().zip(&values) {
            assert!(
                (a - b).abs() <= 1e-8 * a.abs(),
                "tree {number}: {a} became {b}"
            );
        }
        // The template with the constants is the law itself.
        let x = [0.7, 1.3];
        for (t, s) in skeleton
            .template()
            .rhs()
            .iter()
            .zip(canonical.to_system().rhs())
        {
            let (a, b) = (t.eval(0.0, &x, &constants), s.eval(0.0, &x, &[]));
            let size = magnitude(s, &x).max(1.0);
            assert!(
                a == b || a.is_nan() || (a - b).abs() <= 1e-10 * size,
                "tree {number}"
            );
        }
        forms += 1;
    }
    println!("{forms} forms");
    assert!(forms > TREES / 2);
}

#[test]
fn the_grammar_only_writes_what_the_parser_reads() {
    let (mut forms, mut changed) = (0u64, 0u64);
    for number in 0..TREES {
        let mut random = Random(number);
        let dimension = 1 + random.below(4) as usize;
        let length = dimension + random.below(30) as usize;
        let mut grammar = Grammar::new(dimension, length);
        let mut tokens = Vec::new();
        while !grammar.is_complete() {
            let allowed: Vec<Token> = grammar.allowed().iter().collect();
            assert!(!allowed.is_empty(), "stuck after {tokens:?}");
            let token = allowed[random.below(allowed.len() as u64) as usize];
            assert!(grammar.push(token));
            tokens.push(token);
        }
        assert!(tokens.len() <= length);
        match Skeleton::parse(dimension, &tokens) {
            Ok(skeleton) => {
                let constants: Vec<f64> = (0..skeleton.slots())
                    .map(|_| random.uniform(-2.0, 2.0))
                    .collect();
                // Whatever comes out should be canonical: its own form again.
                if let Ok(law) = skeleton.instantiate(&constants)
                    && let Ok((form, _)) = law.parts()
                    && let Ok(again) = CanonicalSystem::new(&law.to_system())
                    && let Ok((again, _)) = again.parts()
                {
                    forms += 1;
                    changed += u64::from(again != form);
                }
            }
            Err(nsode_parser::PrefixError::NoState) => {}
            Err(e) => panic!("sequence {number}: {e}\n{tokens:?}"),
        }
    }
    // Sums nested in roots nested in powers, which are what such sequences mostly are, multiply out in
    // more than one way; nothing that laws are made of does.
    println!("{forms} forms, {changed} of them not their own form");
    assert!(
        forms > TREES / 2 && changed * 2_000 < forms,
        "{changed} of {forms} forms changed"
    );
}

#[test]
fn any_bytes_are_a_skeleton_or_an_error() {
    for number in 0..TREES {
        let mut random = Random(number);
        let length = random.below(24);
        let tokens: Vec<Token> = (0..length)
            .map(|_| Token::ALL[random.below(Token::ALL.len() as u64) as usize])
            .collect();
        if let Ok(skeleton) = Skeleton::parse(1 + random.below(2) as usize, &tokens) {
            assert_eq!(skeleton.template().rhs().len(), skeleton.dimension());
        }
    }
}

#[test]
fn exponents_so_large_that_one_more_is_the_same_are_no_second_term() {
    let y = || Expr::State(0);
    for exponent in [-1e8, -1e10, -1e13, -1e16] {
        for constant in [-1.0, 1.0, 2.0] {
            let power = (y() + Expr::Number(constant)).pow(Expr::Number(exponent));
            let system = System::new(vec![y() + Expr::Number(3.0) * power]).unwrap();
            let (skeleton, _) = CanonicalSystem::new(&system).unwrap().parts().unwrap();
            assert!(
                skeleton.slots() >= 2,
                "{exponent}, {constant}: {skeleton:?}"
            );
        }
    }
}

#[test]
fn terms_have_factors_with_constants_of_their_own() {
    let names = Names::default_for(2);
    for (law, expected) in [
        // tokens of each factor, and how many constants are inside
        ("3", vec![("1", 0)]),
        ("3*x1", vec![("x1", 0)]),
        ("3*x1*x2^1.7", vec![("x1", 0), ("pow x2", 1)]),
        ("3*x1/(2 + x2)", vec![("x1", 0), ("inv add2 1 x2", 1)]),
        ("3*x2*exp(0.5*x1)", vec![("x2", 0), ("exp x1", 1)]),
        (
            "3/(2 + x1)/(5 + x1)",
            vec![("inv add2 1 x1", 1), ("inv add2 1 x1", 1)],
        ),
    ] {
        let rhs = [law, "x1"].map(|text| parse_expr(text, &names).unwrap());
        let system = System::new(rhs.to_vec()).unwrap();
        let (skeleton, _) = CanonicalSystem::new(&system).unwrap().parts().unwrap();
        let part = &skeleton.parts()[0];
        let factors = part.factors();
        let inside: usize = factors.iter().map(|(_, slots)| slots.len()).sum();
        assert_eq!(1 + inside, part.slots.len(), "{law}");
        let texts: Vec<(String, usize)> = (factors.iter())
            .map(|(tokens, slots)| {
                let words: Vec<String> = tokens.iter().map(|t| t.to_string()).collect();
                (words.join(" "), slots.len())
            })
            .collect();
        let texts: Vec<(&str, usize)> = texts.iter().map(|(t, n)| (t.as_str(), *n)).collect();
        assert_eq!(texts, expected, "{law}");
        assert_eq!(
            factors.last().map(|(_, slots)| slots.end),
            Some(part.slots.end),
            "{law}"
        );
    }
}
