//! Files that are written whole or not at all.

use std::io::{ErrorKind, Result, Write};
use std::path::Path;

/// Puts `bytes` into `file`: written beside it and renamed, so that a reader sees the old content or the new
/// one, and after an error it is the old one. A link stays a link.
pub(crate) fn write(file: &Path, bytes: &[u8]) -> Result<()> {
    if file.is_dir() {
        return Err(ErrorKind::IsADirectory.into());
    }
    let target = file.canonicalize().unwrap_or_else(|_| file.to_path_buf());
    let folder = match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".nsode-").suffix(".tmp");
    #[cfg(unix)]
    {
        // As any new file: readable by whom the umask says, not by the owner alone.
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    // The kind alone: the path in tempfile's words is not one that the user gave.
    let mut temporary = builder
        .tempfile_in(folder)
        .map_err(|e| std::io::Error::from(e.kind()))?;
    temporary.write_all(bytes)?;
    temporary.as_file().sync_all()?;
    temporary.persist(&target).map_err(|e| e.error)?;
    Ok(())
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
