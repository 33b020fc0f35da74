//! Saves a corpus to its cache folder when reading ends, and loads it again the next time. Does not
//! decide when to save or load.

use super::corpus::{Corpus, lock};
use super::options::Options;
use super::state::{Body, Source, State};
use super::store::Store;
use super::template_table;
use super::timeline::BINS;
use crate::config::paths::open_file;
use crate::index::Chunk;
use crate::index::disk::{
    COLUMNS, FILTERS, Folder, Input, evict, read_manifest, read_path, stored_path,
};
use crate::index::terms::{BlockDoc, TemplateDoc, Terms};
use crate::ingest::detect::detect;
use crate::mine::{Header, Kind, Kinds, Shape};
use crate::model::{KindId, SourceId, SourceInfo};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub const STORE: &str = "store";
const TABLES: &str = "tables";
const DIRECTORY: &str = "directory";
const TERMS: &str = "terms";

pub enum Loaded {
    /// No input file has changed.
    Current,
    /// Some plain files have grown. Everything else is unchanged.
    Grown,
}

/// The state of the files before they are read.
pub fn inputs(files: &[PathBuf]) -> Vec<Input> {
    files
        .iter()
        .filter_map(|p| Input::of(&whole(p)).ok())
        .collect()
}

/// The files that changed since, other than by growing. What was read of them is a mixture.
pub fn changed(inputs: &[Input]) -> Vec<PathBuf> {
    let has_changed = |i: &&Input| !i.is_current() && !i.has_grown();
    inputs.iter().filter(has_changed).map(Input::path).collect()
}

/// Name of the cache folder of a corpus: a hash of its paths and of the options that change how
/// they are read.
pub fn key(options: &Options) -> String {
    let mut paths: Vec<PathBuf> = options.paths.iter().map(|p| whole(p)).collect();
    paths.sort();
    let text = format!(
        "{paths:?} {:?} {:?} {:?} {:?}",
        options.limits, options.zone, options.format_as, options.formats
    );
    format!("{:016x}", xxhash_rust::xxh3::xxh3_64(text.as_bytes()))
}

/// The absolute path. It does not depend on the working directory.
pub fn whole(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}

#[derive(Serialize, Deserialize)]
struct StoredSource {
    info: SourceInfo,
    fixed_service: Option<String>,
    /// As `stored_path` writes it.
    path: Option<String>,
    /// Year and day (days since 1970) that the parser assumes first for timestamps without them.
    year: i32,
    day: i64,
}

#[derive(Serialize, Deserialize)]
struct StoredTables {
    sources: Vec<StoredSource>,
    headers: Vec<Header>,
    shapes: Vec<Shape>,
    kinds: Vec<Kind>,
    failures: Vec<crate::model::Failure>,
}

/// Writes the index and seals the folder. If writing fails, for example because the disk is full,
/// the folder is not sealed and a notice is shown. Without `inputs`, the files as they were when
/// reading began, the folder is not sealed either. `columns_written` means that the columns of every chunk were already appended during
/// reading.
pub fn save(corpus: &Corpus, inputs: Option<Vec<Input>>, columns_written: bool) {
    let Some(folder) = corpus.folder.as_ref().filter(|f| f.writable) else {
        build_terms(corpus, None);
        return;
    };
    let terms = folder.path.join(TERMS);
    build_terms(corpus, Some(&terms));
    let written = (|| -> std::io::Result<()> {
        if !columns_written {
            write_columns(&corpus.read(), folder)?;
        }
        folder.write(TABLES, &encode(&corpus.read())?)?;
        folder.write(DIRECTORY, &corpus.store().directory())?;
        let Some(inputs) = inputs.filter(|_| corpus.store().is_complete()) else {
            return Ok(());
        };
        let given = corpus
            .options
            .paths
            .iter()
            .map(|p| whole(p).display().to_string())
            .collect();
        folder.seal(inputs, given, &[COLUMNS, TABLES, DIRECTORY, FILTERS])
    })();
    let mut state = corpus.write();
    if let Err(e) = written {
        state.notices.push(format!(
            "the index could not be written ({e}); it will be built again next time"
        ));
    }
    state.index_bytes = folder
        .disk_bytes()
        .saturating_sub(corpus.store().disk_bytes());
    drop(state);
    if let Some(cache) = &corpus.options.cache {
        evict(cache, corpus.options.cache_max_bytes, &folder.path);
    }
}

