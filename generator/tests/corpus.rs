//! Corpora: the same bytes however they were made, going on after an interruption, reading back.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use nsode_generator::corpus::Damage;
use nsode_generator::shard::{ShardReader, ShardWriter};
use nsode_generator::{
    Config, Corpus, Error, Manifest, Options, Part, Row, Sampler, generate, merge, verify,
};

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
        assert!(parts[name] == *bytes, "{name}");
    }
}

#[test]
fn parts_are_merged_if_they_agree_and_nothing_is_missing() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path();
    assert!(matches!(merge(place), Err(Error::Manifest { .. })));
    let part = |index, of| Options {
        part: Part { index, of },
        ..options(place)
    };
    make(&part(0, 2));
    match merge(place) {
        Err(Error::Gap { missing, of: 4, .. }) => assert_eq!(missing, [1, 3]),
        outcome => panic!("{outcome:?}"),
    }
    assert_eq!(Corpus::summary(place).unwrap().accepted, 120);
    make(&part(1, 2));
    let whole = contents(place).remove("manifest.json").unwrap();
    std::fs::remove_file(place.join("manifest.json")).unwrap();
    let merged = merge(place).unwrap();
    assert!(contents(place)["manifest.json"] == whole);
    assert_eq!(
        (merged.accepted, merged.complete, merged.part),
        (200, true, Part::WHOLE)
    );
    // The same shard twice is no matter, as long as it is the same.
    make(&part(2, 3));
    assert_eq!(merge(place).unwrap(), merged);
    let other = place.join("manifest-00002-of-00003.json");
    let text = std::fs::read_to_string(&other).unwrap();
    let sha = &merged.shards[2].sha256;
    // Where two disagree, the file tells which is right, whichever is read first.
    let disagree = |with: &str| {
        std::fs::write(&other, text.replace(sha, with)).unwrap();
        merge(place)
    };
    assert_eq!(disagree("0000").unwrap(), merged);
    std::fs::write(place.join("manifest.json"), {
        let whole = String::from_utf8(whole.clone()).unwrap();
        whole.replace(sha, "0000")
    })
    .unwrap();
    assert_eq!(disagree(sha).unwrap(), merged);
    // Unless none is.
    let shard = place.join("shard-00002.parquet");
    let bytes = std::fs::read(&shard).unwrap();
    std::fs::write(&shard, b"neither").unwrap();
    match disagree("0000") {
        Err(error @ Error::Duplicate { number: 2, .. }) => {
            assert!(
                error.to_string().contains("run `nsode generate`"),
                "{error}"
            );
        }
        outcome => panic!("{outcome:?}"),
    }
    std::fs::write(&shard, bytes).unwrap();
    std::fs::write(&other, text.replace("\"seed\": 11", "\"seed\": 12")).unwrap();
    match merge(place) {
        Err(Error::Parts { field, values, .. }) => {
            assert_eq!(
                (field, *values),
                ("seed", ["11".to_string(), "12".to_string()])
            );
        }
        outcome => panic!("{outcome:?}"),
    }
    std::fs::remove_file(&other).unwrap();
    // Another size is as good as no file.
    let shard = place.join("shard-00001.parquet");
    let gap = |outcome| matches!(outcome, Err(Error::Gap { missing, .. }) if missing == [1]);
    std::fs::write(&shard, b"short").unwrap();
    assert!(gap(merge(place)));
    std::fs::remove_file(&shard).unwrap();
    assert!(gap(merge(place)));
}

#[test]
fn what_a_part_left_undone_another_number_of_parts_makes() {
    let (straight, broken) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    make(&options(straight.path()));
    let part = Part { index: 1, of: 3 };
    make(&Options {
        part,
        ..options(broken.path())
    });
    let mut first = None;
    let mut show = |p: nsode_generator::Progress| {
        first.get_or_insert(p.resumed);
    };
    generate(&options(broken.path()), &mut show, &RUN).unwrap();
    assert_eq!(first, Some(60));
    let (straight, mut broken) = (contents(straight.path()), contents(broken.path()));
    broken.remove("manifest-00001-of-00003.json").unwrap();
    assert!(straight == broken);
}

/// Options of a corpus that takes a moment: 40 shards.
fn longer(out: &Path) -> Options {
    Options {
        samples: 4000,
        shard_size: 100,
        ..options(out)
    }
}

