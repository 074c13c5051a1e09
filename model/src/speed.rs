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
}

impl Work {
    fn on(device: Device) -> Work {
        let (side, products) = match device {
            Device::Cpu => (1536, 1),
            _ => (8192, 8),
        };
        Work { side, products }
    }
}

/// Times that it is timed; the best counts, since everything else only slows it.
const REPEATS: usize = 6;

/// Floating-point operations a second of a large product, with the threads that are set.
fn matmul_peak(kind: Kind, device: Device) -> Result<f64, tch::TchError> {
    let _guard = tch::no_grad_guard();
    let Work { side, products } = Work::on(device);
    // random numbers: a GPU draws less power, and runs faster, on constant ones
    let a = Tensor::f_randn([side, side], (kind, device))?;
    let b = Tensor::f_randn([side, side], (kind, device))?;
    let mut best = f64::INFINITY;
    for _ in 0..REPEATS {
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

/// The number type for the products, and its peak. 16 bits must be clearly faster to be worth their
/// rounding.
pub(crate) fn choose(
    wanted: Precision,
    device: Device,
) -> Result<(Precision, Kind, f64), tch::TchError> {
    let fp32 = || {
        Ok((
            Precision::Fp32,
            Kind::Float,
            matmul_peak(Kind::Float, device)?,
        ))
    };
    let bf16 = || {
        let peak = matmul_peak(Kind::BFloat16, device)?;
        Ok((Precision::Bf16, Kind::BFloat16, peak))
    };
    match wanted {
        Precision::Fp32 => fp32(),
        Precision::Bf16 => bf16(),
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
