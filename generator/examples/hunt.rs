//! temp
use nsode_generator::{ValidConfig, constants, draft::Drafter};
use nsode_parser::CanonicalSystem;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::io::Write;
fn main() {
    let config = ValidConfig::default();
    let drafter = Drafter::new(&config);
    let from: u64 = std::env::args().nth(1).unwrap().parse().unwrap();
    let to: u64 = std::env::args().nth(2).unwrap().parse().unwrap();
    let show = std::env::args().nth(3).is_some();
    for k in from..to {
        let mut rng = ChaCha8Rng::seed_from_u64(0x9e37_79b9_7f4a_7c15);
        rng.set_stream(k);
        let draft = drafter.draw(&mut rng);
        let c: Vec<f64> = draft
            .roles
            .iter()
            .map(|&r| constants::draw(r, &config.constants, &mut rng))
            .collect();
        let system = draft.system(&c).unwrap();
        if show {
            println!("{:?}", system.rhs());
            std::io::stdout().flush().unwrap();
        }
        if k % 10000 == 0 {
            println!("{k}");
            std::io::stdout().flush().unwrap();
        }
        let _ = CanonicalSystem::new(&system);
    }
}
