//! The buffer's order, and that views and gradients keep to it.

use super::*;

fn layout() -> Layout {
    let mut layout = Layout::default();
    layout.declare("gain", &[3], Role::Gain, 0.0);
    layout.declare("first", &[2, 3], Role::Matrix, 0.5);
    layout.declare("table", &[4, 2], Role::Embedding, 0.5);
    layout.declare("second", &[5], Role::Matrix, 0.5);
    layout.declare("features", &[2, 2], Role::Features, 0.5);
    layout.place();
    layout
}

#[test]
fn roles_lie_together() {
    let layout = layout();
    assert_eq!((layout.matrices, layout.total), (11, 26));
    assert_eq!(
        layout.segments(),
        [
            (Role::Matrix, 0, 11),
            (Role::Features, 11, 4),
            (Role::Embedding, 15, 8),
            (Role::Gain, 23, 3),
        ]
    );
    let mut used = vec![0; layout.total as usize];
    for spec in layout.specs() {
        for place in spec.offset..spec.offset + spec.len() {
            used[place as usize] += 1;
        }
        let segments = layout.segments();
        let (_, first, length) = segments.iter().find(|s| s.0 == spec.role).unwrap();
        assert!((*first..first + length).contains(&spec.offset));
    }
    assert!(used.iter().all(|&count| count == 1));
}

#[test]
fn gradient_comes_back_in_the_buffers_order() {
    for kind in [Kind::Float, Kind::BFloat16] {
        let layout = layout();
        let values = layout.initial(3);
        let parameters = Parameters::new(layout, &values, Device::Cpu, kind, true).unwrap();
        // loss = Σ_p w_p·Σ p with a weight a parameter: the gradient is that weight everywhere
        let loss = parameters
            .views
            .iter()
            .enumerate()
            .map(|(i, p)| p.to_kind(Kind::Float).sum(Kind::Float) * (i as f64 + 1.0))
            .reduce(|a, b| a + b)
            .unwrap();
        let gradient = to_host(&parameters.gradient(&loss).unwrap()).unwrap();
        for (i, spec) in parameters.layout().specs().iter().enumerate() {
            for place in spec.offset..spec.offset + spec.len() {
                assert_eq!(gradient[place as usize], i as f32 + 1.0);
            }
        }
    }
}

#[test]
fn views_follow_the_buffer() {
    for kind in [Kind::Float, Kind::BFloat16] {
        let layout = layout();
        let values = layout.initial(3);
        let mut parameters = Parameters::new(layout, &values, Device::Cpu, kind, true).unwrap();
        tch::no_grad(|| {
            let _ = parameters.flat().fill_(2.0);
        });
        parameters.refresh().unwrap();
        for view in &parameters.views {
            assert!(view.requires_grad());
            assert!(to_host(view).unwrap().iter().all(|&v| v == 2.0));
        }
    }
}
