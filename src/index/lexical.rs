//! BM25 of a few texts for the words of a query, by a tantivy index in memory. Knows texts, not what they are about.

use tantivy::collector::TopDocs;
use tantivy::query::{BooleanQuery, Occur, Query, TermQuery};
use tantivy::schema::{FAST, INDEXED, IndexRecordOption, Schema, TEXT};
use tantivy::{Index, IndexWriter, TantivyDocument, Term};

/// Least that tantivy accepts for its writer.
const WRITER_BYTES: usize = 15_000_000;

/// Score of each text for the words of the queries, 0 for those without any of them.
pub fn bm25(texts: &[String], queries: &[&str]) -> tantivy::Result<Vec<f64>> {
    if texts.is_empty() || queries.is_empty() {
        return Ok(vec![0.0; texts.len()]);
    }
    let mut schema = Schema::builder();
    let place = schema.add_u64_field("place", FAST | INDEXED);
    let text = schema.add_text_field("text", TEXT);
    let index = Index::create_in_ram(schema.build());
    let mut writer: IndexWriter = index.writer_with_num_threads(1, WRITER_BYTES)?;
    for (i, words) in texts.iter().enumerate() {
        let mut doc = TantivyDocument::default();
        doc.add_u64(place, i as u64);
        doc.add_text(text, words);
        writer.add_document(doc)?;
    }
    writer.commit()?;
    let mut words: Vec<String> = Vec::new();
    let mut analyzer = index.tokenizer_for_field(text)?;
    for query in queries {
        let mut stream = analyzer.token_stream(query);
        while let Some(token) = stream.next() {
            words.push(token.text.clone());
        }
    }
    words.sort_unstable();
    words.dedup();
    let term = |w: &String| {
        let term = TermQuery::new(Term::from_field_text(text, w), IndexRecordOption::WithFreqs);
        (Occur::Should, Box::new(term) as Box<dyn Query>)
    };
    let searcher = index.reader()?.searcher();
    let mut scores = vec![0.0; texts.len()];
    let query = BooleanQuery::new(words.iter().filter(|w| w.len() > 2).map(term).collect());
    for (score, address) in searcher.search(
        &query,
        &TopDocs::with_limit(texts.len().max(1)).order_by_score(),
    )? {
        let column = searcher
            .segment_reader(address.segment_ord)
            .fast_fields()
            .u64("place")?;
        if let Some(slot) = column
            .first(address.doc_id)
            .and_then(|i| scores.get_mut(i as usize))
        {
            *slot = f64::from(score);
        }
    }
    Ok(scores)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_words_weigh_more_than_common_ones() {
        let texts: Vec<String> = [
            "connection pool exhausted",
            "connection refused",
            "connection reset by peer",
        ]
        .map(String::from)
        .into();
        let scores = bm25(&texts, &["Connection POOL gone"]).unwrap();
        assert!(scores[0] > scores[1] && scores[1] > 0.0, "{scores:?}");
        assert_eq!(bm25(&texts, &["nothing"]).unwrap(), [0.0, 0.0, 0.0]);
        assert!(bm25(&[], &["x"]).unwrap().is_empty());
    }
}
