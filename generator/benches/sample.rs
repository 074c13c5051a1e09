//! What each stage of a sample costs, for the two distributions that the repository configures: every stage
//! runs over all draws of a fixed list that reach it, and its throughput is in these draws. The last three
//! are a block as a corpus takes it, the rows of its samples, and their shard.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use nsode_generator::draft::{Connection, Draft, Drafter};
use nsode_generator::horizon::{self, Horizon};
use nsode_generator::reject::{Terms, check_course};
use nsode_generator::sampler::grid;
use nsode_generator::shard::ShardWriter;
use nsode_generator::statistics::{Measure, ShardStatistics};
use nsode_generator::{Config, Integrator, Row, Sampler, Trajectory, ValidConfig};
use nsode_generator::{constants, initial};
use nsode_parser::tape::Tape;
use nsode_parser::{CanonicalSystem, System};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// Skeletons that are drawn.
const SKELETONS: u64 = 500;

/// A system with its constants and an initial state.
struct Problem {
    draft: Draft,
    tape: Tape,
    constants: Vec<f64>,
    system: System,
    canonical: CanonicalSystem,
    terms: Terms,
    initial: Vec<f64>,
    rng: ChaCha8Rng,
}

fn problem(number: u64, drafter: &Drafter, config: &ValidConfig) -> Option<Problem> {
    let mut rng = ChaCha8Rng::seed_from_u64(number);
    let draft = drafter.draw(&mut rng);
    if draft.connection() == Connection::Apart {
        return None;
    }
    let roles = draft.roles.iter();
    let constants: Vec<f64> = roles
        .map(|&role| constants::draw(role, &config.constants, &mut rng))
        .collect();
    let system = draft.system(&constants)?;
    let canonical = CanonicalSystem::new(&system).ok()?;
    Some(Problem {
        tape: Tape::compile(&draft.rhs),
        initial: initial::draw(draft.dimension(), &config.initial, &mut rng),
        terms: Terms::of(&canonical),
        draft,
        constants,
        system,
        canonical,
        rng,
    })
}

impl Problem {
    fn explored(&self, config: &ValidConfig) -> Option<Horizon> {
        let mut rng = self.rng.clone();
        horizon::draw(&self.tape, &self.constants, &self.initial, config, &mut rng).ok()
    }

    /// The exploration on the grid of its span, if it goes that far.
    fn rough(&self, config: &ValidConfig) -> Option<Trajectory> {
        let horizon = self.explored(config)?;
        let times = grid(0.0, horizon.span, config.horizon.points);
        (horizon.span <= horizon.course.end())
            .then(|| horizon.course.states(times.iter().copied()))
            .and_then(|states| Trajectory::new(self.initial.len(), times, states).ok())
    }
}

/// Runs a stage over all of `draws`.
fn stage<T>(criterion: &mut Criterion, name: &str, draws: &[T], mut run: impl FnMut(&T)) {
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(draws.len() as u64));
    group.bench_function(BenchmarkId::from_parameter(draws.len()), |bench| {
        bench.iter(|| draws.iter().for_each(&mut run));
    });
}

fn stages(criterion: &mut Criterion) {
    for (name, text) in [
        ("scalar", include_str!("../../data/configs/scalar.toml")),
        ("systems", include_str!("../../data/configs/systems.toml")),
    ] {
        let Ok(config) = Config::from_toml(text) else {
            continue;
        };
        let stage_of = |stage: &str| format!("{name}/{stage}");
        let drafter = Drafter::new(&config);
        let seeds: Vec<u64> = (0..SKELETONS).collect();
        stage(criterion, &stage_of("1 draft"), &seeds, |&seed| {
            black_box(drafter.draw(&mut ChaCha8Rng::seed_from_u64(seed)));
        });
        let problems: Vec<Problem> = seeds
            .iter()
            .filter_map(|&seed| problem(seed, &drafter, &config))
            .collect();
        stage(criterion, &stage_of("2 canonical form"), &problems, |p| {
            black_box(CanonicalSystem::new(&p.system).map(|c| c.parts().ok()).ok());
        });
        stage(criterion, &stage_of("3 compile"), &problems, |p| {
            black_box((Tape::compile(&p.draft.rhs), Terms::of(&p.canonical)));
        });
        stage(criterion, &stage_of("4 explore"), &problems, |p| {
            black_box(p.explored(&config));
        });
        let explored: Vec<(&Problem, Horizon)> = problems
            .iter()
            .filter_map(|p| Some((p, p.explored(&config)?)))
            .filter(|(_, horizon)| horizon.span <= horizon.course.end())
            .collect();
        stage(criterion, &stage_of("5 rough grid"), &explored, |(p, h)| {
            let times = grid(0.0, h.span, config.horizon.points);
            let states = h.course.states(times.iter().copied());
            let _ = black_box(Trajectory::new(p.initial.len(), times, states));
        });
        let rough: Vec<(&Problem, Trajectory)> = problems
            .iter()
            .filter_map(|p| Some((p, p.rough(&config)?)))
            .collect();
        stage(criterion, &stage_of("6 course"), &rough, |(_, path)| {
            let _ = black_box(check_course(path, &config));
        });
        let moving: Vec<(&Problem, Trajectory)> = rough
            .into_iter()
            .filter(|(_, path)| check_course(path, &config).is_ok())
            .collect();
        stage(criterion, &stage_of("7 terms"), &moving, |(p, path)| {
            let _ = black_box(p.terms.check(path, &config));
        });
        let solved: Vec<(&Problem, Trajectory)> = moving
            .into_iter()
            .filter(|(p, path)| p.terms.check(path, &config).is_ok())
            .collect();
        let integrator = Integrator::from(&config.integrator);
        stage(criterion, &stage_of("8 solve"), &solved, |(p, path)| {
            let solution = integrator.integrate(&p.tape, &p.constants, &p.initial, path.times());
            black_box(solution);
        });
        stage(criterion, &stage_of("9 rescale"), &solved, |(p, path)| {
            if let Ok(scaling) = path.scaling() {
                let _ = black_box(p.canonical.rescaled(&scaling));
            }
        });

        let sampler = Sampler::new(config, 0);
        let draws = sampler.block_size();
        let mut group = criterion.benchmark_group(stage_of("a block"));
        group.throughput(Throughput::Elements(draws));
        group.bench_function(BenchmarkId::from_parameter(draws), |bench| {
            bench.iter(|| sampler.block(0));
        });
        group.finish();
        let samples: Vec<_> = sampler.block(0).into_iter().flatten().collect();
        stage(criterion, &stage_of("a row"), &samples, |sample| {
            black_box((Row::new(sample, 0), Measure::of(sample)));
        });
        let rows: Vec<Row> = samples.iter().map(|sample| Row::new(sample, 0)).collect();
        let Ok(directory) = tempfile::tempdir() else {
            continue;
        };
        let shard = || {
            let mut writer = ShardWriter::create(directory.path(), 0)?;
            rows.iter().try_for_each(|row| writer.push(row.clone()))?;
            writer.finish(&ShardStatistics::default())
        };
        let mut group = criterion.benchmark_group(stage_of("a shard"));
        group.throughput(Throughput::Elements(rows.len() as u64));
        group.bench_function(BenchmarkId::from_parameter(rows.len()), |bench| {
            bench.iter(|| shard().is_ok());
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = stages
}
criterion_main!(benches);
