//! Functions of canonical sums: what can be taken out of the argument is, so that no constant is
//! redundant and signs have one place.

use super::power::is_even;
use super::{Atom, CanonicalError, Factor, Function, Product, Sum, Term};
use std::f64::consts::{FRAC_PI_2, PI};

type Result<T> = std::result::Result<T, CanonicalError>;

impl Function {
    /// Value at `a`, by the rules of IEEE 754.
    pub fn apply(self, a: f64) -> f64 {
        match self {
            Function::Sin => a.sin(),
            Function::Cos => a.cos(),
            Function::Tan => a.tan(),
            Function::Tanh => a.tanh(),
            Function::Exp => a.exp(),
            Function::Log => a.ln(),
            Function::Abs => a.abs(),
        }
    }
}

impl Sum {
    /// `function(self)`.
    pub fn call(&self, function: Function) -> Result<Sum> {
        if let Some(value) = self.as_number() {
            return Sum::number(function.apply(value));
        }
        match function {
            Function::Exp => self.exp(),
            Function::Log => self.log(),
            Function::Abs => self.abs(),
            Function::Sin | Function::Cos => self.wave(function),
            Function::Tan | Function::Tanh => {
                let (sign, argument) = self.without_sign()?;
                Sum::atom(Atom::Call(function, argument)).times(sign)
            }
        }
    }

    /// `exp(a + k*log(S) + R) = e^a * S^k * exp(R)`.
    fn exp(&self) -> Result<Sum> {
        let mut result = Sum::number(1.0)?;
        let mut rest = Vec::new();
        for term in &self.terms {
            match term.product.factors.as_slice() {
                [] => {
                    let scale = term.coefficient.exp();
                    if scale == 0.0 {
                        return Err(CanonicalError::NotFinite);
                    }
                    result = result.times(scale)?;
                    if result.terms.is_empty() || !scale.is_finite() {
                        return Err(CanonicalError::NotFinite);
                    }
                }
                [
                    Factor {
                        atom: Atom::Call(Function::Log, sum),
                        exponent: 1.0,
                    },
                ] => {
                    result = result.multiplied(&sum.power(term.coefficient)?)?;
                }
                _ => rest.push(term.clone()),
            }
        }
        if rest.is_empty() {
            return Ok(result);
        }
        let exp = Sum::atom(Atom::Call(Function::Exp, Sum { terms: rest }));
        result.multiplied(&exp)
    }

    /// `log(exp(R) * S) = R + log(S)` and `log(c * a^e) = e * log(c^(1/e) * a)`. The scale of the
    /// argument stays inside: it is what makes the form closed under rescaling.
    fn log(&self) -> Result<Sum> {
        let kept = || Ok(Sum::atom(Atom::Call(Function::Log, self.clone())));
        let [term] = self.terms.as_slice() else {
            return kept();
        };
        let (exps, rest): (Vec<_>, Vec<_>) = term
            .product
            .factors
            .iter()
            .cloned()
            .partition(Factor::is_exp);
        if !exps.is_empty() {
            let mut result = Sum::default();
            for exp in exps {
                if let Atom::Call(_, argument) = exp.atom {
                    result = result.plus(&argument.times(exp.exponent)?)?;
                }
            }
            let rest = Term {
                coefficient: term.coefficient,
                product: Product { factors: rest },
            };
            return result.plus(&Sum { terms: vec![rest] }.call(Function::Log)?);
        }
        let [factor] = rest.as_slice() else {
            return kept();
        };
        let e = factor.exponent;
        if term.coefficient < 0.0 && factor.is_never_negative() {
            return Err(CanonicalError::NotFinite);
        }
        let base = match &factor.atom {
            _ if e == 1.0 => match &factor.atom {
                // A group with exponent 1 was too long to multiply out; as an argument it is a sum.
                Atom::Group(sum) => sum.times(term.coefficient)?,
                _ => return kept(),
            },
            atom => {
                let base = match atom {
                    Atom::Group(sum) => sum.clone(),
                    atom => Sum::atom(atom.clone()),
                };
                let base = if is_even(e) {
                    base.call(Function::Abs)?
                } else {
                    base
                };
                let scale = term.coefficient.abs().powf(1.0 / e);
                base.times(scale.copysign(term.coefficient))?
            }
        };
        base.call(Function::Log)?.times(e)
    }

    /// `abs` of each factor for a single term; of the whole, with leading coefficient 1, for several.
    fn abs(&self) -> Result<Sum> {
        let [term] = self.terms.as_slice() else {
            let (scale, unit) = self.unit(true)?;
            return Sum::atom(Atom::Call(Function::Abs, unit)).times(scale.abs());
        };
        let mut result = Sum::number(term.coefficient.abs())?;
        for factor in &term.product.factors {
            let factor = match &factor.atom {
                _ if factor.is_never_negative() => factor.clone(),
                Atom::Group(sum) => Factor {
                    atom: Atom::Call(Function::Abs, sum.clone()),
                    exponent: factor.exponent,
                },
                atom => Factor {
                    atom: Atom::Call(Function::Abs, Sum::atom(atom.clone())),
                    exponent: factor.exponent,
                },
            };
            result = result.multiplied(
                &Product {
                    factors: vec![factor],
                }
                .into(),
            )?;
        }
        Ok(result)
    }

    /// Sine and cosine: a positive leading coefficient inside, a phase within ±π/2 (half a turn is a
    /// sign), and no cosine with a phase (that is a sine).
    fn wave(&self, function: Function) -> Result<Sum> {
        let (sign, mut argument) = self.without_sign()?;
        let (mut sign, mut function) = match function {
            Function::Cos => (1.0, Function::Cos),
            _ => (sign, Function::Sin),
        };
        if argument
            .terms
            .first()
            .is_some_and(|term| term.product.is_one())
        {
            let mut phase = argument.terms.remove(0).coefficient;
            if function == Function::Cos {
                phase += FRAC_PI_2;
                function = Function::Sin;
            }
            let half_turns = (phase / PI).round();
            phase -= PI * half_turns;
            if half_turns.rem_euclid(2.0) == 1.0 {
                sign = -sign;
            }
            let near = |value: f64| (phase - value).abs() < 1e-12;
            if near(FRAC_PI_2) {
                function = Function::Cos;
            } else if near(-FRAC_PI_2) {
                function = Function::Cos;
                sign = -sign;
            } else if !near(0.0) {
                argument = argument.plus(&Sum::number(phase)?)?;
            }
        }
        Sum::atom(Atom::Call(function, argument)).times(sign)
    }

    /// `self` as ±1 times a sum with a positive leading coefficient.
    fn without_sign(&self) -> Result<(f64, Sum)> {
        let negative = self.lead().is_some_and(|i| self.terms[i].coefficient < 0.0);
        let sign = if negative { -1.0 } else { 1.0 };
        Ok((sign, self.times(sign)?))
    }
}
