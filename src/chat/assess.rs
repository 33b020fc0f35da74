//! The structured parts of a turn: the assessment of a template, and the choice among planned
//! actions. Does not draw.

use super::cite;
use super::error::Error;
use super::pack;
use super::question::template_in;
use super::structured;
use super::turn::Turn;
use crate::model::Action;
use serde_json::json;

impl Turn<'_> {
    /// Asks for a structured assessment of one template, unless it is in the cache.
    pub async fn classify(&mut self) -> Result<(), Error> {
        let prompts = &self.question.llm.prompts;
        let id = template_in(&self.question.text)
            .and_then(|id| Some((id, self.snapshot.template_by_id(id)?)));
        let Some((id, at)) = id else {
            return Err(Error::NoTemplate);
        };
        let template = &self.snapshot.templates[at.index()];
        let key = (id, self.model.name.clone(), prompts.version());
        self.pack.marks.insert(
            format!("T{id}"),
            pack::Mark {
                event: None,
                text: template.text.clone(),
            },
        );
        let assessment = match structured::cached(&key) {
            Some(assessment) => {
                self.answer
                    .notes
                    .push("cached result from the last hour".into());
                assessment
            }
            None => {
                let description = format!(
                    "[T{id}] {} events, {}: {}",
                    template.count,
                    template.level.name(),
                    template.text
                );
                self.messages
                    .push(json!({"role": "user", "content": format!("{}\n{}", prompts.task("classify"), self.redactor.redact(&description))}));
                let options = (0, &self.pack, prompts.task("repair"));
                let assessment = structured::ask(
                    self.server,
                    &self.model,
                    self.num_ctx,
                    self.messages.clone(),
                    options,
                )
                .await?;
                structured::store(key, assessment.clone());
                assessment
            }
        };
        let text = self.clean(&structured::to_text(&assessment, &[]));
        self.answer.cited = cite::check(self.analysis, self.snapshot, &self.pack, &text);
        Ok(())
    }

    /// Asks the model to choose from the planned actions. If its answer is invalid, the order of
    /// the plan does not change.
    pub async fn propose(&mut self, actions: &[Action]) {
        let prompts = &self.question.llm.prompts;
        let prompt = format!(
            "{}\n{}",
            prompts.task("proposal"),
            self.redactor.redact(&structured::numbered(actions))
        );
        let mut messages = self.messages.clone();
        messages.push(json!({"role": "user", "content": prompt}));
        let options = (actions.len(), &self.pack, prompts.task("repair"));
        match structured::ask(self.server, &self.model, self.num_ctx, messages, options).await {
            Ok(assessment) => {
                let text = self.clean(&structured::to_text(&assessment, actions));
                let proposed = cite::check(self.analysis, self.snapshot, &self.pack, &text);
                self.answer.cited.add(proposed);
                let chosen = assessment.actions.iter().filter_map(|n| actions.get(n - 1));
                let others = actions
                    .iter()
                    .enumerate()
                    .filter(|(n, _)| !assessment.actions.contains(&(n + 1)))
                    .map(|(_, a)| a);
                self.answer.actions = chosen.chain(others).cloned().collect();
            }
            Err(e) => self.answer.notes.push(e.to_string()),
        }
    }
}
