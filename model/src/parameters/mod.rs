//! The weights: one flat buffer of 32-bit floats, and named views into it.
//!
//! One buffer makes the optimizer a handful of whole-buffer operations, a bf16 copy one conversion, and a
//! reduction between machines one message. Parameters are laid out by [`Role`], so that what the matrix
//! products use in 16 bits is a prefix of the buffer, and what AdamW treats alike lies together.

#[cfg(test)]
mod tests;

use std::ops::Range;

use rand_distr::{Distribution, Normal};
use tch::{Device, Kind, Tensor};

use crate::Error;
use crate::random::stream;

/// What a parameter is for. The order is the order in the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    /// Factor of a matrix product: computed in the products' number type, decays.
    Matrix,
    /// The last matrix, to the logits: as the others, but see [`crate::parametrisation`].
    Head,
    /// The first layer, on raw features whose small differences matter: 32 bits, decays.
    Features,
    /// Rows looked up by index: 32 bits, does not decay.
    Embedding,
    /// Factor of a normalisation: 32 bits, does not decay, starts at 1.
    Gain,
    /// Summand: 32 bits, does not decay, starts at 0.
    Bias,
}

impl Role {
    /// All roles, in their order.
    pub(crate) const ALL: [Role; 6] = [
        Role::Matrix,
        Role::Head,
        Role::Features,
        Role::Embedding,
        Role::Gain,
        Role::Bias,
    ];

    /// Whether it is a factor of a matrix product in the products' number type.
    fn is_factor(self) -> bool {
        matches!(self, Role::Matrix | Role::Head)
    }
}

/// Handle of a parameter: its index in the order in which they were declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Id(usize);

/// A parameter's name, shape, place and start.
#[derive(Clone, Debug)]
pub(crate) struct Spec {
    pub(crate) name: String,
    pub(crate) shape: Vec<i64>,
    pub(crate) role: Role,
    /// Standard deviation of the normal distribution that it starts from; unused for gains and biases.
    pub(crate) deviation: f64,
    /// First element in the flat buffer.
    pub(crate) offset: i64,
}

impl Spec {
    /// Number of elements.
    pub(crate) fn len(&self) -> i64 {
        self.shape.iter().product()
    }

    /// Its elements in the flat buffer.
    pub(crate) fn range(&self) -> Range<usize> {
        self.offset as usize..(self.offset + self.len()) as usize
    }

    /// Its shape, as files spell it.
    pub(crate) fn dimensions(&self) -> Vec<usize> {
        self.shape.iter().map(|&n| n as usize).collect()
    }
}

/// The parameters of a network, without values.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layout {
    specs: Vec<Spec>,
    total: i64,
    matrices: i64,
}

impl Layout {
    /// Adds a parameter; places are given out by [`Layout::place`].
    pub(crate) fn declare(&mut self, name: &str, shape: &[i64], role: Role, deviation: f64) -> Id {
        self.specs.push(Spec {
            name: name.to_owned(),
            shape: shape.to_vec(),
            role,
            deviation,
            offset: 0,
        });
        Id(self.specs.len() - 1)
    }

    /// Gives every parameter its place in the buffer, by role and then by declaration.
    pub(crate) fn place(&mut self) {
        let mut offset = 0;
        for role in Role::ALL {
            for spec in self.specs.iter_mut().filter(|spec| spec.role == role) {
                spec.offset = offset;
                offset += spec.len();
            }
            if role.is_factor() {
                self.matrices = offset;
            }
        }
        self.total = offset;
    }

    /// All parameters, in order of declaration.
    pub(crate) fn specs(&self) -> &[Spec] {
        &self.specs
    }

    /// Elements of the whole buffer.
    pub(crate) fn total(&self) -> i64 {
        self.total
    }

    /// The part of the buffer that each role has: first element and length, empty ones left out.
    pub(crate) fn segments(&self) -> Vec<(Role, i64, i64)> {
        let length = |role| -> i64 {
            let own = self.specs.iter().filter(|spec| spec.role == role);
            own.map(Spec::len).sum()
        };
        let mut offset = 0;
        let mut segments = Vec::new();
        for role in Role::ALL {
            let length = length(role);
            if length > 0 {
                segments.push((role, offset, length));
            }
            offset += length;
        }
        segments
    }

    /// Fresh values of the whole buffer, a function of `seed` alone.
    pub(crate) fn initial(&self, seed: u64) -> Vec<f32> {
        let mut values = vec![0.0_f32; self.total as usize];
        for (index, spec) in self.specs.iter().enumerate() {
            let values = &mut values[spec.range()];
            match spec.role {
                Role::Gain => values.fill(1.0),
                Role::Bias => values.fill(0.0),
                Role::Matrix | Role::Head | Role::Features | Role::Embedding => {
                    let mut rng = stream(seed, index as u64);
                    if let Ok(normal) = Normal::new(0.0, spec.deviation) {
                        for value in values {
                            *value = normal.sample(&mut rng) as f32;
                        }
                    }
                }
            }
        }
        values
    }
}

