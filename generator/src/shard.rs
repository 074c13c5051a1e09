//! One sample as a row of a Parquet file, and the file.
//!
//! The trajectory is stored as 32-bit floats on its regular grid: `values` holds the states row-major,
//! the times run evenly from `t0` to `t1`. Constants, the initial state and the two times are 64-bit.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::builder::{Float32Builder, Float64Builder, ListBuilder, UInt8Builder};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, UInt8Type, UInt64Type};
use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray, UInt8Array, UInt64Array};
use nsode_parser::print::infix;
use nsode_parser::{Names, Skeleton, Token};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::WriterProperties;
use sha2::{Digest, Sha256};

use crate::config::valid::hex;
use crate::manifest::settle;
use crate::sampler::grid;
use crate::{Error, Sample, Trajectory};

/// A sample as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Number of the sample in its distribution.
    pub index: u64,
    /// Seed of the distribution.
    pub seed: u64,
    /// Number of states `D`.
    pub dimension: u8,
    /// The skeleton as text, `c0*y + c1*y^2`; equations separated by `; `.
    pub skeleton: String,
    /// The law as text, with its constants.
    pub law: String,
    /// Ids of the skeleton's tokens.
    pub tokens: Vec<u8>,
    /// Constants in slot order.
    pub constants: Vec<f64>,
    /// State at `t0`.
    pub initial: Vec<f64>,
    /// First time.
    pub t0: f64,
    /// Last time.
    pub t1: f64,
    /// States on the regular grid, row-major `n × D`.
    pub values: Vec<f32>,
}

impl Row {
    /// The row of a sample from the distribution with `seed`.
    pub fn new(sample: &Sample, seed: u64) -> Row {
        let dimension = sample.system.dimension();
        let names = Names::default_for(dimension);
        let text = |system: &nsode_parser::System| {
            let laws: Vec<String> = system.rhs().iter().map(|e| infix(e, &names)).collect();
            laws.join("; ")
        };
        let times = sample.trajectory.times();
        Row {
            index: sample.index,
            seed,
            dimension: dimension as u8,
            skeleton: text(&sample.skeleton.template()),
            law: text(&sample.system.to_system()),
            tokens: sample.skeleton.tokens().iter().map(|t| t.id()).collect(),
            constants: sample.constants.clone(),
            initial: sample.initial.clone(),
            t0: times.first().copied().unwrap_or(0.0),
            t1: times.last().copied().unwrap_or(0.0),
            values: sample
                .trajectory
                .states()
                .iter()
                .map(|&v| v as f32)
                .collect(),
        }
    }

    /// The sample again; its trajectory has the precision of 32-bit floats but for the initial state.
    ///
    /// # Errors
    /// A message for a row that is no sample.
    pub fn sample(&self) -> Result<Sample, String> {
        let dimension = usize::from(self.dimension);
        let tokens: Option<Vec<Token>> = self.tokens.iter().map(|&id| Token::from_id(id)).collect();
        let tokens = tokens.ok_or("an unknown token")?;
        let skeleton = Skeleton::parse(dimension, &tokens).map_err(|e| e.to_string())?;
        let system = skeleton
            .instantiate(&self.constants)
            .map_err(|e| e.to_string())?;
        if self.initial.len() != dimension || dimension == 0 {
            return Err(format!(
                "{} initial values of {dimension} states",
                self.initial.len()
            ));
        }
        let times = grid(self.t0, self.t1, self.values.len() / dimension);
        let mut states: Vec<f64> = self.values.iter().map(|&v| f64::from(v)).collect();
        for (state, exact) in states.iter_mut().zip(&self.initial) {
            *state = *exact;
        }
        let trajectory = Trajectory::new(dimension, times, states).map_err(|e| e.to_string())?;
        Ok(Sample {
            index: self.index,
            system,
            skeleton,
            constants: self.constants.clone(),
            initial: self.initial.clone(),
            trajectory,
        })
    }
}

