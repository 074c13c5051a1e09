//! The limits of the infix parser, on both sides, on a stack of one mebibyte: a text beyond them is an error that
//! says the limit, and a tree within them can be used and dropped by recursion.

use std::thread;

use nsode_parser::infix::{MAX_DEPTH, MAX_NODES, MAX_TEXT, parse_expr, parse_system};
use nsode_parser::print::{infix, latex, sympy};
use nsode_parser::{Expr, Names, ParseErrorKind};

/// Runs `work` on a small stack. An overflow aborts the whole process, which no test can mistake for success.
fn on_a_small_stack(work: impl FnOnce() + Send + 'static) {
    let thread = thread::Builder::new().stack_size(1 << 20).spawn(work);
    thread.unwrap().join().unwrap();
}

fn kind(text: &str) -> ParseErrorKind {
    let error = parse_expr(text, &Names::default_for(1)).unwrap_err();
    let as_system = parse_system(text, None).unwrap_err();
    assert_eq!(as_system.kind, error.kind);
    assert!(error.span.offset + error.span.length <= text.len());
    error.kind
}

const TOO_DEEP: ParseErrorKind = ParseErrorKind::TooDeep { limit: MAX_DEPTH };
const TOO_MANY: ParseErrorKind = ParseErrorKind::TooManyNodes { limit: MAX_NODES };

/// Chains that nest once a link: what comes before the innermost `y`, and what comes after it.
const CHAINS: [(&str, &str); 12] = [
    ("(1+", ")"),
    ("sin(", ")"),
    ("-(", ")"),
    ("", "+y"),
    ("", " - 1"),
    ("", "*y"),
    ("", "/2"),
    ("-", ""),
    ("y^", ""),
    ("y**", ""),
    ("(", ")^2"),
    ("y/(", ")"),
];

fn chain(before: &str, after: &str, links: usize) -> String {
    format!("{}y{}", before.repeat(links), after.repeat(links))
}

#[test]
fn depth_is_limited_exactly() {
    on_a_small_stack(|| {
        let names = Names::default_for(1);
        for (before, after) in CHAINS {
            let deepest = chain(before, after, MAX_DEPTH - 1);
            let expr = parse_expr(&deepest, &names).unwrap();
            assert_eq!(expr.depth(), MAX_DEPTH, "{before}…{after}");
            use_up(expr, &names);
            assert_eq!(
                kind(&chain(before, after, MAX_DEPTH)),
                TOO_DEEP,
                "{before}…{after}"
            );
        }
    });
}

/// Everything that recurses over a tree.
fn use_up(expr: Expr, names: &Names) {
    let again = parse_expr(&infix(&expr, names), names).unwrap();
    assert_eq!(again, expr);
    assert!(!latex(&expr, names).is_empty());
    assert!(!sympy(&expr, names).is_empty());
    assert_eq!(expr.clone().nodes(), expr.nodes());
    assert_eq!(expr.states(), 1);
    assert_eq!(expr.substitute(&|_| None), expr);
    expr.eval(0.0, &[1.0], &[]);
    drop(expr);
}

#[test]
fn parentheses_are_limited_exactly() {
    on_a_small_stack(|| {
        let names = Names::default_for(1);
        let most = chain("(", ")", MAX_DEPTH);
        assert_eq!(parse_expr(&most, &names), Ok(Expr::State(0)));
        assert_eq!(kind(&chain("(", ")", MAX_DEPTH + 1)), TOO_DEEP);
        assert_eq!(kind(&chain("(", ")", 10_000)), TOO_DEEP);
        assert_eq!(kind(&"(".repeat(10_000)), TOO_DEEP);
        assert_eq!(kind(&"sin(".repeat(10_000)), TOO_DEEP);
        assert_eq!(kind(&"(".repeat(MAX_DEPTH)), kind("(((((("));
    });
}

#[test]
fn chains_that_fill_the_text_are_too_deep() {
    on_a_small_stack(|| {
        for (before, after) in CHAINS {
            let links = (MAX_TEXT - 1) / (before.len() + after.len());
            assert_eq!(
                kind(&chain(before, after, links)),
                TOO_DEEP,
                "{before}…{after}"
            );
        }
        assert_eq!(kind(&format!("y^{}y", "-".repeat(60_000))), TOO_DEEP);
        // Signs that change nothing build nothing.
        let plus = format!("{}y", "+".repeat(60_000));
        assert_eq!(
            parse_expr(&plus, &Names::default_for(1)),
            Ok(Expr::State(0))
        );
    });
}

#[test]
fn text_is_limited_exactly() {
    on_a_small_stack(|| {
        let names = Names::default_for(1);
        let longest = format!("y{}", " ".repeat(MAX_TEXT - 1));
        assert_eq!(parse_expr(&longest, &names), Ok(Expr::State(0)));
        for length in [MAX_TEXT + 1, 1_000_000] {
            let limit = MAX_TEXT;
            let expected = ParseErrorKind::TextTooLong { length, limit };
            assert_eq!(kind(&"y".repeat(length)), expected);
            assert_eq!(kind(&"(".repeat(length)), expected);
        }
        assert!(
            kind(&"y".repeat(MAX_TEXT + 1))
                .to_string()
                .contains("65536")
        );
    });
}

/// A sum of `leaves` states, as flat as it gets: `2 * leaves - 1` nodes.
fn balanced(leaves: usize) -> String {
    match leaves {
        1 => "y".to_string(),
        _ => {
            let half = leaves / 2;
            format!("({}+{})", balanced(leaves - half), balanced(half))
        }
    }
}

#[test]
fn nodes_are_limited_exactly() {
    on_a_small_stack(|| {
        let names = Names::default_for(1);
        let most = format!("-{}", balanced(MAX_NODES / 2));
        let expr = parse_expr(&most, &names).unwrap();
        assert_eq!(expr.nodes(), MAX_NODES);
        use_up(expr, &names);
        assert_eq!(kind(&format!("-{most}")), TOO_MANY);
        assert_eq!(kind(&balanced(MAX_NODES / 2 + 1)), TOO_MANY);
        assert!(kind(&format!("-{most}")).to_string().contains("10000"));
    });
}

/// `sinh` doubles its argument, so nesting it grows the tree by powers of two.
#[test]
fn expanded_functions_count() {
    on_a_small_stack(|| {
        let names = Names::default_for(1);
        let nested = |count: usize| chain("sinh(", ")", count);
        assert!(parse_expr(&nested(8), &names).is_ok());
        for count in [20, 60, 255] {
            assert_eq!(kind(&nested(count)), TOO_MANY);
        }
    });
}

#[test]
fn many_statements_are_an_error() {
    on_a_small_stack(|| {
        let text = "y;".repeat(MAX_TEXT / 2);
        let error = parse_system(&text, None).unwrap_err();
        assert_eq!(error.kind.code(), "too-many-equations");
        assert!(parse_expr(&text, &Names::default_for(1)).is_err());
        let names: String = (0..9_000).map(|i| format!("a{i}+")).collect();
        let error = parse_system(&names, None).unwrap_err();
        assert_eq!(error.kind.code(), "ambiguous-names");
    });
}
