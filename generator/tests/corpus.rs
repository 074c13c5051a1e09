//! Corpora: the same bytes however they were made, going on after an interruption, reading back.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nsode_generator::{Config, Corpus, Error, Manifest, Options, Part, Sampler, Stream, generate};

static RUN: AtomicBool = AtomicBool::new(false);

fn options(out: &Path) -> Options {
    let text = "[system]\nconstants = 3\ninitials = 1\ninterleave = 8\ndimensions = [3, 1]\n[horizon]\npoints = 64\n[units]\nshare = 0.5\n";
    Options {
        config: Config::from_toml(text).unwrap(),
        shard_size: 60,
        ..Options::new(out, 200, 11)
    }
}

fn make(options: &Options) -> Manifest {
    generate(options, &mut |_| {}, &RUN).unwrap()
}

/// Every file and its bytes.
fn contents(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let name = entry.file_name().to_string_lossy().to_string();
            (name, std::fs::read(entry.path()).unwrap())
        })
        .collect()
}

#[test]
fn the_same_bytes_with_one_thread_and_four() {
    let (one, four) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let manifest = make(&Options {
        threads: Some(1),
        ..options(one.path())
    });
    make(&Options {
        threads: Some(4),
        ..options(four.path())
    });
    let files = contents(one.path());
    assert_eq!(
        files.keys().collect::<Vec<_>>(),
        [
            "manifest.json",
            "shard-00000.parquet",
            "shard-00001.parquet",
            "shard-00002.parquet",
            "shard-00003.parquet",
        ]
    );
    assert!(files == contents(four.path()));
    assert!(manifest.complete);
    assert_eq!(manifest.accepted, 200);
    assert_eq!(
        manifest.shards.iter().map(|s| s.rows).collect::<Vec<_>>(),
        [60, 60, 60, 20]
    );
    assert_eq!(
        manifest.accepted + manifest.rejections.values().sum::<u64>(),
        manifest.drawn
    );
}

#[test]
fn parts_are_disjoint_and_together_the_whole() {
    let (whole, parts) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    make(&options(whole.path()));
    for index in [2, 0, 1] {
        assert!(!parts.path().join("manifest.json").exists());
        let part = Part { index, of: 3 };
        make(&Options {
            part,
            ..options(parts.path())
        });
    }
    let (whole, parts) = (contents(whole.path()), contents(parts.path()));
    assert_eq!(parts.len(), whole.len() + 3);
    for (name, bytes) in &whole {
        if name.ends_with(".parquet") {
            assert!(parts[name] == *bytes, "{name}");
        }
    }
}

#[test]
fn a_stopped_run_goes_on_to_the_same_bytes() {
    let (straight, broken) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    make(&options(straight.path()));
    let stop = AtomicBool::new(false);
    let stopped = generate(
        &options(broken.path()),
        &mut |p| stop.store(p.accepted > 130, Ordering::Relaxed),
        &stop,
    );
    assert!(
        matches!(
            stopped,
            Err(Error::Stopped {
                done: 120,
                total: 200
            })
        ),
        "{stopped:?}"
    );
    // What a kill may leave behind: half a shard, a damaged one, one without its entry.
    let shard = |n: u32| broken.path().join(format!("shard-0000{n}.parquet"));
    let mut damaged = std::fs::read(shard(0)).unwrap();
    damaged[1000] ^= 1;
    std::fs::write(shard(0), damaged).unwrap();
    std::fs::write(shard(2).with_extension("parquet.partial"), b"half").unwrap();
    std::fs::write(shard(3), b"not in the manifest").unwrap();
    let mut first = None;
    generate(
        &options(broken.path()),
        &mut |p| {
            first.get_or_insert(p);
        },
        &RUN,
    )
    .unwrap();
    assert_eq!(
        first.map(|p| (p.accepted, p.resumed, p.total)),
        Some((60, 60, 200))
    );
    assert!(contents(straight.path()) == contents(broken.path()));
    // Finished: nothing is drawn again.
    let mut last = None;
    generate(&options(broken.path()), &mut |p| last = Some(p), &RUN).unwrap();
    assert_eq!(last.map(|p| (p.accepted, p.drawn)), Some((200, 0)));
}