#[test]
fn a_stopped_run_goes_on_to_the_same_bytes() {
    let (straight, broken) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    make(&longer(straight.path()));
    let stop = AtomicBool::new(false);
    let stopped = generate(
        &longer(broken.path()),
        &mut |p| stop.store(p.accepted >= 500, Ordering::Relaxed),
        &stop,
    );
    let done = match stopped {
        Err(Error::Stopped { done, total: 4000 }) => done,
        outcome => panic!("{outcome:?}"),
    };
    assert!(done % 100 == 0 && (100..4000).contains(&done), "{done}");
    let manifest = Manifest::read(&broken.path().join("manifest.json"));
    let there = manifest.unwrap().unwrap().shards;
    assert_eq!(there.len() as u64, done / 100);
    assert_eq!(
        contents(broken.path()).len(),
        there.len() + 1,
        "nothing half-made"
    );
    // What a kill may leave behind: half a shard, a damaged one, one without its entry.
    let shard = |n: u64| broken.path().join(format!("shard-{n:05}.parquet"));
    let damaged = there[0].number;
    let mut bytes = std::fs::read(shard(damaged)).unwrap();
    bytes[1000] ^= 1;
    std::fs::write(shard(damaged), bytes).unwrap();
    std::fs::write(shard(37).with_extension("parquet.partial"), b"half").unwrap();
    std::fs::write(shard(38), b"not in the manifest").unwrap();
    std::fs::write(broken.path().join("manifest.json.0-1.partial"), b"{").unwrap();
    let mut first = None;
    generate(
        &longer(broken.path()),
        &mut |p| {
            first.get_or_insert(p);
        },
        &RUN,
    )
    .unwrap();
    let expected = (done - 100, done - 100, 4000);
    assert_eq!(
        first.map(|p| (p.accepted, p.resumed, p.total)),
        Some(expected)
    );
    assert!(contents(straight.path()) == contents(broken.path()));
    // Finished: nothing is drawn again.
    let mut last = None;
    generate(&longer(broken.path()), &mut |p| last = Some(p), &RUN).unwrap();
    assert_eq!(last.map(|p| (p.accepted, p.drawn)), Some((4000, 0)));
}

#[test]
fn two_processes_do_not_write_the_same_shard() {
    let directory = tempfile::tempdir().unwrap();
    let partial = directory.path().join("shard-00002.parquet.partial");
    let other = std::fs::File::create(&partial).unwrap();
    other.lock().unwrap();
    let outcome = generate(&options(directory.path()), &mut |_| {}, &RUN);
    match outcome {
        Err(Error::InUse { path }) => assert_eq!(path, partial),
        outcome => panic!("{outcome:?}"),
    }
    drop(other);
    make(&options(directory.path()));
    assert!(!partial.exists());
}

fn check(directory: &Path) -> Vec<(String, Damage)> {
    let found = verify(directory, &|_, _| {}, &RUN).unwrap();
    assert_eq!(found.shards, 4);
    found
        .findings
        .into_iter()
        .map(|f| (f.file, f.damage))
        .collect()
}

#[test]
fn damage_is_found_named_and_remade() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path();
    make(&options(place));
    let whole = contents(place);
    let found = verify(place, &|_, _| {}, &RUN).unwrap();
    assert_eq!(
        (found.rows, found.integrated, found.findings.len()),
        (200, 7, 0)
    );
    let shard = |n: u32| place.join(format!("shard-0000{n}.parquet"));
    let name = |n: u32| format!("shard-0000{n}.parquet");

    std::fs::remove_file(shard(0)).unwrap();
    let mut bytes = whole[&name(1)].clone();
    bytes.truncate(2000);
    std::fs::write(shard(1), &bytes).unwrap();
    let mut bytes = whole[&name(3)].clone();
    bytes[500] ^= 4;
    std::fs::write(shard(3), &bytes).unwrap();
    let size = Damage::Size {
        expected: whole[&name(1)].len() as u64,
        found: 2000,
    };
    let expected = [
        (name(0), Damage::Missing),
        (name(1), size),
        (name(3), Damage::Hash),
    ];
    assert_eq!(check(place), expected);
    make(&options(place));
    assert!(contents(place) == whole);
    assert_eq!(check(place), []);
}

