//! The tantivy index: finds templates by their words (phrase, prefix, fuzzy) and stores one small
//! document per block of events (services, templates). Does not know where the
//! documents come from.

use std::path::Path;
use tantivy::collector::TopDocs;
use tantivy::directory::MmapDirectory;
use tantivy::query::{
    BooleanQuery, FuzzyTermQuery, Occur, PhrasePrefixQuery, PhraseQuery, Query, TermQuery,
};
use tantivy::schema::{
    FAST, Field, INDEXED, IndexRecordOption, STORED, STRING, Schema, TEXT, Value,
};
use tantivy::{Index, IndexReader, IndexWriter, TantivyDocument, Term};

/// Smallest writer memory in bytes that tantivy accepts.
const WRITER_BYTES: usize = 15_000_000;

/// A template to index by its words.
#[derive(Clone, Debug)]
pub struct TemplateDoc<'a> {
    pub id: u64,
    pub text: &'a str,
}

/// A document for about 1 MB of consecutive events of one chunk.
#[derive(Clone, Debug, Default)]
pub struct BlockDoc {
    pub chunk: u64,
    pub services: Vec<String>,
    pub templates: Vec<u64>,
}

struct Fields {
    id: Field,
    text: Field,
    chunk: Field,
    service: Field,
    template: Field,
}

/// An open tantivy index.
pub struct Terms {
    index: Index,
    reader: IndexReader,
    fields: Fields,
}

fn schema() -> (Schema, Fields) {
    let mut b = Schema::builder();
    let fields = Fields {
        id: b.add_u64_field("id", STORED),
        text: b.add_text_field("text", TEXT),
        chunk: b.add_u64_field("chunk", FAST),
        service: b.add_text_field("service", STRING),
        template: b.add_u64_field("template", INDEXED),
    };
    (b.build(), fields)
}

