//! What must hold of the network whatever its weights: padding changes nothing, the future is invisible,
//! steps with a cache agree with the whole sequence at once, and it can learn.

use nsode_generator::Trajectory;
use tch::{Device, Kind, Tensor};

use super::attention::Attention;
use super::loss::TargetBatch;
use super::{Network, growth};
use crate::config::{Inputs, ModelConfig, OptimizerConfig, Shape, Valid};
use crate::inputs::EncoderBatch;
use crate::optimizer::AdamW;
use crate::parameters::to_host;
use crate::parametrisation::Settings;
use crate::vocabulary::{BOS, FIRST_BIN, FIRST_TOKEN, PAD};

const VOCABULARY: usize = FIRST_BIN as usize + 33;

fn config(inputs: Inputs) -> Valid<ModelConfig> {
    ModelConfig {
        d_model: 32,
        heads: 4,
        encoder_layers: 2,
        decoder_layers: 2,
        feed_forward: 2,
        max_dimension: 2,
        max_tokens: 12,
        bins: 33,
        constants: Default::default(),
        inputs,
        base: None,
    }
    .validated()
    .unwrap()
}

fn anchors() -> Inputs {
    Inputs::Anchors {
        count: 6,
        neighbours: vec![5, 9],
        frequencies: 3,
    }
}

fn network(inputs: Inputs, trainable: bool) -> Network {
    let config = config(inputs);
    let mut values = Network::layout(&config, VOCABULARY).initial(7);
    // larger than at a start, so that what must not matter would show
    values.iter_mut().for_each(|v| *v *= 1.5);
    Network::new(
        config,
        VOCABULARY,
        &values,
        Device::Cpu,
        Kind::Float,
        trainable,
    )
    .unwrap()
}

/// Deeper and wider than its base, so that branches and scores have factors, and with gains that differ.
fn scaled(inputs: Inputs) -> Network {
    let mut config = ModelConfig::clone(&config(inputs));
    config.base = Some(Shape {
        d_model: 16,
        heads: 4,
        encoder_layers: 1,
        decoder_layers: 1,
    });
    let config = config.validated().unwrap();
    let mut values = Network::layout(&config, VOCABULARY).initial(7);
    let places = values.iter_mut().enumerate();
    places.for_each(|(i, v)| *v *= 1.5 + (i as f32).sin());
    Network::new(config, VOCABULARY, &values, Device::Cpu, Kind::Float, true).unwrap()
}

fn path(points: usize, phase: f64) -> Trajectory {
    let times: Vec<f64> = (0..points)
        .map(|i| i as f64 / (points - 1) as f64)
        .collect();
    let states = times.iter().map(|t| (3.0 * t + phase).sin()).collect();
    Trajectory::new(1, times, states).unwrap()
}

fn close(a: &Tensor, b: &Tensor, tolerance: f64) {
    assert_eq!(a.size(), b.size());
    let worst = (a - b).abs().max().double_value(&[]);
    assert!(worst < tolerance, "differ by {worst}");
}

/// A skeleton of `tokens` tokens and `constants` constants, as the decoder is fed it.
fn sequence(tokens: usize, constants: usize, shift: usize) -> (Vec<i64>, Vec<f32>) {
    let mut ids = vec![i64::from(BOS)];
    ids.extend((0..tokens).map(|i| i64::from(FIRST_TOKEN) + ((i * 5 + shift) % 20) as i64));
    ids.extend((0..constants).map(|i| i64::from(FIRST_BIN) + ((i * 7 + shift) % 32) as i64));
    let mut upper = vec![0.0; 1 + tokens];
    upper.extend((0..constants).map(|i| (i as f32 * 0.37 + 0.2) % 1.0));
    (ids, upper)
}

/// Rows of sequences, padded at their end.
fn rows(sequences: &[(Vec<i64>, Vec<f32>)]) -> (Tensor, Tensor) {
    let longest = sequences.iter().map(|s| s.0.len()).max().unwrap();
    let shape = [sequences.len() as i64, longest as i64];
    let (mut ids, mut upper) = (Vec::new(), Vec::new());
    for (i, u) in sequences {
        ids.extend(i);
        ids.extend(vec![i64::from(PAD); longest - i.len()]);
        upper.extend(u);
        upper.extend(vec![0.0; longest - u.len()]);
    }
    (
        Tensor::from_slice(&ids).view(shape),
        Tensor::from_slice(&upper).view(shape),
    )
}

