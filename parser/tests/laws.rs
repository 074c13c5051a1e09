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
            // Equal functions have equal constants, too.
            let first = first.get_or_insert_with(|| constants.clone());
            for (a, b) in first.iter().zip(&constants) {
                assert!((a - b).abs() < 1e-9, "{}: {text}: {a} and {b}", law.name);
            }
        }
    }
}
