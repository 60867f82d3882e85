//! The wall around the core: which crates may stand under it, what its sources may not name, how long files may be.

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use toml::{Table, Value};

type Checked = Result<(), Box<dyn Error>>;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const CORE: &str = "trailbrake-detectors";
/// No file of the product is longer.
const LINES_MAX: usize = 400;

/// Crates that bring a runtime, a network, a store or a clock of their own: by name, and by how the name begins.
const FORBIDDEN: &[&str] = &[
    "async-std",
    "axum",
    "chrono",
    "curl",
    "diesel",
    "getrandom",
    "h2",
    "http",
    "hyper",
    "isahc",
    "libsqlite3-sys",
    "log",
    "mio",
    "native-tls",
    "openssl",
    "polling",
    "postgres",
    "quinn",
    "rand",
    "redis",
    "reqwest",
    "ring",
    "rusqlite",
    "rustls",
    "smol",
    "socket2",
    "sqlx",
    "tokio",
    "tower",
    "tracing",
    "ureq",
];
const FORBIDDEN_BEGINNINGS: &[&str] = &[
    "async-io", "aws-", "axum-", "futures", "http-", "hyper-", "openssl-", "rdkafka", "rustls-", "sqlx-", "tokio-",
    "tower-", "tracing-",
];

/// The crates in the output of `cargo tree` that may not stand under the core.
fn forbidden_crates(tree: &str) -> BTreeSet<String> {
    let names = tree.lines().filter_map(|line| line.split_whitespace().next());
    let forbidden = |name: &&str| {
        FORBIDDEN.contains(name) || FORBIDDEN_BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
    };
    names.filter(forbidden).map(str::to_owned).collect()
}

/// The crates under the core of the workspace in a directory, one a line.
fn tree(workspace: &Path, locked: bool) -> Result<String, Box<dyn Error>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(workspace).args(["tree", "-p", CORE, "-e", "normal", "--offline", "--prefix", "none"]);
    if locked {
        command.arg("--locked");
    }
    let output = command.output()?;
    if !output.status.success() {
        return Err(format!("cargo tree failed: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

#[test]
fn no_runtime_network_or_store_stands_under_the_core() -> Checked {
    let tree = tree(Path::new(ROOT), true)?;
    for known in [CORE, "serde_json", "jiff"] {
        assert!(tree.lines().any(|line| line.starts_with(&format!("{known} v"))), "{known} is not in\n{tree}");
    }
    assert_eq!(forbidden_crates(&tree), BTreeSet::new(), "crates that may not stand under the core");
    Ok(())
}

#[test]
fn the_wall_falls_when_such_a_crate_is_added() -> Checked {
    for added in ["tokio", "rusqlite", "reqwest", "rdkafka", "aws-sdk-kinesis"] {
        let copy = tempfile::tempdir()?;
        write_core_with(copy.path(), added)?;
        let found = forbidden_crates(&tree(copy.path(), false)?);
        assert!(found.contains(added), "{added} was added and only {found:?} was found");
    }
    Ok(())
}

/// A workspace with nothing but the core's manifest in it, as in this repository, and one dependency more.
fn write_core_with(directory: &Path, added: &str) -> Checked {
    let manifest: Table = fs::read_to_string(format!("{ROOT}/Cargo.toml"))?.parse()?;
    let lock: Table = fs::read_to_string(format!("{ROOT}/Cargo.lock"))?.parse()?;
    let mut core: Table = fs::read_to_string(format!("{ROOT}/detectors/Cargo.toml"))?.parse()?;

    let mut workspace = manifest["workspace"].clone();
    let settings = workspace.as_table_mut().ok_or("no workspace")?;
    settings.insert("members".into(), vec!["detectors"].into());
    settings.remove("default-members");
    let only_workspace = Table::from_iter([("workspace".to_owned(), workspace)]);

    let version = format!("={}", locked_version(&lock, added)?);
    let dependency: Table =
        [("version".to_owned(), version.into()), ("default-features".to_owned(), false.into())].into_iter().collect();
    let dependencies = core["dependencies"].as_table_mut().ok_or("no dependencies")?;
    dependencies.insert(added.to_owned(), Value::Table(dependency));

    fs::create_dir_all(directory.join("detectors/src"))?;
    fs::write(directory.join("detectors/src/lib.rs"), "")?;
    fs::write(directory.join("detectors/Cargo.toml"), core.to_string())?;
    fs::write(directory.join("Cargo.toml"), only_workspace.to_string())?;
    fs::copy(format!("{ROOT}/Cargo.lock"), directory.join("Cargo.lock"))?;
    Ok(())
}

fn locked_version<'a>(lock: &'a Table, name: &str) -> Result<&'a str, String> {
    let mut packages = lock.get("package").and_then(Value::as_array).into_iter().flatten();
    let package = packages.find(|package| package.get("name").and_then(Value::as_str) == Some(name));
    package.and_then(|package| package.get("version")?.as_str()).ok_or(format!("not in Cargo.lock: {name}"))
}

/// What no source of the core may name, as it is written in a path.
const FORBIDDEN_PATHS: &[&str] =
    &["std::fs", "std::net", "std::env", "std::thread", "std::process", "Timestamp::now", "Zoned::now", "Rng::new"];
/// The same modules where they are imported in braces: `use std::{fs, …}`.
const FORBIDDEN_IN_BRACES: &[&str] = &["fs", "net", "env", "thread", "process"];
/// Names that mean a clock wherever they stand.
const FORBIDDEN_WORDS: &[&str] = &["SystemTime", "Instant"];

/// What a source names, outside comments and `#[cfg(test)]`, that the core may not.
fn forbidden_names(source: &str) -> Vec<&'static str> {
    let code = product_code(source);
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    let words: BTreeSet<&str> = code.split(|letter| !is_word(letter)).collect();
    let names = |path: &str| code.match_indices(path).any(|(at, _)| !code[at + path.len()..].starts_with(is_word));
    let grouped: BTreeSet<&str> = code
        .match_indices("std::{")
        .filter_map(|(at, _)| code[at..].split(';').next())
        .flat_map(|group| group.split(|letter| !is_word(letter)))
        .collect();
    let paths = FORBIDDEN_PATHS.iter().filter(|path| names(path));
    let braces = FORBIDDEN_IN_BRACES.iter().filter(|name| grouped.contains(*name));
    paths.chain(braces).chain(FORBIDDEN_WORDS.iter().filter(|word| words.contains(*word))).copied().collect()
}

