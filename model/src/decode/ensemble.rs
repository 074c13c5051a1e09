//! The network as a [`StepModel`]: one or several readings of each problem, decoded together.
//!
//! A problem that was observed in several runs has one memory a run. Its rows are fed to all of them and
//! the scores are averaged, so the distribution of the next id is the geometric mean of what each run
//! suggests (renormalised): the runs vote, and with one run it is the network itself.

use tch::Tensor;

use super::{Scores, StepModel};
use crate::Error;
use crate::network::cache::Cache;
use crate::network::{Memory, Network};
use crate::parameters::to_host;
use crate::vocabulary::{BOS, Symbol};

/// Rows of a memory are filled up to a multiple of this: the library for the matrix products makes code for each new
/// number of rows, which takes longer than the products.
const TOGETHER: usize = 8;

/// A network that is decoding.
pub(crate) struct Ensemble<'a> {
    network: &'a Network,
    memory: Memory,
    /// First memory of each problem, and the number of memories at the end.
    first: Vec<usize>,
    cache: Option<Cache>,
    /// Rows of the cache for each memory.
    stride: usize,
    /// Of each row that the search sees: its problem, and its place among that problem's rows.
    rows: Vec<(usize, usize)>,
}

impl<'a> Ensemble<'a> {
    /// Decodes from `memory`, of which problem `p` has `members[p]` rows, in order, at least one each.
    pub(crate) fn new(network: &'a Network, memory: Memory, members: &[usize]) -> Ensemble<'a> {
        let mut first = vec![0];
        first.extend(members.iter().scan(0, |sum, count| {
            *sum += count;
            Some(*sum)
        }));
        Ensemble {
            network,
            memory,
            first,
            cache: None,
            stride: 1,
            rows: Vec::new(),
        }
    }

    fn problems(&self) -> usize {
        self.first.len() - 1
    }

    fn memories(&self) -> usize {
        self.first.last().copied().unwrap_or(0)
    }

    /// Feeds one symbol to every row of the cache, by memory and then by place, and averages.
    fn feed(&mut self, cache: &mut Cache, fed: &[Symbol]) -> Result<Scores, Error> {
        let torch = Error::torch("decoding");
        let ids: Vec<i64> = fed.iter().map(|symbol| i64::from(symbol.id)).collect();
        let upper: Vec<f32> = fed.iter().map(|symbol| symbol.upper as f32).collect();
        let column = |tensor: Tensor| {
            tensor
                .f_view([fed.len() as i64, 1])?
                .f_to_device(self.network.device())
        };
        let ids = Tensor::f_from_slice(&ids)
            .and_then(column)
            .map_err(&torch)?;
        let upper = Tensor::f_from_slice(&upper)
            .and_then(column)
            .map_err(&torch)?;
        let mut logits = to_host(&self.network.step(cache, &ids, &upper)).map_err(&torch)?;

        let columns = self.network.vocabulary();
        if self.memories() == 1 {
            logits.truncate(self.rows.len() * columns); // what is left are copies
            return Ok(Scores::new(columns, logits));
        }
        let mut values = vec![0.0; self.rows.len() * columns];
        for (&(problem, place), mean) in self.rows.iter().zip(values.chunks_exact_mut(columns)) {
            let members = self.first[problem]..self.first[problem + 1];
            let share = 1.0 / members.len() as f32;
            for member in members {
                let row = (member * self.stride + place) * columns;
                for (mean, score) in mean.iter_mut().zip(&logits[row..row + columns]) {
                    *mean += share * score;
                }
            }
        }
        Ok(Scores::new(columns, values))
    }
}

impl StepModel for Ensemble<'_> {
    type Error = Error;

    fn start(&mut self) -> Result<Scores, Error> {
        let mut cache = self.network.start(&self.memory, 1);
        self.stride = 1;
        self.rows = (0..self.problems()).map(|problem| (problem, 0)).collect();
        let fed = vec![Symbol::plain(BOS); self.memories()];
        let scores = self.feed(&mut cache, &fed);
        self.cache = Some(cache);
        scores
    }

    fn advance(&mut self, parents: &[usize], fed: &[Symbol]) -> Result<Scores, Error> {
        let Some(mut cache) = self.cache.take() else {
            return Err(Error::Observations("decoding has not started".to_owned()));
        };
        // The cache needs as many rows for each memory: short ones are filled up with copies.
        let mut children: Vec<Vec<(usize, Symbol)>> = vec![Vec::new(); self.problems()];
        let mut rows = Vec::with_capacity(parents.len());
        for (&parent, &symbol) in parents.iter().zip(fed) {
            let (problem, place) = self.rows[parent];
            rows.push((problem, children[problem].len()));
            children[problem].push((place, symbol));
        }
        let stride = children.iter().map(Vec::len).max().unwrap_or(0);
        let stride = stride.max(1).next_multiple_of(TOGETHER);
        let (mut order, mut symbols) = (Vec::new(), Vec::new());
        for (problem, children) in children.iter().enumerate() {
            let filler = children.first().copied().unwrap_or((0, Symbol::plain(BOS)));
            for member in self.first[problem]..self.first[problem + 1] {
                for place in 0..stride {
                    let (old, symbol) = children.get(place).copied().unwrap_or(filler);
                    order.push((member * self.stride + old) as i64);
                    symbols.push(symbol);
                }
            }
        }
        let same = order.len() as i64 == cache.rows()
            && order.iter().enumerate().all(|(i, &row)| row == i as i64);
        if !same {
            let order = Tensor::f_from_slice(&order).map_err(Error::torch("decoding"))?;
            self.network.reorder(&mut cache, &order);
        }
        self.stride = stride;
        self.rows = rows;
        let scores = self.feed(&mut cache, &symbols);
        self.cache = Some(cache);
        scores
    }
}