/// Predictions at every place of rows: `[rows · places, vocabulary]`.
fn all_places(network: &Network, encoder: &EncoderBatch, ids: &Tensor, upper: &Tensor) -> Tensor {
    let places = ids.numel() as i64;
    let batch = TargetBatch {
        ids: ids.shallow_clone(),
        upper: upper.shallow_clone(),
        places: Tensor::arange(places, (Kind::Int64, Device::Cpu)),
        target: Tensor::zeros([places], (Kind::Int64, Device::Cpu)),
        target_upper: Tensor::zeros([places], (Kind::Float, Device::Cpu)),
        skeleton_tokens: places,
    };
    network.predictions(&network.encode(encoder), &batch)
}

#[test]
fn steps_agree_with_the_whole_sequence() {
    let _guard = tch::no_grad_guard();
    let network = network(anchors(), false);
    let paths = [path(20, 0.1), path(30, 1.3)];
    let systems: Vec<&[Trajectory]> = paths.iter().map(std::slice::from_ref).collect();
    let encoder = EncoderBatch::new(network.config(), &systems).unwrap();
    let memory = network.encode(&encoder);
    let (ids, upper) = rows(&[sequence(6, 3, 1), sequence(6, 3, 4)]);
    let whole = all_places(&network, &encoder, &ids, &upper).view([2, -1, VOCABULARY as i64]);
    let places = ids.size()[1];

    // one at a time, two rows a memory
    let twice = |t: &Tensor| t.repeat_interleave_self_int(2, 0, None);
    let mut cache = network.start(&memory, 2);
    for place in 0..places {
        let column = |t: &Tensor| twice(&t.narrow(1, place, 1));
        let logits = network.step(&mut cache, &column(&ids), &column(&upper));
        close(&logits, &twice(&whole.select(1, place)), 1e-4);
        if place == 3 {
            // one row a memory, then three: still the same sequences
            network.reorder(&mut cache, &Tensor::from_slice(&[1_i64, 2]));
            assert_eq!(cache.rows(), 2);
            network.reorder(&mut cache, &Tensor::from_slice(&[0_i64, 0, 1, 1]));
        }
    }
    // all but the last in one go, then the last
    let mut cache = network.start(&memory, 1);
    let cut = places - 1;
    let logits = network.step(&mut cache, &ids.narrow(1, 0, cut), &upper.narrow(1, 0, cut));
    close(&logits, &whole.select(1, cut - 1), 1e-4);
    let logits = network.step(&mut cache, &ids.narrow(1, cut, 1), &upper.narrow(1, cut, 1));
    close(&logits, &whole.select(1, cut), 1e-4);
}

#[test]
fn padding_within_a_row_is_invisible() {
    let _guard = tch::no_grad_guard();
    let network = network(anchors(), false);
    let encoder = EncoderBatch::new(network.config(), &[&[path(20, 0.4)]]).unwrap();
    let memory = network.encode(&encoder);
    let (ids, upper) = sequence(5, 2, 3);
    let plain = rows(&[(ids.clone(), upper.clone())]);
    let whole = all_places(&network, &encoder, &plain.0, &plain.1);
    // BOS, three PADs, the skeleton; then the constants
    let (mut padded, mut weights) = (ids.clone(), upper.clone());
    padded.splice(1..1, [i64::from(PAD); 3]);
    weights.splice(1..1, [0.0; 3]);
    let (padded, weights) = rows(&[(padded, weights)]);
    let mut cache = network.start(&memory, 1);
    let skeleton = 1 + 3 + 5;
    let first = |t: &Tensor| t.narrow(1, 0, skeleton);
    let logits = network.step(&mut cache, &first(&padded), &first(&weights));
    close(&logits, &whole.narrow(0, 5, 1), 1e-4);
    for constant in 0..2 {
        let column = |t: &Tensor| t.narrow(1, skeleton + constant, 1);
        let logits = network.step(&mut cache, &column(&padded), &column(&weights));
        close(&logits, &whole.narrow(0, 6 + constant, 1), 1e-4);
    }
}

#[test]
fn the_future_is_invisible() {
    let _guard = tch::no_grad_guard();
    let network = network(anchors(), false);
    let encoder = EncoderBatch::new(network.config(), &[&[path(20, 0.4)]]).unwrap();
    let (ids, upper) = sequence(5, 3, 3);
    let (mut other, _) = sequence(5, 3, 8);
    other[..4].copy_from_slice(&ids[..4]);
    let predict = |ids: Vec<i64>| {
        let (ids, upper) = rows(&[(ids, upper.clone())]);
        all_places(&network, &encoder, &ids, &upper)
    };
    let (a, b) = (predict(ids), predict(other));
    close(&a.narrow(0, 0, 4), &b.narrow(0, 0, 4), 1e-6);
    let differ = (a.select(0, 4) - b.select(0, 4)).abs().max();
    assert!(differ.double_value(&[]) > 1e-3);
}

