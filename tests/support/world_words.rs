//! The vocabulary of the random worlds. Neutral words that no detector reads, and messages of real
//! programs about real faults.

pub const VERBS: [&str; 28] = [
    "flushed", "indexed", "merged", "resolved", "scanned", "queued", "packed", "routed", "hashed",
    "rotated", "synced", "planned", "mapped", "sorted", "priced", "scored", "rendered", "exported",
    "sampled", "signed", "cached", "matched", "folded", "polled", "stamped", "shipped", "tagged",
    "parsed",
];

pub const OBJECTS: [&str; 48] = [
    "ledger", "basket", "parcel", "tariff", "beacon", "quartz", "harbor", "meadow", "copper",
    "lantern", "velvet", "saddle", "timber", "canvas", "marble", "garnet", "willow", "pepper",
    "anchor", "bramble", "cobalt", "dahlia", "ember", "falcon", "glacier", "heron", "indigo",
    "juniper", "kestrel", "lagoon", "mango", "nectar", "opal", "pewter", "quill", "raven", "sable",
    "thistle", "umber", "violet", "walnut", "yarrow", "zephyr", "atlas", "birch", "cedar", "delta",
    "fjord",
];

pub const STATES: [&str; 6] = ["green", "amber", "idle", "busy", "parked", "draining"];

/// One line is an incident.
pub const INCIDENTS: [&str; 16] = [
    "Out of memory: Killed process 4711 (java) total-vm:8123456kB, anon-rss:6023424kB",
    "panic: runtime error: invalid memory address or nil pointer dereference",
    "EXT4-fs error (device sdb1): remounting filesystem read-only",
    "Kernel panic - not syncing: Fatal exception in interrupt",
    "java.lang.OutOfMemoryError: Java heap space",
    "x509: certificate has expired or is not yet valid: current time is after 2025-06-01",
    "checksum mismatch in page 8123 of relation base/16384/2619: data is corrupt",
    "deadlock detected: process 812 waits for ShareLock on transaction 99121",
    "main process exited, code=killed, status=11/SEGV: unit entered failed state",
    "node worker-3 status is now: NotReady",
    "write error: no space left on device",
    "fatal: cannot open shared object file: libssl.so.3",
    "uncorrectable ECC error on DIMM_A1, page offlined",
    "lost quorum: only 1 of 3 members reachable",
    "segfault at 0 ip 00007f3c error 4 in libc-2.31.so",
    "assertion failed: head.next != null, aborting",
];

/// Why a request did not succeed.
pub const REFUSALS: [&str; 10] = [
    "connection refused by upstream",
    "permission denied",
    "no such table",
    "unexpected end of stream",
    "broken pipe",
    "timed out after 5000 ms",
    "disk quota exceeded",
    "invalid token",
    "remote host closed connection during handshake",
    "could not acquire lock",
];
