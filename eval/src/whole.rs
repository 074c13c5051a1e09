//! Files that are written whole or not at all.

use std::fs::File;
use std::io::{BufWriter, ErrorKind, Result, Write};
use std::path::Path;

use tempfile::NamedTempFile;

/// Puts `bytes` into `file`, as [`fill`] does.
///
/// # Errors
/// As [`fill`].
pub fn write(file: &Path, bytes: &[u8]) -> Result<()> {
    fill(file, |out| out.write_all(bytes))
}

/// Fills `file` by `write`: beside it, then renamed, so that a reader sees the old content or the new one, and after an
/// error or a crash there is the old one. A link stays a link.
///
/// # Errors
/// That of `write`, or what kept the file from being made, flushed or renamed.
pub fn fill(file: &Path, write: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<()> {
    if file.is_dir() {
        return Err(ErrorKind::IsADirectory.into());
    }
    let target = file.canonicalize().unwrap_or_else(|_| file.to_path_buf());
    let mut out = BufWriter::new(temporary(folder(&target))?);
    write(&mut out)?;
    let out = out.into_inner().map_err(|e| e.into_error())?;
    out.as_file().sync_all()?;
    out.persist(&target).map_err(|e| e.error)?;
    // The new name, too, is to survive a crash; not every file system can be asked for that, and the file is there.
    if let Ok(folder) = File::open(folder(&target)) {
        folder.sync_all().ok();
    }
    Ok(())
}

/// The directory that `file` is in.
pub fn folder(file: &Path) -> &Path {
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// A new file in `folder`, removed when it is dropped, with the permissions of any new file.
///
/// # Errors
/// What keeps files from being made there.
pub fn temporary(folder: &Path) -> Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".nsode-").suffix(".tmp");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // What the umask leaves of it, where the default would be the owner's alone.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    // The kind alone: the path in tempfile's words is not one that the user gave.
    builder.tempfile_in(folder).map_err(|e| e.kind().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_content_or_the_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.txt");
        write(&file, b"old").unwrap();
        write(&file, b"new").unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"new");
        assert_eq!(
            write(folder.path(), b"x").unwrap_err().kind(),
            ErrorKind::IsADirectory
        );
        let missing = folder.path().join("none").join("a.txt");
        assert_eq!(
            write(&missing, b"x").unwrap_err().kind(),
            ErrorKind::NotFound
        );
        // Nothing else is left behind.
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("a.txt"), folder.path().join("link"));
        write(&file, b"old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        write(&link, b"new").unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"new");
        assert!(link.is_symlink());
    }
}
