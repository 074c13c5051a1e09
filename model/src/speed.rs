//! How fast this machine multiplies matrices: the yardstick of a run's efficiency, and how the number
//! type of the products is chosen.

use std::time::Instant;

use tch::{Device, Kind, Tensor};

use crate::config::Precision;

/// What is timed: large enough to be bound by arithmetic, and on a GPU long enough that starting a product and
/// waiting for its end do not count.
struct Work {
    /// Side of the square matrices.
    side: i64,
    /// Products between two looks at the clock.
    products: u32,
    /// Times that it is timed; the best counts, since everything else only slows it.
    repeats: usize,
}

impl Work {
    /// Small enough for the slowest.
    const GLANCE: Work = Work {
        side: 256,
        products: 1,
        repeats: 3,
    };

    fn on(device: Device) -> Work {
        let (side, products) = match device {
            Device::Cpu => (1536, 1),
            _ => (8192, 8),
        };
        Work {
            side,
            products,
            repeats: 6,
        }
    }
}

/// Floating-point operations a second of so large a product, with the threads that are set.
fn matmul_speed(kind: Kind, device: Device, work: &Work) -> Result<f64, tch::TchError> {
    let _guard = tch::no_grad_guard();
    let &Work { side, products, .. } = work;
    // random numbers: a GPU draws less power, and runs faster, on constant ones
    let a = Tensor::f_randn([side, side], (kind, device))?;
    let b = Tensor::f_randn([side, side], (kind, device))?;
    let mut best = f64::INFINITY;
    for _ in 0..work.repeats {
        let start = Instant::now();
        let mut c = a.f_matmul(&b)?;
        for _ in 1..products {
            c = a.f_matmul(&b)?;
        }
        // reading a number waits for the device
        let _ = c
            .f_narrow(0, 0, 1)?
            .f_sum(Kind::Float)?
            .f_double_value(&[])?;
        best = best.min(start.elapsed().as_secs_f64());
    }
    Ok(f64::from(products) * 2.0 * (side as f64).powi(3) / best)
}

/// Whether 16 bits are certainly no gain: a processor without instructions for them takes a minute for the large
/// product, and shows in a small one that it is tens of times slower.
fn sixteen_bits_are_hopeless(device: Device) -> Result<bool, tch::TchError> {
    let speed = |kind| matmul_speed(kind, device, &Work::GLANCE);
    Ok(device == Device::Cpu && speed(Kind::BFloat16)? < 0.25 * speed(Kind::Float)?)
}

/// The number type for the products, and its peak. 16 bits must be clearly faster to be worth their
/// rounding.
pub(crate) fn choose(
    wanted: Precision,
    device: Device,
) -> Result<(Precision, Kind, f64), tch::TchError> {
    let peak = |kind| matmul_speed(kind, device, &Work::on(device));
    let fp32 = || Ok((Precision::Fp32, Kind::Float, peak(Kind::Float)?));
    let bf16 = || Ok((Precision::Bf16, Kind::BFloat16, peak(Kind::BFloat16)?));
    match wanted {
        Precision::Fp32 => fp32(),
        Precision::Bf16 => bf16(),
        Precision::Auto if sixteen_bits_are_hopeless(device)? => fp32(),
        Precision::Auto => {
            let (single, half) = (fp32()?, bf16()?);
            Ok(if half.2 > 1.3 * single.2 {
                half
            } else {
                single
            })
        }
    }
}
