//! Known laws written in different ways: all ways have one skeleton, the one in the data file.

use nsode_parser::infix::parse_system;
use nsode_parser::{CanonicalSystem, Names, Skeleton, Token};
use serde::Deserialize;

#[derive(Deserialize)]
struct Laws {
    law: Vec<Law>,
}

#[derive(Deserialize)]
struct Law {
    name: String,
    tokens: String,
    same: Vec<String>,
}

#[test]
fn all_ways_to_write_a_law_have_one_skeleton() {
    let laws: Laws = toml::from_str(include_str!("../../testdata/canonical.toml")).unwrap();
    for law in laws.law {
        let dimension = if law.same[0].contains(';') { 2 } else { 1 };
        let tokens: Vec<Token> = law
            .tokens
            .split_whitespace()
            .map(|name| Token::from_name(name).unwrap())
            .collect();
        let expected = Skeleton::parse(dimension, &tokens).unwrap();
        let mut first: Option<Vec<f64>> = None;
        for text in &law.same {
            let names = Names::default_for(dimension);
            let (system, _) = parse_system(text, Some(&names)).unwrap();
            let (skeleton, constants) = CanonicalSystem::new(&system).unwrap().parts().unwrap();
            assert_eq!(
                skeleton.text(&names),
                expected.text(&names),
                "{}: {text}",
                law.name
            );
            assert_eq!(skeleton, expected, "{}: {text}", law.name);
            let equations: Vec<&[Token]> = skeleton.equations().collect();
            assert_eq!(equations.len(), skeleton.dimension());
            assert_eq!(equations.concat(), skeleton.tokens());
            // Equal functions have equal constants, too.
            let first = first.get_or_insert_with(|| constants.clone());
            for (a, b) in first.iter().zip(&constants) {
                assert!((a - b).abs() < 1e-9, "{}: {text}: {a} and {b}", law.name);
            }
        }
    }
}

#[test]
fn long_products_of_sums_come_to_an_end() {
    // Each of these once made multiplying out and taking out common factors call each other for ever.
    for text in [
        "((y - 2.51)^2*(-0.699 - 0.248/y))^3",
        "1/(-1 + (y + 1)^-3)",
        "((1 + y)^9*(2 + 1/y)^9)^-2",
        "((y + sqrt(y) + 1)^3*(y + 1/y + 2)^4)^(1/2)",
    ] {
        let (system, _) = parse_system(text, None).unwrap();
        match CanonicalSystem::new(&system) {
            Ok(form) => {
                let at = |system: &nsode_parser::System| system.rhs()[0].eval(0.0, &[1.7], &[]);
                let (before, after) = (at(&system), at(&form.to_system()));
                assert!(
                    (before - after).abs() <= 1e-9 * before.abs(),
                    "{text}: {before}, {after}"
                );
            }
            Err(e) => assert_eq!(e, nsode_parser::CanonicalError::TooLarge, "{text}"),
        }
    }
}
