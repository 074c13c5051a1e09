//! Ids keep their meaning, laws survive the way to ids and back, and any ids are read or refused.

use std::collections::HashSet;

use nsode_parser::token::Token::*;
use proptest::prelude::*;

use super::*;

fn vocabulary() -> Vocabulary {
    ordered(Order::After)
}

fn ordered(order: Order) -> Vocabulary {
    Vocabulary::new(Bins::new(101, 0.02, 300.0).expect("valid"), order)
}

#[test]
fn names_are_unique_and_tokens_keep_their_ids() {
    let vocabulary = vocabulary();
    let names: HashSet<String> = (0..vocabulary.size())
        .map(|id| vocabulary.name(id as u16).expect("within the size"))
        .collect();
    assert_eq!(names.len(), vocabulary.size());
    assert_eq!(vocabulary.name(vocabulary.size() as u16), None);
    for &token in Token::ALL {
        assert!(u16::from(token.id()) < TOKEN_IDS);
        assert_eq!(Vocabulary::token(Symbol::token(token).id), Some(token));
    }
    for id in [PAD, BOS, EOS, FIRST_BIN, u16::MAX] {
        assert_eq!(Vocabulary::token(id), None);
    }
}

#[test]
fn the_fingerprint_tells_vocabularies_apart() {
    let prints: HashSet<String> = [
        (101, 0.02, 300.0),
        (103, 0.02, 300.0),
        (101, 0.03, 300.0),
        (101, 0.02, 200.0),
    ]
    .into_iter()
    .map(|(n, s, l)| {
        Vocabulary::new(Bins::new(n, s, l).expect("valid"), Order::After).fingerprint()
    })
    .collect();
    assert_eq!(prints.len(), 4);
    assert!(prints.iter().all(|p| p.len() == 64));
    assert_eq!(vocabulary().fingerprint(), vocabulary().fingerprint());
}

#[test]
fn a_logistic_law_as_a_sequence() {
    let skeleton = Skeleton::parse(1, &[Add2, X1, Square, X1]).expect("valid");
    let vocabulary = vocabulary();
    let sequence = vocabulary
        .encode(&skeleton, &[0.0, -300.0])
        .expect("within");
    let ids: Vec<u16> = sequence.iter().map(|s| s.id).collect();
    let token = |t| Symbol::token(t).id;
    assert_eq!(
        ids,
        [
            token(Add2),
            token(X1),
            token(Square),
            token(X1),
            FIRST_BIN + 50,
            FIRST_BIN,
            EOS
        ]
    );
}

#[test]
fn inline_constants_follow_their_terms() {
    // x1' = c0·x1 + c1·x1·sin(c2·x2 + c3), x2' = c4
    let tokens = [Add2, X1, Mul, X1, Sin, Add2, X2, One, One];
    let skeleton = Skeleton::parse(2, &tokens).expect("valid");
    let c = Place::Constant;
    let [head, x1, mul, x, sin, add, x2, one, last] = tokens.map(Place::Token);
    assert_eq!(
        Order::Inline.places(&skeleton),
        [head, x1, c, mul, x, sin, add, x2, one, c, c, c, last, c]
    );
}

#[test]
fn laws_without_a_sequence_are_errors() {
    let skeleton = Skeleton::parse(1, &[Add2, X1, Square, X1]).expect("valid");
    let vocabulary = vocabulary();
    assert_eq!(
        vocabulary.encode(&skeleton, &[1.0]),
        Err(VocabularyError::Count { slots: 2, found: 1 })
    );
    for bad in [f64::NAN, 301.0] {
        let error = vocabulary
            .encode(&skeleton, &[1.0, bad])
            .expect_err("no bin");
        assert!(matches!(error, VocabularyError::Constant { slot: 1, .. }));
    }
}

/// Places of a sequence, mostly sensible ones.
fn symbols() -> impl Strategy<Value = Vec<Symbol>> {
    let id = prop_oneof![
        4 => FIRST_TOKEN..FIRST_TOKEN + 34,
        2 => FIRST_BIN..FIRST_BIN + 101,
        1 => 0u16..3,
        1 => any::<u16>(),
    ];
    let symbol = (id, prop_oneof![Just(0.0), any::<f64>()]);
    prop::collection::vec(symbol.prop_map(|(id, upper)| Symbol { id, upper }), 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn any_ids_decode_or_fail_typed(dimension in 0usize..4, symbols in symbols()) {
        for order in [Order::After, Order::Inline] {
            if let Ok((skeleton, constants)) = ordered(order).decode(dimension, &symbols) {
                prop_assert_eq!(skeleton.slots(), constants.len());
                prop_assert_eq!(skeleton.dimension(), dimension);
            }
        }
    }

    #[test]
    fn decoding_inverts_encoding(
        choices in prop::collection::vec(any::<u8>(), 40),
        constants in prop::collection::vec(-300.0..300.0f64, 40),
        dimension in 1usize..4,
        padding in 0usize..3,
    ) {
        // A random walk through the grammar.
        let mut grammar = nsode_parser::grammar::Grammar::new(dimension, choices.len());
        let mut tokens = Vec::new();
        for choice in choices {
            let allowed: Vec<Token> = grammar.allowed().iter().collect();
            let Some(&token) = allowed.get(usize::from(choice) % allowed.len().max(1)) else { break };
            prop_assert!(grammar.push(token));
            tokens.push(token);
        }
        let Ok(skeleton) = Skeleton::parse(dimension, &tokens) else { return Ok(()) };
        let constants = &constants[..skeleton.slots().min(40)];
        prop_assume!(constants.len() == skeleton.slots());
        for order in [Order::After, Order::Inline] {
            let vocabulary = ordered(order);
            let mut sequence = vocabulary.encode(&skeleton, constants).expect("within the bins");
            prop_assert_eq!(sequence.len(), tokens.len() + constants.len() + 1);
            sequence.extend(vec![Symbol::plain(PAD); padding]);
            let (back, values) = vocabulary.decode(dimension, &sequence).expect("its own sequence");
            prop_assert_eq!(&back, &skeleton);
            for (value, constant) in values.iter().zip(constants) {
                prop_assert!((value - constant).abs() <= 1e-12 * constant.abs().max(0.02));
            }
        }
    }
}
