//! What the kernel lets a client do with what it reads. A process of its own: the
//! test looks at all descriptors of the process, and other tests have some too.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod common;

use std::{fs, io::Write as _, os::fd::AsRawFd as _};

use bytes::Bytes;
use common::pair;
use synthcap_shm::Budget;

#[test]
fn the_client_cannot_write_and_nobody_can_shrink_what_it_reads() {
    // What a client receives, looked at before it is mapped: through the server's
    // own descriptor table, for here both are one process.
    let (pool, mut reader) = pair(&Budget::of_bytes(1 << 20));
    let placed = pool.place(&Bytes::from(vec![1; 100])).unwrap();
    let is_memory = |entry: &fs::DirEntry| {
        let target = fs::read_link(entry.path()).unwrap_or_default();
        target.to_string_lossy().contains("memfd:synthcap-")
    };
    // It is on its way: in the socket's queue, and in no table.
    let own = || {
        fs::read_dir("/proc/self/fd")
            .unwrap()
            .flatten()
            .filter(is_memory)
            .count()
    };
    assert_eq!(own(), 0, "descriptors are not kept");
    let lease = reader.lease(placed).unwrap();
    assert_eq!(own(), 0, "descriptors are not kept");
    assert_eq!(&*lease, [1; 100]);

    // The same through the mapping, as far as the kernel lets anybody.
    let address = format!("{:x}-", lease.as_ptr() as usize - 4096);
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let line = maps
        .lines()
        .find(|line| line.starts_with(&address))
        .unwrap();
    assert!(line.contains("r--s"), "{line}");
    let range = line.split(' ').next().unwrap();
    let path = format!("/proc/self/map_files/{range}");
    // Only a privileged process may open that, and even it must not write.
    if let Ok(mut file) = fs::OpenOptions::new().write(true).open(&path) {
        assert!(file.as_raw_fd() >= 0);
        assert!(file.set_len(0).is_err(), "shrunk");
        assert!(file.write(b"x").is_err(), "written");
    }
    assert_eq!(&*lease, [1; 100]);
}
