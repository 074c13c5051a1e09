//! One Parquet file of a corpus: written under a temporary name and only renamed when it is whole and
//! durable, read row by row.
//!
//! The file is a function of its rows: they are handed to Parquet in pieces of one size, so that pages
//! end where they end however the rows came. Its footer holds the shard's statistics beside Parquet's own.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::FileReader;
use parquet::file::serialized_reader::SerializedFileReader;
use sha2::{Digest, Sha256};

use crate::Error;
use crate::config::valid::hex;
use crate::manifest::settle;
use crate::row::{Row, batch, rows};
use crate::statistics::ShardStatistics;

/// Key of the statistics in the footer.
const STATISTICS: &str = "nsode.statistics";
/// Rows that go to Parquet at once.
const PIECE: usize = 1024;
/// Rows that are compressed together.
const GROUP: usize = 8192;
/// So often a file that vanished while it was being locked is opened anew.
const CLAIMS: usize = 16;

/// Name of shard `number`.
pub fn shard_name(number: u64) -> String {
    format!("shard-{number:05}.parquet")
}

/// Name under which shard `number` is written.
pub(crate) fn partial_name(number: u64) -> String {
    format!("{}.partial", shard_name(number))
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

/// A file that is removed when it is dropped, unless it has got its name.
struct Partial {
    path: PathBuf,
    partial: PathBuf,
    keep: bool,
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.keep {
            let _ = std::fs::remove_file(&self.partial);
        }
    }
}

/// Opens the temporary file of a shard, empty, for this process alone.
fn claim(partial: &Path) -> Result<File, Error> {
    for _ in 0..CLAIMS {
        let file = lock(partial)?;
        // Between opening and locking, another process may have given the file its name, or removed it.
        if has_name(&file, partial).map_err(|e| Error::io(partial, e))? {
            file.set_len(0).map_err(|e| Error::io(partial, e))?;
            return Ok(file);
        }
    }
    Err(Error::InUse {
        path: partial.to_path_buf(),
    })
}

/// Whether a path still leads to an open file.
#[cfg(unix)]
fn has_name(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let open = file.metadata()?;
    match std::fs::symlink_metadata(path) {
        Ok(named) => Ok((named.dev(), named.ino()) == (open.dev(), open.ino())),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(false),
        Err(e) => Err(e),
    }
}

/// Where an open file can be neither renamed nor removed, it keeps its name.
#[cfg(not(unix))]
fn has_name(_: &File, _: &Path) -> io::Result<bool> {
    Ok(true)
}

/// Opens a file, its contents as they are, and locks it.
fn lock(partial: &Path) -> Result<File, Error> {
    let failed = |e| Error::io(partial, e);
    let options = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(partial);
    let file = options.map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(Error::InUse {
                path: partial.to_path_buf(),
            });
        }
        // A file system without locks: who starts a part twice is on their own.
        Err(TryLockError::Error(e)) if e.kind() == ErrorKind::Unsupported => {}
        Err(TryLockError::Error(e)) => return Err(failed(e)),
    }
    Ok(file)
}

/// Removes what an earlier run that was killed has left of a shard.
///
/// # Errors
/// [`Error::InUse`] if that run is still there; [`Error::Io`].
pub(crate) fn remove_partial(partial: &Path) -> Result<(), Error> {
    if !partial.exists() {
        return Ok(());
    }
    let claimed = claim(partial)?;
    let removed = std::fs::remove_file(partial).map_err(|e| Error::io(partial, e));
    // Not before: another process could claim the file, and lose it.
    drop(claimed);
    removed
}

/// What Parquet says; what the disk said, if that is the reason.
fn failure(path: &Path, error: ParquetError) -> Error {
    match error {
        ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(source) => Error::io(path, *source),
            Err(source) => Error::shard(path, source),
        },
        error => Error::shard(path, error),
    }
}

/// Writes one shard. Dropped before [`ShardWriter::finish`], it removes what it wrote.
pub struct ShardWriter {
    // Fields are dropped in this order: the file is removed while it is still locked.
    file: Partial,
    writer: ArrowWriter<Hashing<BufWriter<File>>>,
    piece: Vec<Row>,
}

/// A shard that is written but not yet durable, and has no name yet. Dropped, it is removed.
pub struct Finished {
    // Before the lock on `out`, as in `ShardWriter`.
    file: Partial,
    out: File,
    bytes: u64,
    sha256: String,
}

impl ShardWriter {
    /// Starts shard `number` in `directory`.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::InUse`] if another process is writing it; [`Error::Shard`].
    pub fn create(directory: &Path, number: u64) -> Result<ShardWriter, Error> {
        let partial = directory.join(partial_name(number));
        let out = claim(&partial)?;
        let file = Partial {
            path: directory.join(shard_name(number)),
            partial,
            keep: false,
        };
        let sink = Hashing {
            inner: BufWriter::new(out),
            hash: Sha256::new(),
            bytes: 0,
        };
        let schema = batch(&[])
            .map_err(|e| Error::shard(&file.path, e))?
            .schema();
        let writer = properties()
            .and_then(|properties| ArrowWriter::try_new(sink, schema, Some(properties)))
            .map_err(|e| failure(&file.partial, e))?;
        Ok(ShardWriter {
            writer,
            piece: Vec::with_capacity(PIECE),
            file,
        })
    }