impl Terms {
    /// Builds a new index in `folder`, or in memory if `folder` is `None`. Deletes an existing
    /// index in the folder.
    pub fn build<'a>(
        folder: Option<&Path>,
        templates: impl Iterator<Item = TemplateDoc<'a>>,
        blocks: impl Iterator<Item = BlockDoc>,
    ) -> tantivy::Result<Terms> {
        let (schema, fields) = schema();
        let index = match folder {
            Some(folder) => {
                std::fs::remove_dir_all(folder).ok();
                std::fs::create_dir_all(folder)?;
                Index::create(
                    MmapDirectory::open(folder)?,
                    schema,
                    tantivy::IndexSettings::default(),
                )?
            }
            None => Index::create_in_ram(schema),
        };
        let mut writer: IndexWriter = index.writer_with_num_threads(1, WRITER_BYTES)?;
        for t in templates {
            let mut doc = TantivyDocument::default();
            doc.add_u64(fields.id, t.id);
            doc.add_text(fields.text, t.text.replace("<*>", " "));
            writer.add_document(doc)?;
        }
        for block in blocks {
            let mut doc = TantivyDocument::default();
            doc.add_u64(fields.chunk, block.chunk);
            block
                .services
                .iter()
                .for_each(|s| doc.add_text(fields.service, s));
            block
                .templates
                .iter()
                .for_each(|t| doc.add_u64(fields.template, *t));
            writer.add_document(doc)?;
        }
        writer.commit()?;
        writer.wait_merging_threads()?;
        let reader = index.reader()?;
        Ok(Terms {
            index,
            reader,
            fields,
        })
    }

    /// Opens an existing index. Fails if the folder does not contain one.
    pub fn open(folder: &Path) -> tantivy::Result<Terms> {
        let (_, fields) = schema();
        let index = Index::open_in_dir(folder)?;
        let reader = index.reader()?;
        Ok(Terms {
            index,
            reader,
            fields,
        })
    }

    /// Ids of templates that match `text`, best first. The last word matches as a prefix, words of
    /// four or more letters match with one wrong letter, and quoted text matches as a phrase.
    pub fn templates(&self, text: &str, limit: usize) -> tantivy::Result<Vec<u64>> {
        let words = self.words(text)?;
        let Some((last, before)) = words.split_last() else {
            return Ok(Vec::new());
        };
        let term = |w: &str| Term::from_field_text(self.fields.text, w);
        let phrase: Box<dyn Query> = match (before.is_empty(), text.trim_end().ends_with('"')) {
            (true, true) => Box::new(TermQuery::new(term(last), IndexRecordOption::Basic)),
            (true, false) => Box::new(FuzzyTermQuery::new_prefix(term(last), 0, true)),
            (false, true) => Box::new(PhraseQuery::new(words.iter().map(|w| term(w)).collect())),
            (false, false) => Box::new(PhrasePrefixQuery::new(
                words.iter().map(|w| term(w)).collect(),
            )),
        };
        let mut parts: Vec<(Occur, Box<dyn Query>)> = vec![(
            Occur::Should,
            Box::new(tantivy::query::BoostQuery::new(phrase, 4.0)),
        )];
        if !text.contains('"') {
            let each = words.iter().map(|w| {
                let distance = u8::from(w.chars().count() >= 4);
                (
                    Occur::Must,
                    Box::new(FuzzyTermQuery::new_prefix(term(w), distance, true)) as Box<dyn Query>,
                )
            });
            parts.push((Occur::Should, Box::new(BooleanQuery::new(each.collect()))));
        }
        let searcher = self.reader.searcher();
        let found = searcher.search(
            &BooleanQuery::new(parts),
            &TopDocs::with_limit(limit.max(1)).order_by_score(),
        )?;
        let mut ids = Vec::with_capacity(found.len());
        for (_, address) in found {
            let doc: TantivyDocument = searcher.doc(address)?;
            ids.extend(doc.get_first(self.fields.id).and_then(|v| v.as_u64()));
        }
        Ok(ids)
    }

    /// The words of a text, as tantivy's tokenizer splits them.
    fn words(&self, text: &str) -> tantivy::Result<Vec<String>> {
        let mut analyzer = self.index.tokenizer_for_field(self.fields.text)?;
        let mut stream = analyzer.token_stream(text);
        let mut words = Vec::new();
        while let Some(token) = stream.next() {
            words.push(token.text.clone());
        }
        Ok(words)
    }

    /// Numbers of the chunks with events of a service, ascending.
    pub fn chunks_of_service(&self, service: &str) -> tantivy::Result<Vec<u64>> {
        self.chunks(Term::from_field_text(self.fields.service, service))
    }

    /// Numbers of the chunks with events of a template, ascending.
    pub fn chunks_of_template(&self, id: u64) -> tantivy::Result<Vec<u64>> {
        self.chunks(Term::from_field_u64(self.fields.template, id))
    }

    fn chunks(&self, term: Term) -> tantivy::Result<Vec<u64>> {
        let searcher = self.reader.searcher();
        let found = searcher.search(
            &TermQuery::new(term, IndexRecordOption::Basic),
            &tantivy::collector::DocSetCollector,
        )?;
        let mut chunks = Vec::new();
        for address in found {
            let column = searcher
                .segment_reader(address.segment_ord)
                .fast_fields()
                .u64("chunk")?;
            chunks.extend(column.first(address.doc_id));
        }
        chunks.sort_unstable();
        chunks.dedup();
        Ok(chunks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_found_by_phrase_by_prefix_and_with_a_typo() {
        let docs = [
            (1, "Failed password for <*> from <*>"),
            (2, "session opened for user <*>"),
            (3, "Accepted password for <*>"),
        ];
        let blocks = [BlockDoc {
            chunk: 7,
            services: vec!["sshd".into()],
            templates: vec![2],
        }];
        let t = Terms::build(
            None,
            docs.iter().map(|(id, text)| TemplateDoc { id: *id, text }),
            blocks.into_iter(),
        )
        .unwrap();
        assert_eq!(t.templates("session", 5).unwrap(), [2]);
        assert_eq!(t.templates("\"failed password\"", 5).unwrap(), [1]);
        assert_eq!(t.templates("pasword acc", 5).unwrap(), [3]);
        assert_eq!(t.chunks_of_service("sshd").unwrap(), [7]);
        assert_eq!(t.chunks_of_template(2).unwrap(), [7]);
        assert_eq!(t.chunks_of_template(9).unwrap(), Vec::<u64>::new());
    }
}