/// Writes shard 2 anew with other rows, so that only its contents tell that it is not the right one.
fn forged(place: &Path, change: &dyn Fn(&mut Row, usize)) -> Vec<(String, Damage)> {
    let manifest_file = place.join("manifest.json");
    let text = std::fs::read_to_string(&manifest_file).unwrap();
    let record = Manifest::read(&manifest_file)
        .unwrap()
        .unwrap()
        .shards
        .remove(2);
    let path = place.join("shard-00002.parquet");
    let original = std::fs::read(&path).unwrap();
    let rows: Vec<Row> = ShardReader::open(&path)
        .unwrap()
        .map(|r| r.unwrap())
        .collect();
    let mut writer = ShardWriter::create(place, 2).unwrap();
    for (number, mut row) in rows.into_iter().enumerate() {
        change(&mut row, number);
        writer.push(row).unwrap();
    }
    let (bytes, sha256) = writer
        .finish(&Default::default())
        .unwrap()
        .settle()
        .unwrap();
    let forged = text.replace(&record.sha256, &sha256).replace(
        &format!("\"bytes\": {}", record.bytes),
        &format!("\"bytes\": {bytes}"),
    );
    std::fs::write(&manifest_file, forged).unwrap();
    let found = check(place);
    std::fs::write(&manifest_file, text).unwrap();
    std::fs::write(&path, original).unwrap();
    found
}

#[test]
fn rows_that_are_not_theirs_are_found() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path();
    make(&options(place));
    let problem = |change: &dyn Fn(&mut Row, usize)| match forged(place, change).as_slice() {
        [(_, Damage::Row { row, problem })] => (*row, problem.clone()),
        found => panic!("{found:?}"),
    };
    // The rows are right, the statistics in the footer are not.
    let tally = Damage::Tally {
        expected: 60,
        found: 0,
    };
    assert_eq!(
        forged(place, &|_, _| {}),
        [("shard-00002.parquet".to_string(), tally)]
    );
    type Change = fn(&mut Row, usize);
    let cases: [(u64, &str, Change); 6] = [
        (9, "its seed is 12", |r, n| r.seed += u64::from(n == 9)),
        (9, "its index is 0", |r, n| r.index *= u64::from(n != 9)),
        (0, "no token \"x9\"", |r, _| r.tokens = "x9".to_string()),
        (5, "id", |r, n| r.skeleton_id ^= i64::from(n == 5)),
        (50, "is not the equation of its path", |r, n| {
            if n == 50 {
                r.constants[0] *= 1.1;
            }
        }),
        (50, "is not the equation of its path", |r, n| {
            if n == 50 {
                let last = r.values.len() - 1;
                r.values[last] *= 1.01;
            }
        }),
    ];
    for (row, text, change) in cases {
        let (found, problem) = problem(&change);
        assert!(found == row && problem.contains(text), "{found}: {problem}");
    }
}

#[test]
fn statistics_are_those_of_the_rows() {
    let directory = tempfile::tempdir().unwrap();
    let options = options(directory.path());
    let manifest = make(&options);
    let statistics = manifest.statistics.unwrap();
    let tally = &statistics.tally;
    let corpus = Corpus::open(directory.path()).unwrap();
    let rows: Vec<Row> = corpus.rows().map(|row| row.unwrap()).collect();
    let mut skeletons: BTreeMap<&str, u64> = BTreeMap::new();
    let mut tokens: BTreeMap<String, u64> = BTreeMap::new();
    for row in &rows {
        *skeletons.entry(&row.tokens).or_default() += 1;
        for token in row.tokens.split(' ') {
            *tokens.entry(token.to_string()).or_default() += 1;
        }
    }
    assert_eq!(tally.tokens, tokens);
    assert_eq!(tally.samples, 200);
    let two = rows.iter().filter(|r| r.dimension == 2).count() as u64;
    assert_eq!(tally.dimensions, BTreeMap::from([(1, 200 - two), (2, two)]));
    let constants = rows.iter().map(|r| r.constants.len() as u64).sum::<u64>();
    assert_eq!(tally.constants.total(), constants);
    assert_eq!(tally.ranges.total(), 200 + two);
    assert_eq!(
        (tally.half_done.total(), tally.nearly_done.total()),
        (200, 200)
    );
    let frequencies = &statistics.skeletons;
    assert_eq!(frequencies.distinct, skeletons.len() as u64);
    for (place, top) in frequencies.top.iter().enumerate() {
        assert_eq!(skeletons[top.tokens.as_str()], top.count);
        assert!(place == 0 || frequencies.top[place - 1].count >= top.count);
        let row = rows.iter().find(|r| r.tokens == top.tokens).unwrap();
        assert_eq!((row.skeleton_id, &row.skeleton), (top.id, &top.law));
    }
    assert_eq!(frequencies.top.len(), skeletons.len());
    assert_eq!(
        Corpus::summary(directory.path()).unwrap().statistics,
        Some(statistics)
    );
}

