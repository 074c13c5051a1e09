//! What holds for every tree and every text: printing and reading are inverse, parentheses are needed, and no
//! text makes the parser panic or point outside of it.

use nsode_parser::infix::{parse_expr, parse_system, parse_template};
use nsode_parser::print::{infix, latex, latex_equation, sympy};
use nsode_parser::{Binary, Expr, Names, ParseError, Unary};
use proptest::prelude::*;

/// Numbers that printers and readers get wrong first.
const NUMBERS: [f64; 16] = [
    0.0,
    -0.0,
    1.0,
    2.0,
    -2.0,
    0.5,
    -1.0,
    74.3,
    1e300,
    -1e300,
    5e-324,
    f64::MAX,
    f64::MIN_POSITIVE,
    9999999.0,
    1e7,
    0.1 + 0.2,
];

fn names() -> Names {
    Names {
        time: "t".to_string(),
        states: ["y", "e3", "sin", "größe"].map(str::to_string).to_vec(),
    }
}

/// A tree from random words, which proptest shrinks: the first says what the root is, the next belong to its
/// operands. Words that run out are leaves, so every list is a tree.
fn tree(words: &mut std::slice::Iter<'_, u64>, depth: usize) -> Expr {
    let Some(&word) = words.next() else {
        return Expr::State(0);
    };
    let pick = |n: usize| (word >> 8) as usize % n;
    match word % 16 {
        0 | 1 => Expr::State(pick(4)),
        2 => Expr::Time,
        3 => Expr::Parameter(pick(12)),
        4 | 5 => Expr::Number(NUMBERS[pick(NUMBERS.len())]),
        6 => match f64::from_bits(word.rotate_left(11)) {
            v if v.is_finite() => Expr::Number(v),
            _ => Expr::Number(word as f64 / 1e3),
        },
        _ if depth == 0 => Expr::Number(pick(100) as f64 - 50.0),
        7 | 8 => Expr::unary(Unary::Neg, tree(words, depth - 1)),
        9 => Expr::unary(Unary::ALL[pick(9)], tree(words, depth - 1)),
        _ => {
            let left = tree(words, depth - 1);
            Expr::binary(Binary::ALL[pick(5)], left, tree(words, depth - 1))
        }
    }
}

fn trees(longest: usize) -> impl Strategy<Value = Expr> {
    proptest::collection::vec(any::<u64>(), 1..longest)
        .prop_map(|words| tree(&mut words.iter(), 60))
}

/// Equality in which numbers are their bits, so that -0 is not 0.
fn same(a: &Expr, b: &Expr) -> bool {
    match (a, b) {
        (Expr::Number(a), Expr::Number(b)) => a.to_bits() == b.to_bits(),
        (Expr::Unary(f, a), Expr::Unary(g, b)) => f == g && same(a, b),
        (Expr::Binary(f, a, b), Expr::Binary(g, c, d)) => f == g && same(a, c) && same(b, d),
        (a, b) => a == b,
    }
}

/// Places of every parenthesis that encloses no argument, with its partner.
fn parentheses(text: &str) -> Vec<(usize, usize)> {
    let mut open = Vec::new();
    let mut pairs = Vec::new();
    for (i, c) in text.char_indices() {
        let called = text[..i].ends_with(|c: char| c.is_alphanumeric());
        match c {
            '(' => open.push((i, called)),
            ')' => match open.pop() {
                Some((start, false)) => pairs.push((start, i)),
                _ => continue,
            },
            _ => {}
        }
    }
    pairs
}

/// An error must point into the text and say something.
fn check(text: &str, error: &ParseError) {
    let end = error.span.offset + error.span.length;
    assert!(text.get(error.span.offset..end).is_some(), "{error:?}");
    assert!(!error.to_string().is_empty());
    assert!(error.hint.as_ref().is_none_or(|hint| !hint.is_empty()));
}

/// Reads the text in every way there is; what can be read must print as something that reads as the same.
fn read(text: &str) {
    let names = names();
    for parse in [parse_expr, parse_template] {
        match parse(text, &names) {
            Ok(expr) => {
                let again = parse_template(&infix(&expr, &names), &names);
                assert!(again.is_ok_and(|again| same(&again, &expr)), "{text}");
                latex(&expr, &names);
                sympy(&expr, &names);
            }
            Err(error) => check(text, &error),
        }
    }
    for given in [None, Some(&names)] {
        match parse_system(text, given) {
            Ok((system, names)) => {
                assert_eq!(names.dimension(), system.dimension());
                latex_equation(&system, &names);
                let lines: Vec<String> = system.rhs().iter().map(|e| infix(e, &names)).collect();
                let (again, _) = parse_system(&lines.join("\n"), Some(&names)).unwrap();
                assert_eq!(again, system, "{text}");
            }
            Err(error) => check(text, &error),
        }
    }
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(cases(100_000))]

    #[test]
    fn reading_is_the_inverse_of_printing(expr in trees(60)) {
        let names = names();
        let text = infix(&expr, &names);
        match parse_template(&text, &names) {
            Ok(again) => prop_assert!(same(&again, &expr), "{text}\n{expr:?}\n{again:?}"),
            Err(error) => prop_assert!(false, "{text}\n{error}"),
        }
    }
}

proptest! {
    #![proptest_config(cases(10_000))]

    /// Without any one pair the text means something else, or nothing, or has a `-` after another operator.
    #[test]
    fn no_parenthesis_is_superfluous(expr in trees(16)) {
        let names = names();
        let text = infix(&expr, &names);
        for (start, end) in parentheses(&text) {
            let inner = &text[start + 1..end];
            let without = format!("{}{}{}", &text[..start], inner, &text[end + 1..]);
            let needed = match parse_template(&without, &names) {
                Ok(other) => !same(&other, &expr),
                Err(_) => true,
            };
            let after_operator = text[..start].trim_end().ends_with(['+', '-', '*', '/', '^']);
            prop_assert!(needed || (after_operator && inner.starts_with('-')), "{text} | {without}");
        }
    }

    /// Texts of the characters that formulas are made of are the ones that get far.
    #[test]
    fn likely_texts_do_not_panic(
        pieces in proptest::collection::vec(
            prop::sample::select(vec![
                "y", "t", "e3", "sin", "exp", "sinh", "c1", "pi", "größe", "d", "dy/dt", "y'", "=", ";", "\n",
                "#", " ", "(", ")", "(", ")", "+", "-", "-", "*", "/", "^", "**", "2", "0.5", "1e3", ".", ",",
                "1e999", "×", "²", "−", "\r", "\u{a0}", "_", "∂", "e", "7", "'",
            ]),
            0..24,
        ),
    ) {
        read(&pieces.concat());
    }

    /// Valid texts with a few characters dropped, doubled, swapped or replaced.
    #[test]
    fn mutated_texts_do_not_panic(
        expr in trees(24),
        changes in proptest::collection::vec((any::<usize>(), 0..5u8, any::<char>()), 1..4),
    ) {
        let mut text: Vec<char> = infix(&expr, &names()).chars().collect();
        for (place, what, new) in changes {
            let place = place % text.len().max(1);
            match what {
                _ if text.is_empty() => text.push(new),
                0 => drop(text.remove(place)),
                1 => text.insert(place, text[place]),
                2 => text.insert(place, new),
                3 => text[place] = new,
                _ => text.swap(place, 0),
            }
        }
        read(&text.into_iter().collect::<String>());
    }

    #[test]
    fn arbitrary_texts_do_not_panic(text in any::<String>()) {
        read(&text);
    }
}
