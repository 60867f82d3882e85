//! Tokens: made, kept, found, revoked; and files that are no token files.

use std::fs::{Permissions, set_permissions, write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use super::*;
use crate::config::Secret;

fn holder(name: &str, token: &str) -> Holder {
    Holder {
        name: name.to_owned(),
        roles: BTreeSet::from([Role::Read, Role::Review]),
        principals: vec!["arn:aws:iam::123456789012:user/alice".to_owned()],
        digest: TokenDigest::of(token.as_bytes()),
        created_at: "2026-01-01T00:00:00Z".to_owned(),
    }
}

fn add(file: &Path, holder: Holder) -> Result<(), TokenFileError> {
    change(file, |holders| {
        holders.push(holder);
        Ok(())
    })
}

#[test]
fn a_token_is_long_and_never_the_same() {
    let made: BTreeSet<String> = (0..100).map(|_| generate().expect("random bits")).collect();
    assert_eq!(made.len(), 100);
    for token in made {
        let random = token.strip_prefix(PREFIX).expect("the prefix");
        assert_eq!(BASE64_URL_SAFE_NO_PAD.decode(random).expect("base64").len() * 8, 256);
    }
}

#[test]
fn what_is_written_is_read_and_the_token_itself_is_not_in_it() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("tokens.json");
    assert_eq!(read(&file).expect("none"), []);
    let token = generate().expect("random bits");
    add(&file, holder("alice", &token)).expect("added");
    add(&file, holder("bob", "tb_other")).expect("added");
    assert_eq!(read(&file).expect("two"), [holder("alice", &token), holder("bob", "tb_other")]);
    let text = std::fs::read_to_string(&file).expect("a file");
    assert!(!text.contains(&token[PREFIX.len()..]), "{text}");
    // printf tb_other | sha256sum
    assert!(text.contains("\"sha256\": \"d2d9335e0e3c20aab8144dd884c16d122c83d047d4cbb7260eb294d2cf52d6ca"), "{text}");
    let metadata = std::fs::metadata(&file).expect("a file");
    assert_eq!(metadata.mode() & 0o7777, 0o600);
    let left: Vec<_> = std::fs::read_dir(directory.path()).expect("a directory").flatten().collect();
    assert_eq!(left.len(), 1, "nothing else is left there: {left:?}");
}

#[test]
fn a_change_that_is_refused_changes_nothing() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("tokens.json");
    add(&file, holder("alice", "tb_a")).expect("added");
    let inode = std::fs::metadata(&file).expect("a file").ino();
    for bad in [holder("alice", "tb_b"), holder("", "tb_b"), holder("a b", "tb_b"), holder(&"x".repeat(65), "tb_b")] {
        let error = add(&file, bad).expect_err("refused");
        assert!(matches!(error, TokenFileError::Broken { .. }), "{error}");
    }
    assert_eq!(std::fs::metadata(&file).expect("a file").ino(), inode);
    assert_eq!(read(&file).expect("one"), [holder("alice", "tb_a")]);
}

#[test]
fn changes_at_the_same_time_lose_nobody() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("tokens.json");
    std::thread::scope(|scope| {
        for number in 0..8 {
            let file = &file;
            scope.spawn(move || {
                for turn in 0..5 {
                    add(file, holder(&format!("holder-{number}-{turn}"), "tb_a"))
                        .unwrap_or_else(|error| panic!("{error}"));
                }
            });
        }
    });
    assert_eq!(read(&file).expect("a file").len(), 40);
}

#[test]
fn a_lock_that_is_never_given_back_is_not_waited_for_without_end() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let lock = std::fs::File::open(directory.path()).expect("a directory");
    lock.lock().expect("locked");
    let error = add(&directory.path().join("tokens.json"), holder("alice", "tb_a")).expect_err("refused");
    assert!(matches!(error, TokenFileError::Locked { .. }), "{error}");
}

#[test]
fn a_link_is_followed_and_stays() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (file, link) = (directory.path().join("real.json"), directory.path().join("tokens.json"));
    add(&file, holder("alice", "tb_a")).expect("added");
    std::os::unix::fs::symlink(&file, &link).expect("linked");
    add(&link, holder("bob", "tb_b")).expect("added");
    assert!(std::fs::symlink_metadata(&link).expect("a link").is_symlink());
    assert_eq!(read(&file).expect("two").len(), 2);
}

