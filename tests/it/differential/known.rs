//! Every disagreement there is, and who is right by which text.
//!
//! An entry covers a class: what we say, what they say, and of what. One that
//! nothing falls under any more fails the test as well.

use super::{Peer, Verdict};

pub struct Known {
    pub name: &'static str,
    pub about: About,
    /// So rare that only a long run is sure to meet it.
    pub rare: bool,
    peers: &'static [Peer],
    ours: Ours,
    theirs: Theirs,
    /// Words of the story, where the verdicts alone say too little.
    of: &'static str,
    pub reason: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum About {
    Repos,
    Commits,
}

enum Ours {
    Accepts,
    /// With one of these labels.
    Refuses(&'static [&'static str]),
}

enum Theirs {
    Accepts,
    /// With these words.
    Refuses(&'static str),
    Panics,
}

impl Known {
    pub fn covers(&self, about: About, story: &str, ours: &Verdict, peer: Peer, theirs: &Verdict) -> bool {
        let ours_fits = match (&self.ours, ours) {
            (Ours::Accepts, Verdict::Accepts(_)) => true,
            (Ours::Refuses(labels), Verdict::Refuses(found)) => labels.contains(&found.as_str()),
            _ => false,
        };
        let theirs_fits = match (&self.theirs, theirs) {
            (Theirs::Accepts, Verdict::Accepts(_)) | (Theirs::Panics, Verdict::Panics) => true,
            (Theirs::Refuses(words), Verdict::Refuses(found)) => found.contains(words),
            _ => false,
        };
        self.about == about
            && self.peers.contains(&peer)
            && ours_fits
            && theirs_fits
            && story.contains(self.of)
    }
}

const SHRIKE: &[Peer] = &[Peer::Shrike];
const ATRIUM: &[Peer] = &[Peer::Atrium];
const BOTH: &[Peer] = &[Peer::Shrike, Peer::Atrium];

pub const KNOWN: &[Known] = &[
    Known {
        name: "several roots",
        about: About::Repos,
        rare: false,
        peers: SHRIKE,
        ours: Ours::Accepts,
        theirs: Theirs::Refuses("must have exactly one root"),
        of: "a second root",
        reason: "the repository specification says that the first root is the commit and that there may \
                 be others; shrike imports files of one root only",
    },
    Known {
        name: "a collection that is no NSID",
        about: About::Repos,
        rare: false,
        peers: SHRIKE,
        ours: Ours::Refuses(&["node_key_syntax"]),
        theirs: Theirs::Accepts,
        of: "no path",
        reason: "a key is `<collection>/<rkey>`, the collection an NSID, by the repository specification; \
                 shrike asks for a slash and for allowed characters",
    },
    Known {
        name: "any text for a path",
        about: About::Repos,
        rare: false,
        peers: ATRIUM,
        ours: Ours::Refuses(&["node_key_syntax"]),
        theirs: Theirs::Accepts,
        of: "no path",
        reason: "a key is `<collection>/<rkey>`, by the repository specification; atrium-repo asks for UTF-8",
    },
    Known {
        name: "an unknown hash that nobody needs",
        about: About::Repos,
        rare: false,
        peers: ATRIUM,
        ours: Ours::Refuses(&["car_block_cid"]),
        theirs: Theirs::Accepts,
        of: "",
        reason: "the data model knows SHA-256 only, so a block that cannot be checked is not passed over \
                 even where nothing links it; atrium-repo lets it be",
    },
    Known {
        name: "a CAR of version 2",
        about: About::Repos,
        rare: false,
        peers: ATRIUM,
        ours: Ours::Refuses(&["car_version"]),
        theirs: Theirs::Accepts,
        of: "version 2",
        reason: "repositories travel as CAR version 1; atrium-repo does not look at the version",
    },
    Known {
        name: "a section shorter than a CID",
        about: About::Repos,
        rare: false,
        peers: ATRIUM,
        ours: Ours::Refuses(&["car_section_too_short"]),
        theirs: Theirs::Panics,
        of: "",
        reason: "a section is a CID and the bytes it names; atrium-repo subtracts the one length from the other",
    },
    Known {
        name: "a section shorter than a CID, in a commit",
        about: About::Commits,
        rare: true,
        peers: ATRIUM,
        ours: Ours::Refuses(&["car_section_too_short"]),
        theirs: Theirs::Panics,
        of: "",
        reason: "a section is a CID and the bytes it names; atrium-repo subtracts the one length from the other",
    },
    Known {
        name: "an unknown hash that nobody needs, in a commit",
        about: About::Commits,
        rare: true,
        peers: ATRIUM,
        ours: Ours::Refuses(&["car_block_cid"]),
        theirs: Theirs::Accepts,
        of: "",
        reason: "the data model knows SHA-256 only, as above",
    },
    Known {
        name: "a revision before that is not ours",
        about: About::Commits,
        rare: false,
        peers: BOTH,
        ours: Ours::Refuses(&["gap_since"]),
        theirs: Theirs::Accepts,
        of: "revision before",
        reason: "the sync specification wants `since` to be the last revision that was processed, else the \
                 account is out of step; neither of the others was told that revision",
    },
    Known {
        name: "too big",
        about: About::Commits,
        rare: false,
        peers: BOTH,
        ours: Ours::Refuses(&["gap_too_big"]),
        theirs: Theirs::Accepts,
        of: "too big",
        reason: "the flag is out of use and to be ignored by the sync specification; a host that still sets \
                 it says that its operations are not all, so the account is fetched instead of believed",
    },
    Known {
        name: "a tree that did not come along",
        about: About::Commits,
        rare: false,
        peers: ATRIUM,
        ours: Ours::Refuses(&["gap_missing_node"]),
        theirs: Theirs::Accepts,
        of: "",
        reason: "a host sends the nodes that undoing takes; atrium-repo is given everything the account held \
                 and can do without, we know the root only",
    },
    Known {
        name: "the neighbour of a new key",
        about: About::Commits,
        rare: false,
        peers: SHRIKE,
        ours: Ours::Refuses(&["gap_missing_node"]),
        theirs: Theirs::Accepts,
        of: "",
        reason: "a host sends the nodes beside a new key as well; undoing can do without some of them, but \
                 only they show that the new key lies between its neighbours",
    },
    Known {
        name: "a tree that is not the one of its keys",
        about: About::Commits,
        rare: false,
        peers: SHRIKE,
        ours: Ours::Refuses(&[
            "cbor_unexpected",
            "commit_link",
            "node_below_bottom",
            "node_child_codec",
            "node_empty",
            "node_empty_top",
            "node_layer",
            "node_prefix_not_maximal",
        ]),
        theirs: Theirs::Accepts,
        of: "",
        reason: "a repository has one tree, canonically written, by the repository specification; undoing, \
                 shrike writes anew what it read, and only the tree before is compared",
    },
];
