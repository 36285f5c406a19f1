//! What is left of shared memory on this machine.

use std::fs;

/// Every place on this machine where something of this name is left: open
/// files and mappings of all processes that can be looked at, sockets, and
/// files of shared memory.
pub fn traces(name: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut look = |place: String, text: String| {
        let lines = text.lines().filter(|line| line.contains(name));
        found.extend(lines.map(|line| format!("{place}: {line}")));
    };
    look(
        "sockets".into(),
        fs::read_to_string("/proc/net/unix").unwrap_or_default(),
    );
    for folder in ["/dev/shm", "/tmp", "/run"] {
        look(folder.into(), names(folder));
    }
    let processes = names("/proc");
    for pid in processes.lines().filter(|pid| pid.parse::<u32>().is_ok()) {
        // A process may end while it is looked at; then it holds nothing.
        let maps = fs::read_to_string(format!("/proc/{pid}/maps"));
        look(format!("mapped by {pid}"), maps.unwrap_or_default());
        for file in names(&format!("/proc/{pid}/fd")).lines() {
            let target = fs::read_link(format!("/proc/{pid}/fd/{file}"));
            let target = target.map(|target| target.display().to_string());
            look(format!("open in {pid}"), target.unwrap_or_default());
        }
    }
    found
}

fn names(folder: &str) -> String {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.fold(String::new(), |names, entry| {
        names + &entry.file_name().to_string_lossy() + "\n"
    })
}