/// Columns of a batch of rows, in the order of the fields of [`Row`].
fn batch(rows: &[Row]) -> Result<RecordBatch, arrow_schema::ArrowError> {
    let mut tokens = ListBuilder::new(UInt8Builder::new());
    let mut constants = ListBuilder::new(Float64Builder::new());
    let mut initial = ListBuilder::new(Float64Builder::new());
    let mut values = ListBuilder::new(Float32Builder::new());
    for row in rows {
        tokens.values().append_slice(&row.tokens);
        tokens.append(true);
        constants.values().append_slice(&row.constants);
        constants.append(true);
        initial.values().append_slice(&row.initial);
        initial.append(true);
        values.values().append_slice(&row.values);
        values.append(true);
    }
    let text = |of: fn(&Row) -> &str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(rows.iter().map(of)))
    };
    let whole = |of: fn(&Row) -> u64| -> ArrayRef {
        Arc::new(UInt64Array::from_iter_values(rows.iter().map(of)))
    };
    let real = |of: fn(&Row) -> f64| -> ArrayRef {
        Arc::new(Float64Array::from_iter_values(rows.iter().map(of)))
    };
    let dimension = UInt8Array::from_iter_values(rows.iter().map(|r| r.dimension));
    RecordBatch::try_from_iter([
        ("index", whole(|r| r.index)),
        ("seed", whole(|r| r.seed)),
        ("dimension", Arc::new(dimension) as ArrayRef),
        ("skeleton", text(|r| &r.skeleton)),
        ("law", text(|r| &r.law)),
        ("tokens", Arc::new(tokens.finish()) as ArrayRef),
        ("constants", Arc::new(constants.finish()) as ArrayRef),
        ("initial", Arc::new(initial.finish()) as ArrayRef),
        ("t0", real(|r| r.t0)),
        ("t1", real(|r| r.t1)),
        ("values", Arc::new(values.finish()) as ArrayRef),
    ])
}

/// Rows of a batch.
fn rows(batch: &RecordBatch) -> Option<Vec<Row>> {
    let column = |name: &str| batch.column_by_name(name);
    let index = column("index")?.as_primitive_opt::<UInt64Type>()?;
    let seed = column("seed")?.as_primitive_opt::<UInt64Type>()?;
    let dimension = column("dimension")?.as_primitive_opt::<UInt8Type>()?;
    let skeleton = column("skeleton")?.as_string_opt::<i32>()?;
    let law = column("law")?.as_string_opt::<i32>()?;
    let tokens = column("tokens")?.as_list_opt::<i32>()?;
    let constants = column("constants")?.as_list_opt::<i32>()?;
    let initial = column("initial")?.as_list_opt::<i32>()?;
    let t0 = column("t0")?.as_primitive_opt::<Float64Type>()?;
    let t1 = column("t1")?.as_primitive_opt::<Float64Type>()?;
    let values = column("values")?.as_list_opt::<i32>()?;
    (0..batch.num_rows())
        .map(|i| {
            let reals = |list: ArrayRef| -> Option<Vec<f64>> {
                Some(list.as_primitive_opt::<Float64Type>()?.values().to_vec())
            };
            Some(Row {
                index: index.value(i),
                seed: seed.value(i),
                dimension: dimension.value(i),
                skeleton: skeleton.value(i).to_string(),
                law: law.value(i).to_string(),
                tokens: tokens
                    .value(i)
                    .as_primitive_opt::<UInt8Type>()?
                    .values()
                    .to_vec(),
                constants: reals(constants.value(i))?,
                initial: reals(initial.value(i))?,
                t0: t0.value(i),
                t1: t1.value(i),
                values: values
                    .value(i)
                    .as_primitive_opt::<Float32Type>()?
                    .values()
                    .to_vec(),
            })
        })
        .collect()
}

