//! Which well known forms a distribution draws often: rank and share of each law of some lists among the
//! skeletons of its accepted samples, and how diverse those are.
//!
//! `cargo run --release -p nsode-generator --example coverage -- CONFIG.toml SAMPLES SEED LIST…`
//!
//! A list is TOML as in `testdata/textbook_forms.toml`, or a suite as in `data/suites`. `-` as the
//! configuration is the default one. Only laws with a dimension that the distribution has are counted. Systems
//! count in any order of their states: the rank is that of the most frequent one, the share that of all.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::error::Error;

use nsode_generator::{Config, Sampler};
use nsode_parser::infix::parse_system;
use nsode_parser::{CanonicalSystem, Expr, Names, Skeleton, System};
use rayon::prelude::*;

/// Blocks that are drawn at a time.
const BATCH: u64 = 32;

struct Law {
    name: String,
    skeleton: Skeleton,
    /// The same law with its states in any order.
    orders: BTreeSet<Skeleton>,
}

fn law(name: String, equations: &str) -> Result<Law, Box<dyn Error>> {
    let place = |e: &dyn std::fmt::Display| format!("{name}: {equations}: {e}");
    let (system, _) = parse_system(equations, None).map_err(|e| place(&e))?;
    let canonical = CanonicalSystem::new(&system).map_err(|e| place(&e))?;
    let (skeleton, _) = canonical.parts().map_err(|e| place(&e))?;
    let mut orders = BTreeSet::new();
    for order in permutations(system.dimension()) {
        let rename = |leaf: &Expr| match leaf {
            Expr::State(i) => order.get(*i).map(|&j| Expr::State(j)),
            _ => None,
        };
        let mut rhs = vec![Expr::Number(0.0); system.dimension()];
        for (law, &place) in system.rhs().iter().zip(&order) {
            rhs[place] = law.substitute(&rename);
        }
        let canonical = CanonicalSystem::new(&System::new(rhs)?).map_err(|e| place(&e))?;
        orders.insert(canonical.parts().map_err(|e| place(&e))?.0);
    }
    Ok(Law {
        name,
        skeleton,
        orders,
    })
}

/// All orders of `0..n`.
fn permutations(n: usize) -> Vec<Vec<usize>> {
    let Some(last) = n.checked_sub(1) else {
        return vec![Vec::new()];
    };
    let shorter = permutations(last);
    let longer = shorter.iter().flat_map(|order| {
        (0..n).map(move |place| {
            let mut order = order.clone();
            order.insert(place, last);
            order
        })
    });
    longer.collect()
}

