//! Trains as a configuration says, without the command line's comforts: `train_config CONFIG OUT [resume]`.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use nsode_model::config::TrainConfig;
use nsode_model::train::{Event, Options, Progress, train};

struct Print;

impl Progress for Print {
    fn event(&self, event: &Event) {
        if !matches!(event, Event::Step { .. }) {
            println!("{event:?}");
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let config = TrainConfig::from_file(Path::new(arguments.get(1).ok_or("no configuration")?))?;
    let options = Options {
        out: PathBuf::from(arguments.get(2).ok_or("no directory")?),
        resume: arguments.len() > 3,
        ..Options::default()
    };
    let summary = train(&config, &options, &Print, &AtomicBool::new(false))?;
    println!("{summary:?}");
    Ok(())
}