/// A source without comment lines and without the items under `#[cfg(test)]`. It trusts rustfmt's indentation.
fn product_code(source: &str) -> String {
    let mut lines = source.lines().filter(|line| !line.trim_start().starts_with("//"));
    let mut code = String::new();
    while let Some(line) = lines.next() {
        if line.trim() != "#[cfg(test)]" {
            code.push_str(line);
            code.push('\n');
            continue;
        }
        let indentation = line.len() - line.trim_start().len();
        let ends = |item: &&str| {
            let inner = item.trim_start();
            item.len() - inner.len() == indentation && (inner.starts_with('}') || inner.ends_with([';', '}', ',']))
        };
        lines.by_ref().find(ends);
    }
    code
}

#[test]
fn the_text_check_sees_what_it_must_and_spares_tests_and_comments() {
    let table: &[(&str, &[&str])] = &[
        ("let text = std::fs::read(path);", &["std::fs"]),
        ("use std::{collections::BTreeMap, fs};", &["fs"]),
        ("use std::{\n    fmt,\n    net::IpAddr,\n};", &["net"]),
        ("use std::time::{Duration, Instant};", &["Instant"]),
        ("let now = std::time::SystemTime::now();", &["SystemTime"]),
        ("let now = jiff::Timestamp::now();", &["Timestamp::now"]),
        ("std::thread::spawn(work);", &["std::thread"]),
        ("use std::fmt;\nuse std::{collections::BTreeMap, sync::Arc};\nfn instant(environment: u8) {}", &[]),
        ("// std::fs is not for us\n/// nor is std::env\nfn one() {}", &[]),
        ("#[cfg(test)]\nmod tests {\n    use std::fs;\n}\n", &[]),
        ("#[cfg(test)]\nuse std::fs;\nuse std::env;\n", &["std::env"]),
        ("#[cfg(test)]\nmod tests {\n    use std::fs;\n}\nfn later() {\n    std::env::args();\n}\n", &["std::env"]),
    ];
    for (source, expected) in table {
        assert_eq!(forbidden_names(source), *expected, "in {source}");
    }
}

/// All Rust files below a directory.
fn sources(directory: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            sources(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    Ok(())
}

#[test]
fn the_core_names_no_file_network_clock_environment_or_thread() -> Checked {
    let mut found = Vec::new();
    sources(&Path::new(ROOT).join("detectors/src"), &mut found)?;
    assert!(found.len() > 10, "{found:?}");
    for path in found {
        // Files of tests only are declared as `#[cfg(test)] mod tests;`, by this name everywhere.
        if path.ends_with("tests.rs") || path.components().any(|part| part.as_os_str() == "tests") {
            continue;
        }
        let names = forbidden_names(&fs::read_to_string(&path)?);
        assert!(names.is_empty(), "{} names {names:?}", path.display());
    }
    Ok(())
}

#[test]
fn no_file_is_too_long() -> Checked {
    let mut found = Vec::new();
    sources(&Path::new(ROOT).join("src"), &mut found)?;
    sources(&Path::new(ROOT).join("detectors/src"), &mut found)?;
    assert!(found.len() > 20, "{found:?}");
    for path in found {
        let lines = fs::read_to_string(&path)?.lines().count();
        assert!(lines <= LINES_MAX, "{} has {lines} lines", path.display());
    }
    Ok(())
}
