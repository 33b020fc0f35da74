//! Identifiers of the items in a corpus. Each has its own type, so that they cannot be confused.
//! Plain numbers inside.

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub u32);

        impl $name {
            /// The identifier of the item at a position of a list. Lists hold fewer than 2^32
            /// items.
            pub fn at(index: usize) -> Self {
                $name(index as u32)
            }

            /// Position in the list that the identifier refers to.
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id! {
    /// Number of an event in its corpus. Events are ordered by source, then by position in the
    /// source.
    EventId
}
id! {
    /// Number of a source in its corpus, in the order in which sources were found.
    SourceId
}
id! {
    /// Number of a kind. A kind is a group of events with the same constant text and the same
    /// header.
    KindId
}
id! {
    /// Position of a template in the template table of one snapshot. It can differ between
    /// snapshots; the `TemplateKey` of a template stays the same.
    TemplateIx
}
