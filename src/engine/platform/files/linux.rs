//! Files on Linux.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::{CWD, OFlags, RenameFlags, renameat_with, statfs, statvfs, syncfs};
use rustix::io::Errno;

use super::portable;
pub(super) use super::portable::{create_folder, remove, rename, set_len, sync};

pub(super) fn rename_no_replace(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // The file system does not know the flag: NFS, some FUSE ones, old kernels.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => portable::rename_no_replace(from, to),
        other => Ok(other?),
    }
}

// The portable form is fallible and sometimes knows nothing.
#[allow(clippy::unnecessary_wraps)]
pub(super) fn free_space(path: &Path) -> io::Result<Option<u64>> {
    let space = statvfs(path)?;
    Ok(Some(space.f_bavail.saturating_mul(space.f_frsize)))
}

/// `f_type` of NFS, SMB, SMB2, CIFS, Coda, AFS, 9P and Ceph (`statfs(2)`).
const NETWORK: [u32; 8] = [
    0x6969,
    0x517b,
    0xfe53_4d42,
    0xff53_4d42,
    0x7375_7245,
    0x5346_414f,
    0x0102_1997,
    0x00c3_6400,
];
/// That of FUSE, behind which anything may be.
const FUSE: u32 = 0x6573_5546;

pub(super) fn is_remote(path: &Path) -> bool {
    is_network(path) || kind(path) == Some(FUSE)
}

pub(super) fn is_network(path: &Path) -> bool {
    kind(path).is_some_and(|kind| NETWORK.contains(&kind))
}

// The kernel's type of the field differs between architectures; the magic numbers have 32 bits.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn kind(path: &Path) -> Option<u32> {
    statfs(path).ok().map(|stat| stat.f_type as u32)
}

pub(super) fn sync_file_system(file: &File) -> io::Result<()> {
    Ok(syncfs(file)?)
}

pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    match File::open(path)?.sync_all() {
        // Some file systems have no such thing for folders.
        Err(error) if error.raw_os_error() == Some(Errno::INVAL.raw_os_error()) => Ok(()),
        other => other,
    }
}

pub(super) fn open_plain(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY).bits();
    match options.custom_flags(flags.cast_signed()).open(path) {
        Ok(file) => portable::only_plain(file),
        // How the kernel refuses to follow a link.
        Err(error) if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => {
            Err(portable::not_plain())
        }
        Err(error) => Err(error),
    }
}

pub(super) fn read_exact_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    file.read_exact_at(buffer, offset)
}

pub(super) fn write_all_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    file.write_all_at(bytes, offset)
}