#[test]
fn company_in_a_batch_changes_nothing() {
    let _guard = tch::no_grad_guard();
    for inputs in [anchors(), Inputs::Ieee754 { max_points: 40 }] {
        let network = network(inputs, false);
        let (short, long) = (vec![path(9, 0.1)], vec![path(30, 1.3), path(12, 2.0)]);
        let alone = EncoderBatch::new(network.config(), &[&short]).unwrap();
        let both = EncoderBatch::new(network.config(), &[&short, &long]).unwrap();
        assert!(alone.mask.is_none() && both.mask.is_some());
        let (one, two) = (sequence(4, 2, 1), sequence(9, 4, 2));
        let (ids, upper) = rows(std::slice::from_ref(&one));
        let a = all_places(&network, &alone, &ids, &upper);
        let (ids, upper) = rows(&[one, two]);
        let b = all_places(&network, &both, &ids, &upper);
        close(&a, &b.narrow(0, 0, a.size()[0]), 1e-4);
    }
}

#[test]
fn the_encoder_reads_a_set() {
    let _guard = tch::no_grad_guard();
    let network = network(anchors(), false);
    let (a, b) = (path(20, 0.1), path(30, 1.3));
    let (ids, upper) = rows(&[sequence(4, 2, 1)]);
    let predict = |paths: &[Trajectory]| {
        let encoder = EncoderBatch::new(network.config(), &[paths]).unwrap();
        all_places(&network, &encoder, &ids, &upper)
    };
    close(&predict(&[a.clone(), b.clone()]), &predict(&[b, a]), 1e-4);
}

#[test]
fn half_precision_stays_near_single() {
    let _guard = tch::no_grad_guard();
    let config = config(anchors());
    let values = Network::layout(&config, VOCABULARY).initial(7);
    let encoder = EncoderBatch::new(&config, &[&[path(20, 0.4)]]).unwrap();
    let (ids, upper) = rows(&[sequence(5, 3, 3)]);
    let predict = |kind| {
        let network = Network::new(
            config.clone(),
            VOCABULARY,
            &values,
            Device::Cpu,
            kind,
            false,
        )
        .unwrap();
        all_places(&network, &encoder, &ids, &upper)
    };
    close(&predict(Kind::Float), &predict(Kind::BFloat16), 0.05);
}

#[test]
fn a_batch_is_learned_by_heart() {
    let mut network = network(anchors(), true);
    let paths: Vec<Trajectory> = (0..8).map(|i| path(20, f64::from(i) * 0.7)).collect();
    let systems: Vec<&[Trajectory]> = paths.iter().map(std::slice::from_ref).collect();
    let encoder = EncoderBatch::new(network.config(), &systems).unwrap();
    let sequences: Vec<_> = (0..8).map(|i| sequence(3 + i % 4, 2, 3 * i)).collect();
    let (ids, upper) = rows(&sequences);
    let places = ids.size()[1];
    // every place predicts the next one; skeleton tokens first
    let (mut at, mut target, mut weight) = ([vec![], vec![]], [vec![], vec![]], [vec![], vec![]]);
    for (row, (ids, upper)) in sequences.iter().enumerate() {
        for next in 1..ids.len() {
            let part = usize::from(ids[next] >= i64::from(FIRST_BIN));
            at[part].push(row as i64 * places + next as i64 - 1);
            target[part].push(ids[next]);
            weight[part].push(upper[next]);
        }
    }
    let batch = TargetBatch {
        ids,
        upper,
        skeleton_tokens: at[0].len() as i64,
        places: Tensor::from_slice(&at.concat()),
        target: Tensor::from_slice(&target.concat()),
        target_upper: Tensor::from_slice(&weight.concat()),
    };
    let config = OptimizerConfig {
        learning_rate: 0.003,
        warm_up: 0,
        decay_share: 0.0,
        weight_decay: 0.0,
        betas: [0.9, 0.98],
        clip: 1.0,
        average: None,
        base: None,
    };
    let settings = Settings::new(network.config(), &config, 1, 150);
    let mut optimizer = AdamW::new(settings, network.parameters()).unwrap();
    let mut first = None;
    for _ in 0..150 {
        let memory = network.encode(&encoder);
        let (loss, _) = network.loss(&memory, &batch, 0.3, batch.counts()[0]);
        first.get_or_insert(loss.double_value(&[]));
        let gradient = network.parameters().gradient(&loss).unwrap();
        let _ = optimizer
            .step(network.parameters_mut(), &gradient, 0.003)
            .unwrap();
    }
    let _guard = tch::no_grad_guard();
    let (losses, right) = network.evaluate(&network.encode(&encoder), &batch);
    let sums = to_host(&losses.sums).unwrap();
    let skeleton = f64::from(sums[0]) / losses.counts[0] as f64;
    assert!(first.unwrap() > 3.0);
    assert!(skeleton < 0.05, "skeleton cross-entropy {skeleton}");
    assert_eq!(right.all().int64_value(&[]), 1);
    // a soft target's cross-entropy cannot fall below its own entropy
    let entropy: f64 = weight[1]
        .iter()
        .map(|&w| f64::from(w))
        .map(|w| {
            -[w, 1.0 - w]
                .into_iter()
                .filter(|&p| p > 0.0)
                .map(|p| p * p.ln())
                .sum::<f64>()
        })
        .sum();
    let excess = (f64::from(sums[1]) - entropy) / losses.counts[1] as f64;
    assert!((-1e-3..0.15).contains(&excess), "excess {excess}");
}

