//! Which laws may be proposed: what a user allows, denies, and finds too long.
//!
//! Sums, differences, products and whole powers are always allowed: without them there is no law. Everything
//! else has a name here. A filter looks at shapes before they are fitted; where only the fit decides (a fitted
//! exponent that becomes negative is a division), it looks again.

use std::fmt;
use std::str::FromStr;

use nsode_parser::{Binary, Expr, Skeleton, Unary};

/// What a law may be made of beside sums, products and whole powers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Function(Unary),
    Divide,
    Power,
}

use Operation::{Divide, Function, Power};

impl Operation {
    /// Its place in a set.
    fn bit(self) -> u16 {
        match self {
            Function(function) => 1 << function as u16,
            Divide => 1 << Unary::ALL.len(),
            Power => 2 << Unary::ALL.len(),
        }
    }
}

const SIN: Operation = Function(Unary::Sin);
const COS: Operation = Function(Unary::Cos);
const TAN: Operation = Function(Unary::Tan);
const TANH: Operation = Function(Unary::Tanh);
const EXP: Operation = Function(Unary::Exp);
const LOG: Operation = Function(Unary::Log);
const SQRT: Operation = Function(Unary::Sqrt);
const ABS: Operation = Function(Unary::Abs);

/// Names and what they stand for. `polynomial` has nothing beside what is always allowed.
const NAMES: [(&str, &[Operation]); 13] = [
    ("sin", &[SIN]),
    ("cos", &[COS]),
    ("tan", &[TAN]),
    ("tanh", &[TANH]),
    ("exp", &[EXP]),
    ("log", &[LOG]),
    ("sqrt", &[SQRT]),
    ("abs", &[ABS]),
    ("/", &[Divide]),
    ("^", &[Power]),
    ("trig", &[SIN, COS, TAN]),
    ("functions", &[SIN, COS, TAN, TANH, EXP, LOG, SQRT, ABS]),
    ("polynomial", &[]),
];

/// A set of operations, by the name that the command line knows it by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Operations(u16);

impl Operations {
    fn of(list: &[Operation]) -> Operations {
        Operations(list.iter().fold(0, |set, one| set | one.bit()))
    }

    /// Whether there is none: the set of polynomials.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those of both sets together.
    pub fn and(self, other: Operations) -> Operations {
        Operations(self.0 | other.0)
    }

    /// Those that a right-hand side has. `constants` are the values of its parameters; without them, the
    /// sign of a fitted exponent is not known, and it counts as positive.
    fn used(expr: &Expr, constants: Option<&[f64]>) -> Operations {
        let mut set = Operations::default();
        let mut add = |one| set = set.and(Operations::of(&[one]));
        expr.visit(&mut |node| match node {
            Expr::Unary(Unary::Neg, _) => {}
            Expr::Unary(function, _) => add(Function(*function)),
            Expr::Binary(Binary::Div, _, below) if varies(below) => add(Divide),
            Expr::Binary(Binary::Pow, base, exponent) if varies(base) => {
                let value = match exponent.as_ref() {
                    Expr::Number(value) => Some(*value),
                    Expr::Parameter(k) => constants.and_then(|c| c.get(*k)).copied(),
                    _ => None,
                };
                match value {
                    Some(value) if value.abs() == 0.5 => add(SQRT),
                    Some(value) if value.fract() == 0.0 => {}
                    _ => add(Power),
                }
                if value.is_some_and(|value| value < 0.0) {
                    add(Divide);
                }
            }
            _ => {}
        });
        set
    }
}

/// Whether a state or the time occurs.
fn varies(expr: &Expr) -> bool {
    let mut found = false;
    expr.visit(&mut |node| found |= matches!(node, Expr::State(_) | Expr::Time));
    found
}

/// A name of no operation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no operator or group: there are {list}", list = list())]
pub struct UnknownOperation(pub String);

fn list() -> String {
    NAMES.map(|(name, _)| name).join(", ")
}

impl FromStr for Operations {
    type Err = UnknownOperation;

    fn from_str(text: &str) -> Result<Operations, UnknownOperation> {
        let text = text.trim();
        let name = match text {
            "ln" => "log",
            "**" => "^",
            other => other,
        };
        let known = NAMES.iter().find(|(known, _)| *known == name);
        known
            .map(|(_, list)| Operations::of(list))
            .ok_or_else(|| UnknownOperation(text.to_string()))
    }
}

impl fmt::Display for Operations {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let single = NAMES.iter().filter(|(_, list)| list.len() == 1);
        let names: Vec<&str> = single
            .filter(|(_, list)| Operations::of(list).0 & self.0 != 0)
            .map(|(name, _)| *name)
            .collect();
        f.write_str(&names.join(", "))
    }
}