fn build_terms(corpus: &Corpus, folder: Option<&Path>) {
    let (templates, blocks) = {
        let mut state = corpus.write();
        template_table::refresh(&mut state, true);
        let blocks: Vec<BlockDoc> = state
            .chunks
            .iter()
            .enumerate()
            .flat_map(|(i, c)| block_docs(&state, i, c))
            .collect();
        (state.templates.clone(), blocks)
    };
    let docs = templates.iter().map(|t| TemplateDoc {
        id: t.id,
        text: &t.text,
    });
    match Terms::build(folder, docs, blocks.into_iter()) {
        Ok(terms) => corpus.set_terms(terms),
        Err(e) => corpus
            .write()
            .notices
            .push(format!("the template index could not be built ({e})")),
    }
}

/// Creates one document for every 16 blocks (about 1 MB of text).
fn block_docs(state: &State, number: usize, chunk: &Chunk) -> Vec<BlockDoc> {
    chunk
        .blocks
        .chunks(16)
        .map(|blocks| {
            let mut kinds: Vec<u32> = blocks
                .iter()
                .flat_map(|b| b.dictionary.iter().copied())
                .collect();
            kinds.sort_unstable();
            kinds.dedup();
            let mut doc = BlockDoc {
                chunk: number as u64,
                ..BlockDoc::default()
            };
            for k in kinds {
                let kind = &state.kinds.kinds[k as usize];
                doc.services.push(
                    state
                        .service(SourceId(chunk.source), KindId(k))
                        .to_lowercase(),
                );
                doc.templates
                    .extend(template_table::template_id(&state.resolved, kind.shape));
            }
            doc.services.sort();
            doc.services.dedup();
            doc.templates.sort_unstable();
            doc.templates.dedup();
            doc
        })
        .collect()
}

/// Writes the columns of all chunks to a new file, in the same packed form as in memory.
fn write_columns(state: &State, folder: &Folder) -> std::io::Result<()> {
    folder.grow(COLUMNS)?;
    state.chunks.iter().try_for_each(|c| folder.append_chunk(c))
}

/// Serializes and compresses the tables.
fn encode(state: &State) -> std::io::Result<Vec<u8>> {
    let stored_source = |s: &Source| StoredSource {
        info: s.info.clone(),
        fixed_service: s.fixed_service.clone(),
        path: s.path.as_deref().map(|p| stored_path(&whole(p))),
        year: s.parser.clock.year,
        day: s.parser.clock.day,
    };
    let tables = StoredTables {
        sources: state.sources.iter().map(stored_source).collect(),
        headers: state.kinds.headers.clone(),
        shapes: state.kinds.shapes.clone(),
        kinds: state.kinds.kinds.clone(),
        failures: state.failures[state.input_failures.min(state.failures.len())..].to_vec(),
    };
    let json = serde_json::to_vec(&tables)?;
    zstd::bulk::compress(&json, 1)
}