#[test]
fn another_corpus_is_not_overwritten() {
    let directory = tempfile::tempdir().unwrap();
    make(&options(directory.path()));
    let before = contents(directory.path());
    let there = options(directory.path());
    for (other, expected) in [
        (
            Options {
                seed: 12,
                ..there.clone()
            },
            "seed",
        ),
        (
            Options {
                samples: 300,
                ..there.clone()
            },
            "number of samples",
        ),
        (
            Options {
                shard_size: 50,
                ..there.clone()
            },
            "shard size",
        ),
        (
            Options {
                config: Config::from_toml("").unwrap(),
                ..there.clone()
            },
            "configuration",
        ),
    ] {
        match generate(&other, &mut |_| {}, &RUN) {
            Err(Error::OtherCorpus { field, .. }) => assert_eq!(field, expected),
            outcome => panic!("{expected}: {outcome:?}"),
        }
    }
    assert!(before == contents(directory.path()));
}

#[test]
fn options_that_make_no_sense_are_errors() {
    let directory = tempfile::tempdir().unwrap();
    let good = options(directory.path());
    for bad in [
        Options {
            samples: 0,
            ..good.clone()
        },
        Options {
            shard_size: 0,
            ..good.clone()
        },
        Options {
            samples: 1 << 40,
            ..good.clone()
        },
        Options {
            part: Part { index: 3, of: 3 },
            ..good.clone()
        },
        Options {
            part: Part { index: 0, of: 0 },
            ..good.clone()
        },
    ] {
        let outcome = generate(&bad, &mut |_| {}, &RUN);
        assert!(matches!(outcome, Err(Error::Option { .. })), "{outcome:?}");
    }
    assert_eq!(contents(directory.path()).len(), 0);
}

#[test]
fn rows_read_back_as_the_samples_they_were() {
    let directory = tempfile::tempdir().unwrap();
    let options = options(directory.path());
    make(&options);
    let corpus = Corpus::open(directory.path()).unwrap();
    let sampler = Sampler::new(options.config.clone(), options.seed);
    let rows: Vec<_> = corpus.rows().map(|row| row.unwrap()).collect();
    assert_eq!(rows.len(), 200);
    for row in &rows {
        let drawn = sampler.sample(row.index).unwrap();
        let read = row.sample().unwrap();
        assert_eq!(read.skeleton, drawn.skeleton, "{}", row.law);
        assert_eq!(read.constants, drawn.constants);
        assert_eq!(read.initial, drawn.initial);
        assert_eq!(read.trajectory.len(), 64);
        let tape = |s: &nsode_generator::Sample| s.system.to_system();
        for (a, b) in tape(&read).rhs().iter().zip(tape(&drawn).rhs()) {
            let (a, b) = (
                a.eval(0.0, &read.initial, &[]),
                b.eval(0.0, &read.initial, &[]),
            );
            assert!(
                (a - b).abs() <= 1e-9 * (a.abs() + b.abs()),
                "{}: {a} {b}",
                row.law
            );
        }
        for (a, b) in read
            .trajectory
            .states()
            .iter()
            .zip(drawn.trajectory.states())
        {
            assert!((a - b).abs() <= 1e-7 * b.abs() + 1e-37, "{a} {b}");
        }
    }
    assert_eq!(corpus.samples().filter(|s| s.is_ok()).count(), 200);
}

#[test]
fn no_corpus_and_no_shard_are_errors() {
    let directory = tempfile::tempdir().unwrap();
    assert!(matches!(
        Corpus::open(directory.path()),
        Err(Error::Manifest { .. })
    ));
    make(&options(directory.path()));
    std::fs::write(
        directory.path().join("shard-00001.parquet"),
        b"PAR1 no more",
    )
    .unwrap();
    let corpus = Corpus::open(directory.path()).unwrap();
    let errors = corpus
        .rows()
        .filter(|r| matches!(r, Err(Error::Shard { .. })))
        .count();
    assert_eq!((errors, corpus.rows().count()), (1, 141));
    std::fs::write(directory.path().join("manifest.json"), b"{}").unwrap();
    assert!(matches!(
        Corpus::open(directory.path()),
        Err(Error::Manifest { .. })
    ));
}

#[test]
fn a_stream_gives_the_samples_in_order_with_any_number_of_workers() {
    let text = "[system]\nconstants = 2\ninitials = 1\ninterleave = 8\n[horizon]\npoints = 32\n";
    let sampler = Arc::new(Sampler::new(Config::from_toml(text).unwrap(), 3));
    let expected: Vec<_> = (32..)
        .filter_map(|i| sampler.sample(i).ok())
        .take(100)
        .collect();
    for workers in [1, 3] {
        let mut stream = Stream::new(Arc::clone(&sampler), 32, workers, 2).unwrap();
        let found: Vec<_> = stream.by_ref().take(100).collect();
        assert!(found == expected, "{workers} workers");
        assert_eq!(stream.accepted(), 100);
        assert!(stream.position() > found[99].index && stream.position() <= found[99].index + 16);
    }
}