#[test]
fn a_grown_network_computes_the_same() {
    let small = config(anchors());
    let before = network(anchors(), false);
    let values = before.parameters().values().unwrap();
    let shape = |d_model, heads, encoder_layers, decoder_layers| ModelConfig {
        d_model,
        heads,
        encoder_layers,
        decoder_layers,
        ..ModelConfig::clone(&small)
    };
    let mut large = shape(56, 7, 3, 4);
    large.max_dimension += 2;
    large.max_tokens += 5;
    large.base = Some(Shape {
        d_model: 16,
        heads: 4,
        encoder_layers: 1,
        decoder_layers: 2,
    });
    let grown = growth::grown((&small, &values), &large, VOCABULARY, 3).unwrap();
    let large = large.validated().unwrap();
    let after = Network::new(large, VOCABULARY, &grown, Device::Cpu, Kind::Float, true).unwrap();
    let _guard = tch::no_grad_guard();
    let encoder = EncoderBatch::new(&small, &[&[path(20, 0.0)], &[path(9, 1.0)]]).unwrap();
    let (ids, upper) = rows(&[sequence(6, 2, 0), sequence(4, 3, 1)]);
    let places = all_places(&before, &encoder, &ids, &upper);
    let encoder = EncoderBatch::new(after.config(), &[&[path(20, 0.0)], &[path(9, 1.0)]]).unwrap();
    let grown = all_places(&after, &encoder, &ids, &upper);
    close(&places, &grown, 1e-4);

    // narrower, shallower, with wider heads, shorter skeletons or fewer states
    let mut short = shape(32, 4, 2, 2);
    short.max_tokens -= 1;
    let mut few = shape(32, 4, 2, 2);
    few.max_dimension -= 1;
    let others = [
        shape(24, 3, 2, 2),
        shape(32, 4, 1, 2),
        shape(64, 4, 2, 2),
        short,
        few,
    ];
    for other in others {
        assert!(growth::grown((&small, &values), &other, VOCABULARY, 3).is_none());
    }
}

#[test]
fn what_saves_a_gpu_time_changes_nothing_but_rounding() {
    // points of different numbers need a mask, anchors none
    let points = Inputs::Ieee754 { max_points: 32 };
    for inputs in [points, anchors()] {
        let mut network = scaled(inputs);
        let systems = [path(20, 0.0), path(9, 1.0)];
        let systems: Vec<&[Trajectory]> = systems.iter().map(std::slice::from_ref).collect();
        let encoder = EncoderBatch::new(network.config(), &systems).unwrap();
        let (ids, upper) = rows(&[sequence(6, 2, 0), sequence(4, 3, 1)]);
        let forms = [
            (Attention::WrittenOut, false),
            (Attention::Fused, false),
            (Attention::WrittenOut, true),
            (Attention::Fused, true),
        ];
        let [plain, others @ ..] = forms.map(|(attention, folded)| {
            (network.attention, network.folded) = (attention, folded);
            let all = all_places(&network, &encoder, &ids, &upper);
            let gradient = network
                .parameters()
                .gradient(&all.square().mean(Kind::Float));
            let _guard = tch::no_grad_guard();
            let mut cache = network.start(&network.encode(&encoder), 1);
            let _ = network.step(&mut cache, &ids.narrow(1, 0, 3), &upper.narrow(1, 0, 3));
            let step = network.step(&mut cache, &ids.narrow(1, 3, 1), &upper.narrow(1, 3, 1));
            [all.detach(), gradient.unwrap(), step]
        });
        assert!(plain[1].abs().max().double_value(&[]) > 1e-2);
        for other in &others {
            for (other, plain) in other.iter().zip(&plain) {
                close(other, plain, 1e-5);
            }
        }
    }
}
