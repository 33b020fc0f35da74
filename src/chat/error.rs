//! Errors of the chat with a model. Each message says what failed and, if possible, what to do.
//! Plain data.

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("cannot create an HTTP client: {0}")]
    Client(String),
    #[error(
        "cannot reach a model server at {0}; start one with `ollama serve`, or set its address with --ollama URL"
    )]
    Unreachable(String),
    #[error("the model server at {0} timed out; the model may still be loading")]
    TimedOut(String),
    #[error("the server does not have the model '{0}'; get it with `ollama pull {0}`")]
    NoSuchModel(String),
    #[error("the server has no models; get one with /pull qwen3:8b (or `ollama pull qwen3:8b`)")]
    NoModels,
    #[error(
        "the prompt does not fit into the context window of the model ({0}); shorten the question, or raise num_ctx"
    )]
    PromptTooLong(String),
    #[error("{0} does not support tools")]
    NoTools(String),
    #[error("the server denied access ({0})")]
    Denied(String),
    #[error("the server is busy; ask again in a moment")]
    Busy,
    #[error("the server returned {status}: {message}")]
    Status { status: u16, message: String },
    #[error("invalid response from the server for model {model}: {message}")]
    InvalidModel { model: String, message: String },
    #[error("the response is not JSON ({0}); check that the server is Ollama")]
    NotJson(String),
    #[error("the server reported an error in the middle of the answer: {0}")]
    InStream(String),
    #[error("the connection was lost in the middle of the answer ({0}); ask again")]
    Lost(String),
    #[error("the answer ended early (no `done` message); ask again")]
    EndedEarly,
    #[error("the server sent a line of more than {} MB, so the answer was stopped", .0 >> 20)]
    LineTooLong(usize),
    #[error("the server sent more than {} MB, so the answer was stopped", .0 >> 20)]
    ResponseTooLong(usize),
    #[error(
        "the server answered {status} and wants the request to go to {location}; redirects are not followed, because the evidence would go to another server: set that address with --ollama URL if you trust it"
    )]
    Redirect { status: u16, location: String },
    #[error("invalid address of a model server: {0}")]
    Address(String),
    #[error("the download of {0} is incomplete; pull it again")]
    IncompletePull(String),
    #[error("stopped")]
    Stopped,
    #[error("stopped; the server keeps the part that is already downloaded")]
    PullStopped,
    #[error(
        "{0} is on another machine, so nothing is sent to it; to allow it, use /allow-remote in the chat, FAULTLINE_ALLOW_REMOTE=1, or allow_remote under [llm] in the settings"
    )]
    RemoteNotAllowed(String),
    #[error(
        "the context window of {model} ({window} tokens) is too small for the evidence; choose a model with 4096 or more"
    )]
    WindowTooSmall { model: String, window: u64 },
    #[error("the model called tools again and again without an answer")]
    ToolsWithoutEnd,
    #[error("the model sent {0} bytes in one turn, so the answer was stopped")]
    TurnTooLong(usize),
    #[error("name a template to assess, such as /classify [T123]")]
    NoTemplate,
    #[error(
        "the model's proposal was invalid twice ({0}); the proposal of the built-in analyst is used"
    )]
    InvalidProposal(InvalidProposal),
}

/// What is wrong with a structured answer. The text is also sent back to the model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidProposal {
    #[error("it does not match the schema: {0}")]
    Schema(String),
    #[error("'{0}' is not a severity")]
    Severity(String),
    #[error("the confidence is not between 0 and 1")]
    Confidence,
    #[error("there is no action {0}")]
    Action(usize),
    #[error("none of the cited evidence exists")]
    Evidence,
}