/// Hashes and counts what passes through.
struct Hashing<W> {
    inner: W,
    hash: Sha256,
    bytes: u64,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(buffer)?;
        self.hash.update(buffer.get(..written).unwrap_or(buffer));
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Writes one shard under a temporary name; only [`ShardWriter::finish`] gives it its own. Dropped
/// before, it removes what it wrote.
pub struct ShardWriter {
    path: PathBuf,
    partial: PathBuf,
    writer: Option<ArrowWriter<Hashing<BufWriter<File>>>>,
}

impl ShardWriter {
    /// Starts a shard that will be at `path`.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Shard`].
    pub fn create(path: &Path) -> Result<ShardWriter, Error> {
        let partial = path.with_extension("parquet.partial");
        let file = File::create(&partial).map_err(|e| Error::io(&partial, e))?;
        let sink = Hashing {
            inner: BufWriter::new(file),
            hash: Sha256::new(),
            bytes: 0,
        };
        let failed = |e: &dyn std::fmt::Display| Error::shard(path, e);
        let level = ZstdLevel::try_new(3).map_err(|e| failed(&e))?;
        let plain = |name: &str| {
            parquet::schema::types::ColumnPath::from(
                name.split('.').map(str::to_string).collect::<Vec<_>>(),
            )
        };
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(level))
            .set_created_by(concat!("nsode ", env!("CARGO_PKG_VERSION")).to_string())
            .set_max_row_group_row_count(Some(8192))
            // Every value is different.
            .set_column_dictionary_enabled(plain("index"), false)
            .set_column_dictionary_enabled(plain("law"), false)
            .set_column_dictionary_enabled(plain("constants.list.item"), false)
            .set_column_dictionary_enabled(plain("values.list.item"), false)
            // Signs and exponents of a smooth path repeat; apart from the mantissas they compress.
            .set_column_encoding(plain("values.list.item"), Encoding::BYTE_STREAM_SPLIT)
            .build();
        let schema = batch(&[]).map_err(|e| failed(&e))?.schema();
        let writer =
            ArrowWriter::try_new(sink, schema, Some(properties)).map_err(|e| failed(&e))?;
        Ok(ShardWriter {
            path: path.to_path_buf(),
            partial,
            writer: Some(writer),
        })
    }

    /// Appends rows.
    ///
    /// # Errors
    /// [`Error::Shard`], such as for a full disk.
    pub fn write(&mut self, rows: &[Row]) -> Result<(), Error> {
        let Some(writer) = &mut self.writer else {
            return Err(Error::shard(&self.path, "already finished"));
        };
        let columns = batch(rows).map_err(|e| Error::shard(&self.path, e))?;
        writer
            .write(&columns)
            .map_err(|e| Error::shard(&self.path, e))
    }

    /// Makes the shard durable under its name. Returns its size in bytes and its SHA-256.
    ///
    /// # Errors
    /// [`Error::Shard`] or [`Error::Io`].
    pub fn finish(mut self) -> Result<(u64, String), Error> {
        let Some(writer) = self.writer.take() else {
            return Err(Error::shard(&self.path, "already finished"));
        };
        let sink = writer.into_inner();
        let sink = sink.map_err(|e| Error::shard(&self.path, e));
        let Hashing { inner, hash, bytes } = self.or_remove(sink)?;
        let file = inner
            .into_inner()
            .map_err(|e| Error::io(&self.partial, e.into_error()));
        let file = self.or_remove(file)?;
        let settled = settle(&file, &self.partial, &self.path);
        self.or_remove(settled)?;
        Ok((bytes, hex(&hash.finalize())))
    }

    fn or_remove<T>(&self, result: Result<T, Error>) -> Result<T, Error> {
        if result.is_err() {
            let _ = std::fs::remove_file(&self.partial);
        }
        result
    }
}

impl Drop for ShardWriter {
    fn drop(&mut self) {
        if self.writer.take().is_some() {
            let _ = std::fs::remove_file(&self.partial);
        }
    }
}

/// The rows of one shard, in order, a few thousand in memory.
pub struct ShardReader {
    path: PathBuf,
    batches: ParquetRecordBatchReader,
    ready: std::vec::IntoIter<Row>,
}

impl ShardReader {
    /// Opens a shard.
    ///
    /// # Errors
    /// [`Error::Io`], or [`Error::Shard`] for a file that is no shard.
    pub fn open(path: &Path) -> Result<ShardReader, Error> {
        let file = File::open(path).map_err(|e| Error::io(path, e))?;
        let builder = ParquetRecordBatchReaderBuilder::try_new(file);
        let batches = builder
            .and_then(|b| b.with_batch_size(1024).build())
            .map_err(|e| Error::shard(path, e))?;
        Ok(ShardReader {
            path: path.to_path_buf(),
            batches,
            ready: Vec::new().into_iter(),
        })
    }
}

impl Iterator for ShardReader {
    type Item = Result<Row, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(row) = self.ready.next() {
                return Some(Ok(row));
            }
            let read = match self.batches.next()? {
                Ok(batch) => {
                    rows(&batch).ok_or_else(|| Error::shard(&self.path, "columns of another kind"))
                }
                Err(e) => Err(Error::shard(&self.path, e)),
            };
            match read {
                Ok(rows) => self.ready = rows.into_iter(),
                Err(e) => return Some(Err(e)),
            }
        }
    }
}