    /// Appends a row.
    ///
    /// # Errors
    /// [`Error::Io`], such as for a full disk, or [`Error::Shard`].
    pub fn push(&mut self, row: Row) -> Result<(), Error> {
        self.piece.push(row);
        if self.piece.len() == PIECE {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Error> {
        let columns = batch(&self.piece).map_err(|e| Error::shard(&self.file.path, e))?;
        self.piece.clear();
        let written = self.writer.write(&columns);
        written.map_err(|e| failure(&self.file.partial, e))
    }

    /// Writes what is left, and the footer.
    ///
    /// # Errors
    /// As [`ShardWriter::push`].
    pub fn finish(mut self, statistics: &ShardStatistics) -> Result<Finished, Error> {
        self.flush()?;
        let ShardWriter {
            mut writer, file, ..
        } = self;
        let text = serde_json::to_string(statistics).map_err(|e| Error::shard(&file.path, e))?;
        writer.append_key_value_metadata(KeyValue::new(STATISTICS.to_string(), text));
        let sink = writer.into_inner().map_err(|e| failure(&file.partial, e))?;
        let Hashing { inner, hash, bytes } = sink;
        let out = inner
            .into_inner()
            .map_err(|e| Error::io(&file.partial, e.into_error()))?;
        Ok(Finished {
            out,
            bytes,
            sha256: hex(&hash.finalize()),
            file,
        })
    }
}

impl Finished {
    /// Makes the shard durable under its name. Returns its size in bytes and its SHA-256.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn settle(mut self) -> Result<(u64, String), Error> {
        settle(&self.out, &self.file.partial, &self.file.path)?;
        self.file.keep = true;
        Ok((self.bytes, std::mem::take(&mut self.sha256)))
    }
}

fn properties() -> Result<WriterProperties, ParquetError> {
    let column = |name: &str| {
        let parts: Vec<String> = name.split('.').map(str::to_string).collect();
        parquet::schema::types::ColumnPath::from(parts)
    };
    Ok(WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
        .set_created_by(concat!("nsode ", env!("CARGO_PKG_VERSION")).to_string())
        .set_max_row_group_row_count(Some(GROUP))
        // Every value is different.
        .set_column_dictionary_enabled(column("index"), false)
        .set_column_dictionary_enabled(column("law"), false)
        .set_column_dictionary_enabled(column("constants.list.item"), false)
        .set_column_dictionary_enabled(column("values.list.item"), false)
        // Signs and exponents of a smooth path repeat; apart from the mantissas they compress.
        .set_column_encoding(column("values.list.item"), Encoding::BYTE_STREAM_SPLIT)
        .build())
}

/// The statistics in the footer of a shard.
///
/// # Errors
/// [`Error::Io`], or [`Error::Shard`] for a file that is no shard of this version.
pub(crate) fn footer(path: &Path) -> Result<ShardStatistics, Error> {
    let file = File::open(path).map_err(|e| Error::io(path, e))?;
    let reader = SerializedFileReader::new(file).map_err(|e| failure(path, e))?;
    let pairs = reader.metadata().file_metadata().key_value_metadata();
    let pair = pairs.and_then(|pairs| pairs.iter().find(|pair| pair.key == STATISTICS));
    let text = pair.and_then(|pair| pair.value.as_deref());
    let text = text.ok_or_else(|| Error::shard(path, "no statistics in its footer"))?;
    serde_json::from_str(text).map_err(|e| Error::shard(path, format!("its statistics: {e}")))
}

/// The rows of one shard, in order, a thousand in memory.
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
            .and_then(|b| b.with_batch_size(PIECE).build())
            .map_err(|e| failure(path, e))?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locked_file_is_ours_only_while_it_has_its_name() {
        let directory = tempfile::tempdir().unwrap();
        let (partial, shard) = (
            directory.path().join("a.partial"),
            directory.path().join("a"),
        );
        std::fs::write(&partial, b"whole").unwrap();
        let late = lock(&partial).unwrap();
        assert!(has_name(&late, &partial).unwrap());
        // Renamed by the one who made it.
        std::fs::rename(&partial, &shard).unwrap();
        assert!(!has_name(&late, &partial).unwrap());
        // And begun anew by a third.
        let third = claim(&partial).unwrap();
        assert!(!has_name(&late, &partial).unwrap());
        assert!(matches!(claim(&partial), Err(Error::InUse { .. })));
        assert!(matches!(remove_partial(&partial), Err(Error::InUse { .. })));
        drop(third);
        remove_partial(&partial).unwrap();
        assert!(!partial.exists());
        assert_eq!(std::fs::read(&shard).unwrap(), b"whole");
    }
}
