//! `nsode train`: that it stops cleanly, goes on, and leaves what `infer` can use.

use std::fs;

use crate::support::{
    Running, folder, infer, nsode, nsode_in, program, run, text, tiny_checkpoint, tiny_config,
};

#[test]
fn a_run_leaves_its_configuration_and_metrics() {
    let read = |name: &str| fs::read_to_string(tiny_checkpoint().join(name)).unwrap();
    let config: toml::Table = read("train.toml").parse().unwrap();
    assert_eq!(config["steps"].as_integer(), Some(6));
    let kinds: Vec<String> = read("metrics.jsonl")
        .lines()
        .map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            line["kind"].as_str().unwrap().to_string()
        })
        .collect();
    assert_eq!(kinds.iter().filter(|k| *k == "train").count(), 6);
    assert_eq!(kinds.iter().filter(|k| *k == "validation").count(), 2);
}

#[test]
fn a_run_is_not_overwritten() {
    let mut command = nsode();
    command
        .args(["train", "--config"])
        .arg(tiny_config())
        .arg("--out")
        .arg(tiny_checkpoint());
    let output = run(&mut command, 2);
    assert_eq!(text(&output.stdout), "");
    assert!(text(&output.stderr).contains("--resume"));
}

#[test]
fn an_interrupted_run_is_saved_and_goes_on() {
    let place = folder();
    let config = fs::read_to_string(tiny_config()).unwrap();
    let write = |steps: u64| {
        let text = config
            .replace("steps = 6", &format!("steps = {steps}"))
            .replace("checkpoint_every = 3", "checkpoint_every = 1000000");
        fs::write(place.path().join("config.toml"), text).unwrap();
    };
    write(1_000_000);
    let arguments = ["train", "--config", "config.toml", "--out", "run"];
    let metrics = place.path().join("run/metrics.jsonl");
    let lines = || fs::read_to_string(&metrics).map_or(0, |text| text.lines().count());
    let mut running = Running::start(place.path(), &arguments);
    running.wait_until(|| lines() >= 10);
    let (code, said) = running.interrupt();
    assert_eq!(code, Some(130), "{said}");
    assert!(said.contains("--resume goes on"), "{said}");

    // It can be used …
    let mut command = nsode();
    command.args([
        "infer",
        "data/examples/yeast.csv",
        "--json",
        "--proposers",
        "transformer",
    ]);
    infer(command.arg("--checkpoint").arg(place.path().join("run")));

    // … and goes on where it stopped.
    let (_, rest) = said.rsplit_once("stopped at step ").unwrap();
    let step: u64 = rest.split(' ').next().unwrap().parse().unwrap();
    assert!(step >= 8, "{said}");
    write(step + 2);
    let mut command = nsode_in(place.path());
    let said = text(&run(command.args(arguments).arg("--resume"), 0).stderr);
    assert!(
        said.contains(&format!("from step {step} to {}", step + 2)),
        "{said}"
    );
    assert!(
        said.contains(&format!("done: {} steps", step + 2)),
        "{said}"
    );
}

#[test]
fn a_configuration_out_of_range_is_shown() {
    let config = fs::read_to_string(tiny_config()).unwrap();
    for (from, to, message) in [
        ("heads = 2", "heads = 3", "model.heads is 3"),
        ("clip = 1.0", "clip = -1.0", "optimizer.clip is -1.0"),
        (
            "constants = 2",
            "constants = 0",
            "generator.system.constants = 0",
        ),
    ] {
        let place = folder();
        assert!(config.contains(from));
        let text_of = config.replace(from, to);
        let at = text_of.find(to).unwrap();
        let line = 1 + text_of[..at].matches('\n').count();
        let column = 1 + to.find("= ").unwrap() + 2;
        fs::write(place.path().join("a.toml"), &text_of).unwrap();
        let mut command = nsode_in(place.path());
        command.args(["train", "--config", "a.toml", "--out", "run"]);
        let said = text(&run(&mut command, 2).stderr);
        let first = said.lines().next().unwrap();
        let expected = format!("a.toml, line {line}, column {column}: {message}");
        assert!(first.contains(&expected), "{expected} is not in {said}");
        assert!(!place.path().join("run").exists());
    }
}

#[test]
fn a_run_outlives_its_terminal() {
    let place = folder();
    let config = fs::read_to_string(tiny_config()).unwrap();
    let long = config.replace("steps = 6", "steps = 1000000");
    fs::write(place.path().join("config.toml"), long).unwrap();
    let metrics = place.path().join("out/config/metrics.jsonl");
    let lines = || fs::read_to_string(&metrics).map_or(0, |text| text.lines().count());
    let mut running = Running::spawn(
        std::process::Command::new("nohup")
            .arg(program())
            .args(["train", "--config", "config.toml"])
            .current_dir(place.path()),
    );
    running.wait_until(|| lines() >= 2);
    running.signal(libc::SIGHUP);
    let before = lines();
    running.wait_until(|| lines() >= before + 10);
    assert_eq!(running.interrupt().0, Some(130));
}

#[test]
fn a_time_limit_stops_as_ctrl_c_does() {
    let place = folder();
    let text_of = fs::read_to_string(tiny_config()).unwrap();
    let long = text_of.replace("steps = 6", "steps = 1000000");
    fs::write(place.path().join("config.toml"), long).unwrap();
    let mut command = nsode_in(place.path());
    command.args(["train", "--config", "config.toml", "--minutes", "0.02"]);
    let said = text(&run(&mut command, 0).stderr);
    assert!(said.contains("--resume goes on"), "{said}");
    // where runs go by default
    assert!(place.path().join("out/config/model.safetensors").is_file());
}

#[test]
fn a_corpus_can_be_read() {
    let place = folder();
    let mut generate = nsode_in(place.path());
    run(
        generate.args([
            "generate",
            "--out",
            "corpus",
            "--samples",
            "300",
            "--seed",
            "1",
        ]),
        0,
    );
    let mut train = nsode_in(place.path());
    train.args(["train", "--out", "run", "--corpus", "corpus", "--config"]);
    run(train.arg(tiny_config()), 0);
    assert!(place.path().join("run/model.safetensors").is_file());
}
