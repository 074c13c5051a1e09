//! Proposes laws for a logistic curve and says how long it took: `propose CHECKPOINT [BEAMS [REPEATS]]`.

use std::path::Path;
use std::time::Instant;

use nsode_generator::Trajectory;
use nsode_model::Device;
use nsode_model::predictor::Predictor;
use nsode_parser::Names;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let directory = arguments.get(1).ok_or("no checkpoint")?;
    let beams = arguments.get(2).map_or(Ok(50), |text| text.parse())?;
    let repeats = arguments.get(3).map_or(Ok(5), |text| text.parse())?;

    let begin = Instant::now();
    let predictor = Predictor::load(Path::new(directory), Device::Cpu)?;
    println!("{}: {:.0} ms", predictor.description(), milliseconds(begin));

    let times: Vec<f64> = (0..150).map(|i| f64::from(i) / 149.0).collect();
    let states = times.iter().map(|t| 1.0 / (1.0 + 9.0 * (-8.0 * t).exp())).collect();
    let run = Trajectory::new(1, times, states)?;
    let mut proposals = Vec::new();
    for _ in 0..repeats {
        let begin = Instant::now();
        proposals = predictor.propose(std::slice::from_ref(&run), beams)?;
        println!("{} proposals: {:.1} ms", proposals.len(), milliseconds(begin));
    }
    for proposal in proposals.iter().take(10) {
        let law = proposal.skeleton.text(&Names::default_for(1)).join("; ");
        println!("{:7.3}  {law}  {:.3?}", proposal.log_probability, proposal.constants);
    }
    Ok(())
}

fn milliseconds(begin: Instant) -> f64 {
    begin.elapsed().as_secs_f64() * 1e3
}