fn read(path: &str) -> Result<Vec<Law>, Box<dyn Error>> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{path}: {e}"))?;
    let table: toml::Table = text.parse()?;
    let mut laws = Vec::new();
    for key in ["law", "problem"] {
        for entry in table
            .get(key)
            .and_then(|v| v.as_array())
            .into_iter()
            .flatten()
        {
            let name = entry.get("name").and_then(|v| v.as_str()).unwrap_or("");
            let equations: Vec<&str> = match entry.get("equations").and_then(|v| v.as_array()) {
                Some(several) => several.iter().filter_map(|v| v.as_str()).collect(),
                None => entry
                    .get("equation")
                    .and_then(|v| v.as_str())
                    .into_iter()
                    .collect(),
            };
            laws.push(law(name.to_string(), &equations.join("\n"))?);
        }
    }
    Ok(laws)
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let config = match arguments.next().as_deref() {
        None | Some("-") => String::new(),
        Some(path) => std::fs::read_to_string(path)?,
    };
    let wanted: usize = arguments.next().map_or(Ok(200_000), |n| n.parse())?;
    let seed: u64 = arguments.next().map_or(Ok(0), |n| n.parse())?;
    let lists: Vec<String> = arguments.collect();
    // One sample a skeleton: then ranks settle soonest, and shares are the same.
    let mut config: Config = toml::from_str(&config)?;
    (config.system.constants, config.system.initials) = (1, 1);
    let sampler = Sampler::new(config.validated()?, seed);
    let dimensions = &sampler.config().system.dimensions;
    let mut laws = Vec::new();
    for path in &lists {
        let mut list = read(path)?;
        list.retain(|law| {
            let d = law.skeleton.dimension();
            dimensions.get(d - 1).is_some_and(|w| *w > 0.0)
        });
        laws.push((path, list));
    }

    let mut counts: HashMap<Skeleton, usize> = HashMap::new();
    let (mut kept, mut nested, mut from) = (0, 0, 0);
    while kept < wanted {
        let blocks: Vec<Vec<Skeleton>> = (from..from + BATCH)
            .into_par_iter()
            .map(|b| {
                let samples = sampler.block(b).into_iter().flatten();
                samples.map(|sample| sample.skeleton).collect()
            })
            .collect();
        from += BATCH;
        for skeleton in blocks.into_iter().flatten().take(wanted - kept) {
            kept += 1;
            nested += usize::from(is_nested(&skeleton));
            *counts.entry(skeleton).or_default() += 1;
        }
    }
    let mut ranked: Vec<(Skeleton, usize)> = counts.into_iter().collect();
    ranked.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let share = |n: usize| 100.0 * n as f64 / kept as f64;

    let entropy: f64 = ranked
        .iter()
        .map(|(_, n)| *n as f64 / kept as f64)
        .map(|p| -p * p.log2())
        .sum();
    let single = ranked.iter().filter(|(_, n)| *n == 1).count();
    println!("{kept} samples of {} skeletons", ranked.len());
    println!(
        "entropy {entropy:.2} bits; {:.1} % of samples are alone with their skeleton; \
         {:.1} % have a function of a function or of several terms",
        share(single),
        share(nested)
    );
    for most in [1, 10, 50, 200, 800, 3200] {
        let sum = ranked.iter().take(most).map(|(_, n)| n).sum();
        println!(
            "the {most:>4} most frequent: {:5.1} % of samples",
            share(sum)
        );
    }
    for (skeleton, n) in ranked.iter().take(25) {
        println!("{:>6.2} %  {}", share(*n), template(skeleton));
    }

    let ranks: BTreeMap<&Skeleton, usize> = ranked
        .iter()
        .enumerate()
        .map(|(i, (skeleton, _))| (skeleton, i + 1))
        .collect();
    for (path, list) in &laws {
        println!("\n{path}");
        let mut found: Vec<(Option<usize>, &Law)> = list
            .iter()
            .map(|law| {
                let found = law.orders.iter().filter_map(|form| ranks.get(form));
                (found.copied().min(), law)
            })
            .collect();
        found.sort_by_key(|(rank, _)| rank.unwrap_or(usize::MAX));
        for (rank, law) in &found {
            let numbers = law.orders.iter().filter_map(|form| ranks.get(form));
            let seen = numbers
                .filter_map(|r| ranked.get(r - 1))
                .map(|(_, n)| n)
                .sum();
            let rank = rank.map_or("-".to_string(), |r| r.to_string());
            println!(
                "{rank:>6} {:>7.3} %  {:<50} {}",
                share(seen),
                law.name,
                template(&law.skeleton)
            );
        }
        let within = |most: usize| {
            let near = move |r: &Option<usize>| r.is_some_and(|r| r <= most);
            found.iter().filter(move |(r, _)| near(r))
        };
        let of = |laws: usize, all: usize| 100.0 * laws as f64 / all.max(1) as f64;
        let forms: BTreeSet<_> = list.iter().map(|l| &l.skeleton).collect();
        println!("{} laws of {} forms", list.len(), forms.len());
        for most in [50, 200, 800, usize::MAX] {
            let laws = within(most).count();
            let distinct: BTreeSet<_> = within(most).map(|(_, law)| &law.skeleton).collect();
            let label = match most {
                usize::MAX => "drawn at all".to_string(),
                most => format!("in the {most} most frequent"),
            };
            println!(
                "{label:>25}: {:5.1} % of laws, {:5.1} % of forms",
                of(laws, list.len()),
                of(distinct.len(), forms.len())
            );
        }
    }
    Ok(())
}

fn template(skeleton: &Skeleton) -> String {
    let names = Names::default_for(skeleton.dimension());
    let template = skeleton.template();
    let laws: Vec<String> = template
        .rhs()
        .iter()
        .map(|e| nsode_parser::print::infix(e, &names))
        .collect();
    laws.join(" ; ")
}

/// Whether a function has an argument that is itself a function or a sum with one.
fn is_nested(skeleton: &Skeleton) -> bool {
    fn depth(expr: &Expr) -> usize {
        match expr {
            Expr::Unary(_, a) => 1 + depth(a),
            Expr::Binary(nsode_parser::Binary::Pow, a, b) => {
                let inner = depth(a).max(depth(b));
                match **a {
                    Expr::State(_) => inner,
                    _ => 1 + inner,
                }
            }
            Expr::Binary(_, a, b) => depth(a).max(depth(b)),
            _ => 0,
        }
    }
    skeleton.template().rhs().iter().any(|e| depth(e) > 1)
}