/// Which laws may be proposed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// What they must not have.
    pub denied: Operations,
    /// Most tokens and constants together, as the reports count them; None for no limit.
    pub max_complexity: Option<usize>,
}

impl Filter {
    /// A filter from what is allowed (`None`: everything), what is denied of that, and the largest complexity.
    pub fn new(
        allowed: Option<Operations>,
        denied: Operations,
        max_complexity: Option<usize>,
    ) -> Filter {
        let others = allowed.map_or(0, |allowed| !allowed.0);
        Filter {
            denied: Operations(others | denied.0),
            max_complexity,
        }
    }

    /// Whether everything may be proposed.
    pub fn is_open(&self) -> bool {
        self.denied.is_empty() && self.max_complexity.is_none()
    }

    /// Whether this shape may be proposed.
    pub fn admits(&self, skeleton: &Skeleton) -> bool {
        self.passes(skeleton, None)
    }

    /// Whether this fitted law may be shown.
    pub fn admits_fitted(&self, skeleton: &Skeleton, constants: &[f64]) -> bool {
        self.passes(skeleton, Some(constants))
    }

    /// Whether a term of a library may be used.
    pub fn admits_term(&self, term: &Expr) -> bool {
        Operations::used(term, None).0 & self.denied.0 == 0
    }

    fn passes(&self, skeleton: &Skeleton, constants: Option<&[f64]>) -> bool {
        let complexity = skeleton.complexity();
        if self.max_complexity.is_some_and(|most| complexity > most) {
            return false;
        }
        self.denied.is_empty()
            || skeleton
                .template()
                .rhs()
                .iter()
                .all(|rhs| Operations::used(rhs, constants).0 & self.denied.0 == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nsode_parser::infix::parse_expr;
    use nsode_parser::{CanonicalSystem, Names, System};

    fn law(text: &str) -> (Skeleton, Vec<f64>) {
        let rhs = parse_expr(text, &Names::default_for(1)).unwrap();
        let system = System::new(vec![rhs]).unwrap();
        CanonicalSystem::new(&system).unwrap().parts().unwrap()
    }

    fn set(text: &str) -> Operations {
        let each = text.split(',').map(|name| name.parse().unwrap());
        each.fold(Operations::default(), Operations::and)
    }

    #[test]
    fn what_a_law_is_made_of() {
        for (text, names) in [
            ("0.5*y*(1 - y/100) - 3*y^3", "polynomial"),
            ("2*sin(3*y) + cos(y)", "sin,cos"),
            ("y/(3 + y)", "/"),
            ("2*y^1.7", "^"),
            ("2*y^-1.7", "^,/"),
            ("3*sqrt(y)", "sqrt"),
            ("3/sqrt(y)", "sqrt,/"),
            ("y*exp(-y) + log(y)*tanh(y) - abs(y)", "exp,log,tanh,abs"),
            ("tan(y)/2", "tan"),
        ] {
            let (skeleton, constants) = law(text);
            let filter = |denied| Filter::new(None, denied, None);
            let used = set(names);
            for (name, list) in NAMES {
                let clash = Operations::of(list).0 & used.0 != 0;
                let admitted = filter(set(name)).admits_fitted(&skeleton, &constants);
                assert_eq!(admitted, !clash, "{text}, {name}");
            }
            let only = Filter::new(Some(used), Operations::default(), None);
            assert!(only.admits_fitted(&skeleton, &constants), "{text}");
        }
    }

    #[test]
    fn denied_goes_before_allowed() {
        let filter = Filter::new(Some(set("trig,exp")), set("tan"), None);
        assert!(filter.admits(&law("sin(y) - exp(y)").0));
        assert!(!filter.admits(&law("tan(y)").0));
        assert!(!filter.admits(&law("y/(1 + y)").0));
        assert!(filter.admits(&law("y - y^2").0));
    }

    #[test]
    fn complexity_is_that_of_the_reports() {
        let (skeleton, _) = law("0.5*y - 0.1*y^2");
        let complexity = skeleton.complexity();
        for (most, admitted) in [(complexity, true), (complexity - 1, false)] {
            let filter = Filter::new(None, Operations::default(), Some(most));
            assert_eq!(filter.admits(&skeleton), admitted);
        }
        assert!(Filter::default().is_open());
    }

    #[test]
    fn unknown_names_are_told_the_known_ones() {
        let error = "sine".parse::<Operations>().unwrap_err().to_string();
        assert!(error.contains("`sine`") && error.contains("sin, cos, tan"));
        assert_eq!(set("trig,/").to_string(), "sin, cos, tan, /");
    }
}