#[test]
fn what_is_no_token_file_is_refused_with_a_hint_and_without_its_content() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("tokens.json");
    let entry = |name: &str, digest: &str| format!(r#"{{"name":"{name}","roles":["read"],"sha256":"{digest}"}}"#);
    let tokens = |entries: &str| format!(r#"{{"version":1,"tokens":[{entries}]}}"#);
    let good = "5".repeat(64);
    let twice = tokens(&[entry("a", &good), entry("a", &good)].join(","));
    for (text, told) in [
        ("{".to_owned(), "line 1, column 1"),
        ("tb_a-secret".to_owned(), "line 1"),
        (tokens(&entry("a", "tb_a-secret")), "line 1"),
        (tokens(&entry("a", &"5".repeat(63))), "line 1"),
        (tokens(&entry("a\\n", &good)), "entry 0 has a name that is none"),
        (tokens(&format!(r#"{{"name":"tb_a-secret","roles":["root"],"sha256":"{good}"}}"#)), "line 1"),
        (tokens(&format!(r#"{{"name":"a","roles":[],"sha256":"{good}","tb_a-secret":1}}"#)), "line 1"),
        (twice, "a name stands there twice: a"),
        (r#"{"version":2,"tokens":[],"later":1}"#.to_owned(), "newer version of trailbrake: form 2"),
        (" ".repeat(crate::limits::TOKEN_FILE_BYTES_MAX + 1), "longer than"),
    ] {
        write(&file, &text).expect("written");
        set_permissions(&file, Permissions::from_mode(0o600)).expect("set");
        let error = read(&file).expect_err(told).to_string();
        assert!(error.contains(told) && error.contains("\nhint: "), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }
    for mode in [0o640, 0o604, 0o620, 0o666] {
        set_permissions(&file, Permissions::from_mode(mode)).expect("set");
        let error = read(&file).expect_err("open to others").to_string();
        assert!(error.contains(&format!("mode {mode:o}\nhint: chmod 600 ")), "{error}");
    }
    write(&file, "").expect("written");
    set_permissions(&file, Permissions::from_mode(0o400)).expect("set");
    assert_eq!(read(&file).expect("an empty file holds none"), []);
    assert!(matches!(read(directory.path()), Err(TokenFileError::Read { .. })), "a directory");
}

#[test]
fn only_the_whole_token_is_recognised_and_every_holder_is() {
    let declared = |name: &str| Token {
        name: name.to_owned(),
        roles: BTreeSet::new(),
        secret: Secret::new(format!("secret-of-{name}")),
        principals: Vec::new(),
    };
    let names: Vec<String> = (0..10).map(|number| format!("holder-{number}")).collect();
    let tokens = Tokens::declared(&names.iter().map(|name| declared(name)).collect::<Vec<_>>());
    for name in &names {
        let found = tokens.find(format!("secret-of-{name}").as_bytes()).expect("known");
        assert_eq!(&found.name, name);
    }
    for wrong in ["", "secret-of-holder", "secret-of-holder-10", "Secret-of-holder-1", "secret-of-holder-1 "] {
        assert!(tokens.find(wrong.as_bytes()).is_none(), "{wrong}");
    }
    assert!(Tokens::declared(&[]).find(b"").is_none());
}

#[test]
fn another_configuration_names_others_unless_the_file_names_them_too() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("tokens.json");
    add(&file, holder("alice", "tb_alice")).expect("added");
    let declared = |name: &str| Token {
        name: name.to_owned(),
        roles: BTreeSet::from([Role::Read]),
        secret: Secret::new(format!("{name}-secret-0123456789")),
        principals: Vec::new(),
    };
    let tokens = Tokens::open(&[declared("bob")], file.clone()).expect("a token file");
    let names = |tokens: &Tokens| {
        let names: Vec<String> = tokens.held().iter().map(|holder| holder.name.clone()).collect();
        names.join(" ")
    };
    assert_eq!(tokens.redeclare(&[declared("carol"), declared("dave")]).expect("taken"), 3);
    assert_eq!(names(&tokens), "carol dave alice");
    let error = tokens.redeclare(&[declared("alice")]).expect_err("refused").to_string();
    assert!(error.contains("a token of the same name: alice"), "{error}");
    assert_eq!(names(&tokens), "carol dave alice", "what held goes on holding");
    // A change of the file is joined with what the configuration says by then.
    add(&file, holder("erin", "tb_erin")).expect("added");
    assert!(matches!(tokens.look(), Look::Taken { tokens: 4 }));
    assert_eq!(names(&tokens), "carol dave alice erin");
}