/// Loads a sealed index, if the input files are unchanged or have only grown. `inputs` are the files
/// as they are now.
pub fn load(corpus: &Corpus, inputs: &[Input]) -> Option<Loaded> {
    let folder = corpus.folder.as_ref()?;
    let manifest = folder.sealed()?;
    if !manifest
        .inputs
        .iter()
        .map(|i| &i.path)
        .eq(inputs.iter().map(|i| &i.path))
    {
        return None;
    }
    let pairs = manifest.inputs.iter().zip(inputs);
    let current: Vec<bool> = pairs.map(|(then, now)| then == now).collect();
    let fits = manifest
        .inputs
        .iter()
        .zip(&current)
        .all(|(i, c)| *c || i.has_grown());
    let grown = current.contains(&false);
    if !fits || grown && !folder.writable {
        return None;
    }
    let columns = folder.read(COLUMNS)?;
    let tables: StoredTables =
        serde_json::from_slice(&zstd::stream::decode_all(folder.read(TABLES)?.as_slice()).ok()?)
            .ok()?;
    let store = Store::open(&folder.path.join(STORE), &folder.read(DIRECTORY)?)?;
    // A source that has grown can only be continued if it is a plain file.
    let plain = |name: &str| {
        tables
            .sources
            .iter()
            .any(|s| s.path.as_deref() == Some(name))
    };
    if manifest
        .inputs
        .iter()
        .zip(&current)
        .any(|(i, c)| !c && !plain(&i.path))
    {
        return None;
    }
    let terms = Terms::open(&folder.path.join(TERMS)).ok()?;
    *lock(&corpus.store) = Arc::new(store);
    restore(corpus, tables, &columns)?;
    corpus.set_terms(terms);
    corpus.write().index_bytes = folder
        .disk_bytes()
        .saturating_sub(corpus.store().disk_bytes());
    Some(if grown {
        Loaded::Grown
    } else {
        Loaded::Current
    })
}

fn restore(corpus: &Corpus, tables: StoredTables, columns: &[u8]) -> Option<()> {
    let mut sources = Vec::new();
    for StoredSource {
        info,
        fixed_service,
        path,
        year,
        day,
    } in tables.sources
    {
        let path = path.as_deref().map(read_path);
        let (body, sample) = match &path {
            Some(path) => {
                let file = open_file(path).ok()?;
                let sample = sample_of(&file);
                (Body::File(Arc::new(file)), sample)
            }
            None => (Body::Store, Vec::new()),
        };
        let n = (info.bytes as usize).min(256 * 1024);
        let sample = match &body {
            Body::File(_) => sample,
            Body::Store => corpus
                .store()
                .read(sources.len() as u32, 0, n)
                .unwrap_or_default(),
        };
        let forced = corpus
            .options
            .format_as
            .as_deref()
            .and_then(|n| corpus.catalog.by_name(n));
        let mut parser = detect(
            &sample,
            &corpus.catalog,
            &corpus.clock(None),
            forced.as_ref(),
        )
        .parser;
        (parser.clock.year, parser.clock.day) = (year, day);
        sources.push(Source {
            info,
            parser,
            body,
            fixed_service,
            path,
        });
    }
    let mut chunks = Vec::new();
    let mut rest = columns;
    while !rest.is_empty() {
        let chunk = Chunk::read(&mut rest)?;
        let known = chunk
            .blocks
            .iter()
            .flat_map(|b| &b.dictionary)
            .all(|k| (*k as usize) < tables.kinds.len());
        if !known || chunk.source as usize >= sources.len() {
            return None;
        }
        chunks.push(Arc::new(chunk));
    }
    let mut state = corpus.write();
    state.sources = sources;
    state.kinds = Kinds::restore(tables.headers, tables.shapes, tables.kinds);
    state.failures.extend(tables.failures);
    for chunk in chunks {
        state.events += u64::from(chunk.events);
        state.lines += chunk.lines;
        state.bytes += chunk.bytes;
        state.next_event = state.next_event.max(chunk.first_event + chunk.events);
        let timeline = state.chunk_timeline(&chunk);
        state.timeline.merge(&timeline, BINS);
        state.timelines.push(timeline);
        state.chunks.push(chunk);
    }
    Some(())
}

fn sample_of(file: &std::fs::File) -> Vec<u8> {
    use std::os::unix::fs::FileExt;
    let mut sample = vec![0; 256 * 1024];
    let n = file.read_at(&mut sample, 0).unwrap_or(0);
    sample.truncate(n);
    sample
}

/// Paths of the corpora that were opened before, most recently used first.
pub fn recent(cache: &Path) -> Vec<Vec<String>> {
    let mut found: Vec<(std::time::SystemTime, Vec<String>)> = std::fs::read_dir(cache)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|e| {
            let used = std::fs::metadata(e.path().join("lock"))
                .ok()?
                .modified()
                .ok()?;
            Some((used, read_manifest(&e.path())?.given))
        })
        .collect();
    found.sort_by(|a, b| b.cmp(a));
    found.into_iter().map(|f| f.1).collect()
}