/// The weights of a network on a device.
pub(crate) struct Parameters {
    layout: Layout,
    /// All weights, 32 bits.
    flat: Tensor,
    /// The matrices once more, in 16 bits, where products are done in 16 bits.
    low: Option<Tensor>,
    /// A view a parameter, into `low` or `flat`, in order of declaration.
    views: Vec<Tensor>,
    /// Number type of the matrix products.
    kind: Kind,
}

impl Parameters {
    /// Puts `values` (the whole flat buffer) on a device. `kind` is the matrices' number type,
    /// `Kind::Float` or `Kind::BFloat16`; `trainable` asks for gradients.
    pub(crate) fn new(
        layout: Layout,
        values: &[f32],
        device: Device,
        kind: Kind,
        trainable: bool,
    ) -> Result<Parameters, Error> {
        let torch = Error::torch("placing the weights");
        let _guard = tch::no_grad_guard();
        let flat = Tensor::f_from_slice(values)
            .and_then(|t| t.f_to_device(device))
            .map_err(&torch)?;
        let mut parameters = Parameters {
            layout,
            flat,
            low: None,
            views: Vec::new(),
            kind,
        };
        parameters.view(trainable).map_err(&torch)?;
        Ok(parameters)
    }

    fn view(&mut self, trainable: bool) -> Result<(), tch::TchError> {
        let matrices = self.layout.matrices;
        if self.kind != Kind::Float {
            let matrices = self.flat.f_narrow(0, 0, matrices)?;
            self.low = Some(matrices.f_to_kind(self.kind)?);
        }
        self.views.clear();
        for spec in &self.layout.specs {
            let buffer = match (&self.low, spec.role) {
                (Some(low), role) if role.is_factor() => low,
                _ => &self.flat,
            };
            let view = buffer
                .f_narrow(0, spec.offset, spec.len())?
                .f_view(spec.shape.as_slice())?
                .f_detach()?
                .f_set_requires_grad(trainable)?;
            self.views.push(view);
        }
        Ok(())
    }

    /// A parameter's value, for the forward pass.
    pub(crate) fn get(&self, id: Id) -> &Tensor {
        &self.views[id.0]
    }

    /// The layout.
    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Number type of the matrix products.
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// The device that the weights are on.
    pub(crate) fn device(&self) -> Device {
        self.flat.device()
    }

    /// The flat buffer, to be changed in place; call [`Parameters::refresh`] after it.
    pub(crate) fn flat(&mut self) -> &mut Tensor {
        &mut self.flat
    }

    /// Brings the 16-bit copy up to date.
    pub(crate) fn refresh(&mut self) -> Result<(), tch::TchError> {
        if let Some(low) = &mut self.low {
            let _guard = tch::no_grad_guard();
            low.f_copy_(&self.flat.f_narrow(0, 0, self.layout.matrices)?)?;
        }
        Ok(())
    }

    /// The flat buffer on the host.
    pub(crate) fn values(&self) -> Result<Vec<f32>, tch::TchError> {
        to_host(&self.flat)
    }

    /// Zeros in the shape of the flat buffer.
    pub(crate) fn zeros(&self) -> Result<Tensor, tch::TchError> {
        let _guard = tch::no_grad_guard();
        self.flat.f_zeros_like()
    }

    /// Gradient of `loss` by the flat buffer, 32 bits, flat.
    pub(crate) fn gradient(&self, loss: &Tensor) -> Result<Tensor, tch::TchError> {
        let gradients = Tensor::f_run_backward(&[loss], &self.views, false, false)?;
        let _guard = tch::no_grad_guard();
        let mut order: Vec<usize> = (0..gradients.len()).collect();
        order.sort_by_key(|&i| self.layout.specs[i].offset);
        let gradient = |role: fn(Role) -> bool| -> Result<Option<Tensor>, tch::TchError> {
            let pieces = order
                .iter()
                .filter(|&&i| role(self.layout.specs[i].role))
                .map(|&i| gradients[i].f_reshape([-1]))
                .collect::<Result<Vec<_>, _>>()?;
            if pieces.is_empty() {
                return Ok(None);
            }
            Tensor::f_cat(&pieces, 0)?.f_to_kind(Kind::Float).map(Some)
        };
        let parts = [
            gradient(Role::is_factor)?,
            gradient(|role| !role.is_factor())?,
        ];
        let parts: Vec<Tensor> = parts.into_iter().flatten().collect();
        Tensor::f_cat(&parts, 0)
    }
}

/// A tensor of 32-bit floats as numbers on the host, in row-major order.
pub(crate) fn to_host(tensor: &Tensor) -> Result<Vec<f32>, tch::TchError> {
    let tensor = tensor
        .f_detach()?
        .f_to_device(Device::Cpu)?
        .f_to_kind(Kind::Float)?
        .f_contiguous()?;
    let mut values = vec![0.0; tensor.numel()];
    let count = values.len();
    tensor.f_copy_data(&mut values, count)?;
    Ok(values)
}
