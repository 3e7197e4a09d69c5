//! Values that other implementations publish and agree on.

use counterpart::atproto::Cid;
use counterpart::repo::mst::build::build;
use counterpart::repo::mst::{empty_root, layer_of};
use counterpart::repo::sha256;

const VALUE: &str = "bafyreie5cvv4h45feadgeuwhbcutmh6t2ceseocckahdoe6uat64zmz454";

fn root_of(mut keys: Vec<&str>) -> String {
    keys.sort_unstable();
    let value = Cid::parse(VALUE).unwrap();
    build(keys.into_iter().map(|key| (key.as_bytes(), value)), |_, _| {}).to_string()
}

fn records(rkeys: &[&str]) -> String {
    let keys: Vec<_> = rkeys.iter().map(|rkey| format!("com.example.record/{rkey}")).collect();
    root_of(keys.iter().map(String::as_str).collect())
}

#[test]
fn the_hash_is_the_one_everybody_uses_at_every_length() {
    use sha2::{Digest, Sha256};
    let message: Vec<u8> = (0..300_u32).map(|n| (n * 7) as u8).collect();
    for length in 0..message.len() {
        let theirs: [u8; 32] = Sha256::digest(&message[..length]).into();
        assert_eq!(sha256::digest(&message[..length]), theirs, "{length}");
    }
}

#[test]
fn keys_live_in_the_layers_that_were_published() {
    for (key, layer) in [
        ("", 0),
        ("asdf", 0),
        ("blue", 1),
        ("2653ae71", 0),
        ("88bfafc7", 2),
        ("2a92d355", 4),
        ("884976f5", 6),
        ("app.bsky.feed.post/454397e440ec", 4),
        ("app.bsky.feed.post/9adeb165882c", 8),
        // A second block of SHA-256 begins at 56 bytes.
        ("com.example.record/3jqfcqzm3fx2j", 2),
    ] {
        assert_eq!(layer_of(key.as_bytes()), layer, "{key}");
    }
}

#[test]
fn the_empty_tree_has_the_published_root() {
    let published = "bafyreie5737gdxlw5i64vzichcalba3z2v5n6icifvx5xytvske7mr3hpm";
    assert_eq!(empty_root().to_string(), published);
    assert_eq!(root_of(Vec::new()), published);
}

#[test]
fn small_trees_have_the_published_roots() {
    let trivial = records(&["3jqfcqzm3fo2j"]);
    assert_eq!(trivial, "bafyreibj4lsc3aqnrvphp5xmrnfoorvru4wynt6lwidqbm2623a6tatzdu");

    let two_layers_up = records(&["3jqfcqzm3fx2j"]);
    assert_eq!(two_layers_up, "bafyreih7wfei65pxzhauoibu3ls7jgmkju4bspy4t2ha2qdjnzqvoy33ai");

    let simple =
        records(&["3jqfcqzm3fp2j", "3jqfcqzm3fr2j", "3jqfcqzm3fs2j", "3jqfcqzm3ft2j", "3jqfcqzm4fc2j"]);
    assert_eq!(simple, "bafyreicmahysq4n6wfuxo522m6dpiy7z7qzym3dzs756t5n7nfdgccwq7m");

    let empty_in_the_middle = records(&["3jqfcqzm3ft2j", "3jqfcqzm3fz2j", "3jqfcqzm3fx2j"]);
    assert_eq!(empty_in_the_middle, "bafyreiavxaxdz7o7rbvr3zg2liox2yww46t7g6hkehx4i4h3lwudly7dhy");
}

#[test]
fn removing_the_only_key_of_the_top_layer_gives_the_published_root() {
    let before = ["3jqfcqzm3fn2j", "3jqfcqzm3fo2j", "3jqfcqzm3fp2j", "3jqfcqzm3fs2j", "3jqfcqzm3ft2j"];
    let before = records(&[&before[..], &["3jqfcqzm3fu2j"]].concat());
    assert_eq!(before, "bafyreifnqrwbk6ffmyaz5qtujqrzf5qmxf7cbxvgzktl4e3gabuxbtatv4");

    let after =
        records(&["3jqfcqzm3fn2j", "3jqfcqzm3fo2j", "3jqfcqzm3fp2j", "3jqfcqzm3ft2j", "3jqfcqzm3fu2j"]);
    assert_eq!(after, "bafyreie4kjuxbwkhzg2i5dljaswcroeih4dgiqq6pazcmunwt2byd725vi");
}

