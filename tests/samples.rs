//! Checks that the files of sample-logs/ equal the generator's output.
//! `FAULTLINE_WRITE_SAMPLES=1 cargo test --test samples` writes them again.

mod support;

use std::path::Path;
use support::generate;

#[test]
fn the_samples_equal_the_output_of_the_generator() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample-logs");
    let write = std::env::var_os("FAULTLINE_WRITE_SAMPLES").is_some();
    for (name, bytes) in generate::samples() {
        let path = folder.join(&name);
        if write {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &bytes).unwrap();
        }
        let found = std::fs::read(&path).unwrap_or_default();
        assert!(
            found == bytes,
            "sample-logs/{name} differs from the generator's output"
        );
    }
}