#[test]
fn the_program_that_made_it_changes_one_field_only() {
    let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let by = |place: &Path, name: &str| Options {
        made_by: Some(name.to_string()),
        ..options(place)
    };
    let first = make(&by(a.path(), "one"));
    let mut second = make(&by(b.path(), "two"));
    second.made_by = first.made_by.clone();
    assert_eq!(first, second);
    // Both, where both had a share in it.
    std::fs::remove_file(a.path().join("shard-00001.parquet")).unwrap();
    let both = make(&by(a.path(), "two")).made_by;
    assert_eq!(both.into_iter().collect::<Vec<_>>(), ["one", "two"]);
    assert_eq!(make(&by(a.path(), "three")).made_by.len(), 2);
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

/// Changes the manifest of a whole corpus.
fn rewrite(place: &Path, change: &dyn Fn(&mut Manifest)) {
    let path = place.join("manifest.json");
    let mut manifest = Manifest::read(&path).unwrap().unwrap();
    change(&mut manifest);
    manifest.write(&path, Part::WHOLE).unwrap();
}

#[test]
fn a_manifest_with_wrong_numbers_is_found_and_mended() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path();
    make(&options(place));
    let whole = contents(place);
    type Change = fn(&mut Manifest);
    let changes: [Change; 5] = [
        |m| m.shards[1].rows -= 1,
        |m| m.shards[1].drawn += 1,
        |m| m.shards[1].first_index += 1,
        |m| m.shards[1].rows = u64::MAX,
        |m| {
            // It adds up, but the shard's last row is the draw before.
            m.shards[1].drawn += 1;
            *m.shards[1].rejections.values_mut().next().unwrap() += 1;
        },
    ];
    for (number, change) in changes.into_iter().enumerate() {
        rewrite(place, &change);
        match check(place).as_slice() {
            [(file, Damage::Entry(_))] => assert_eq!(file, "shard-00001.parquet"),
            found => panic!("{number}: {found:?}"),
        }
        // Sums of such numbers are no overflow.
        assert!(Corpus::summary(place).is_ok());
        if number == 4 {
            // Only reading all rows can tell: the shard has to go.
            std::fs::remove_file(place.join("shard-00001.parquet")).unwrap();
        } else {
            assert_eq!(merge(place).is_ok(), number == 2);
        }
        assert_eq!(make(&options(place)).accepted, 200);
        assert!(contents(place) == whole, "{number}");
    }
}

#[test]
fn a_manifest_that_is_none_is_refused_with_the_way_out() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path();
    make(&options(place));
    let whole = contents(place);
    let path = place.join("manifest.json");
    let refused = |text: &str| match (
        Manifest::read(&path),
        merge(place),
        generate(&options(place), &mut |_| {}, &RUN),
    ) {
        (
            Err(error @ Error::Manifest { .. }),
            Err(Error::Manifest { .. }),
            Err(Error::Manifest { .. }),
        ) => {
            let said = error.to_string();
            assert!(said.contains(text) && said.contains("delete it"), "{said}");
        }
        outcome => panic!("{outcome:?}"),
    };
    type Change = fn(&mut Manifest);
    let changes: [(&str, Change); 4] = [
        ("shard size is 0", |m| m.shard_size = 0),
        ("9223372036854775808 shards", |m| {
            (m.samples, m.shard_size) = (1 << 63, 1)
        }),
        ("65537 shards", |m| (m.samples, m.shard_size) = (65_537, 1)),
        ("shard 4 of 4", |m| m.shards[3].number = 4),
    ];
    for (text, change) in changes {
        rewrite(place, &change);
        refused(text);
        std::fs::write(&path, &whole["manifest.json"]).unwrap();
    }
    std::fs::write(&path, b"").unwrap();
    refused("EOF");
    // The way out.
    std::fs::remove_file(&path).unwrap();
    make(&options(place));
    assert!(contents(place) == whole);
}

#[test]
fn a_small_share_is_not_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let mut manifest = make(&options(directory.path()));
    for (acceptance, text) in [
        (0.0, "0"),
        (1.0, "100"),
        (0.537, "54"),
        (0.0537, "5.4"),
        (0.000_012_3, "0.0012"),
    ] {
        manifest.acceptance = acceptance;
        assert_eq!(manifest.percent_accepted(), text);
    }
}