/// What was in a repository, what one commit added and deleted, and both roots.
struct Published {
    keys: &'static [&'static str],
    added: &'static [&'static str],
    deleted: &'static [&'static str],
    before: &'static str,
    after: &'static str,
}

/// The published cases of commits that are hard to prove.
const COMMITS: [Published; 6] = [
    Published {
        keys: &["A0/374913", "B1/986427", "C0/451630", "E0/670489", "F1/085263", "G0/765327"],
        added: &["D2/269196"],
        deleted: &[],
        before: "bafyreicraprx2xwnico4tuqir3ozsxpz46qkcpox3obf5bagicqwurghpy",
        after: "bafyreihvay6pazw3dfa47u5d2tn3rd6pa57sr37bo5bqyvjuqc73ib65my",
    },
    Published {
        keys: &["A0/374913", "B0/601692", "D0/952776", "E0/670489"],
        added: &["C2/014073"],
        deleted: &[],
        before: "bafyreialm5sgf7pijawbschsjpdevid5rss5ip3d4n4w6cc4mhu53sfl4i",
        after: "bafyreibxh4iztp5l2yshz3ectg2qjpeyprpw2gogao3pvceowpq3k3thya",
    },
    Published {
        keys: &["A0/374913", "B2/827649", "C0/451630"],
        added: &["D2/269196"],
        deleted: &[],
        before: "bafyreigc6ay2qwfk7kuevvrczummpd64nknfo4yxpaooknfymzyb7u3ntq",
        after: "bafyreign6kxoll35r5f2ske6hjx7vg56aw3jn6r5hcopgrepzafpvohr2a",
    },
    Published {
        keys: &["A0/374913", "B2/827649", "D2/269196", "E0/670489"],
        added: &["C2/014073"],
        deleted: &["B2/827649", "D2/269196"],
        before: "bafyreiceld4icym4qjmdcn3dfgtxt7t66hdgyhvigessgmkvb56dx6amgi",
        after: "bafyreigkalika3taqauapfha556lo36zzcjoiifny5xeru6yis3nxw5ruq",
    },
    Published {
        keys: &["B0/601692", "C2/014073", "D0/952776", "E2/819540", "F0/697858", "H0/131238"],
        added: &["A2/827942", "G2/611528"],
        deleted: &["C2/014073"],
        before: "bafyreigr3plnts7dax6yokvinbhcqpyicdfgg6npvvyx6okc5jo55slfqi",
        after: "bafyreiftrcrbhrwmi37u4egedlg56gk3jeh3tvmqvwgowoifuklfysyx54",
    },
    Published {
        keys: &[
            "app.bsky.feed.post/3lo3kqqljmfe2",
            "app.bsky.feed.post/3log4547dm6h2",
            "app.bsky.feed.post/3log45inogon2",
            "app.bsky.feed.post/3logaodrh74d2",
            "app.bsky.feed.post/3logteazog2n2",
            "app.bsky.feed.post/3lon5cqsbwrj2",
            "app.bsky.feed.repost/3l6sjhvqonco2",
        ],
        added: &["app.bsky.feed.post/3lon5dzeaihj2"],
        deleted: &[],
        before: "bafyreigfcsro2up7qi7l3rxdpg7n6gjtteotkmgrrqztl5oy2tf4ncl4ji",
        after: "bafyreig33hsjiplaixvmccy65n7rn3in5nsbtcittzx6k3w5wjfhk2sg3a",
    },
];

#[test]
fn the_published_commits_have_their_roots_before_and_after() {
    for Published { keys, added, deleted, before, after } in COMMITS {
        assert_eq!(root_of(keys.to_vec()), before);
        let left = keys.iter().copied().filter(|key| !deleted.contains(key));
        assert_eq!(root_of(left.chain(added.iter().copied()).collect()), after);
    }
}
