//! Laws with a function replaced by its tangent.
//!
//! Where a fit has made the argument of a function small, or its saturation large, the function is a straight line in
//! all but name: `9000·sin(y/9000)`. No constant of it is near 0 or a whole number, so dropping constants does not
//! lead to the line.

use nsode_parser::calculus::{Variable, derivative};
use nsode_parser::{Binary, CanonicalSystem, Expr, System, Unary};

/// The laws that result from `system` where one function of it, each in turn, is replaced by its tangent at the
/// state `at`.
pub(super) fn straightened(system: &CanonicalSystem, at: &[f64]) -> Vec<CanonicalSystem> {
    let system = system.to_system();
    let mut laws = Vec::new();
    for (number, rhs) in system.rhs().iter().enumerate() {
        let mut bent = Vec::new();
        rhs.visit(&mut |node| bent.extend(bends(node).then_some(node)));
        for node in bent {
            let Some(line) = tangent(node, at) else {
                continue;
            };
            let straight = rhs.substitute(&|e| std::ptr::eq(e, node).then(|| line.clone()));
            let mut equations = system.rhs().to_vec();
            if let Some(equation) = equations.get_mut(number) {
                *equation = straight;
            }
            let law = System::new(equations).ok();
            laws.extend(law.and_then(|law| CanonicalSystem::new(&law).ok()));
        }
    }
    laws
}

/// Whether a node is a function other than sums, products and whole powers.
fn bends(node: &Expr) -> bool {
    let is_function = match node {
        Expr::Unary(function, _) => *function != Unary::Neg,
        Expr::Binary(Binary::Div, _, divisor) => divisor.states() > 0,
        Expr::Binary(Binary::Pow, _, exponent) => {
            !matches!(&**exponent, Expr::Number(n) if *n >= 0.0 && n.fract() == 0.0)
        }
        _ => false,
    };
    is_function && node.states() > 0
}

/// The tangent of a function of the states; `None` where it has none.
fn tangent(function: &Expr, at: &[f64]) -> Option<Expr> {
    let value = |e: &Expr| Some(e.eval(0.0, at, &[])).filter(|v| v.is_finite());
    let mut line = Expr::Number(value(function)?);
    for (i, place) in at.iter().enumerate() {
        let slope = value(&derivative(function, Variable::State(i)))?;
        if slope != 0.0 {
            line = line + Expr::Number(slope) * (Expr::State(i) - Expr::Number(*place));
        }
    }
    Some(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nsode_parser::{Names, infix};

    /// The texts of what `law` becomes at `at`.
    fn straight(law: &str, at: &[f64]) -> Vec<String> {
        let names = Names::default_for(at.len());
        let (system, _) = infix::parse_system(law, Some(&names)).expect("a system");
        let law = CanonicalSystem::new(&system).expect("a law");
        let laws = straightened(&law, at);
        let text =
            |law: &CanonicalSystem| law.parts().expect("a skeleton").0.text(&names).join("; ");
        laws.iter().map(text).collect()
    }

    #[test]
    fn each_function_in_turn_becomes_a_line() {
        let expected = [
            "c0*x1 + c1*x1*x2 + c2/(c3 + x1); c4*sin(c5*x1)^2",
            "c0 + c1*x1 + c2*x1*exp(c3*x2); c4*sin(c5*x1)^2",
            "c0*x1*exp(c1*x2) + c2/(c3 + x1); c4 + c5*x1 + c6*x1^2",
        ];
        let law = "x1*exp(x2) - 3/(1 + x1); sin(x1)^2";
        assert_eq!(straight(law, &[1.0, 0.0]), expected);
    }

    #[test]
    fn polynomials_have_nothing_to_straighten_and_what_has_no_tangent_stays() {
        assert!(straight("x1 - x1^3 + x1*x2; x2^2", &[1.0, 0.5]).is_empty());
        assert!(straight("log(x1); 1 + x2", &[-1.0, 0.0]).is_empty());
    }
}
