//! Files that are followed: tokens, certificate and key.

use std::fs::{Permissions, set_permissions, write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::*;
use crate::clock::Clock;
use crate::config::TlsConfig;
use crate::token::{self, Holder, TokenDigest, TokenFileError};

const OFTEN: Duration = Duration::from_millis(20);

fn current(file: &str) -> String {
    format!("trailbrake_listener_file_current{{file=\"{file}\"}}")
}

fn add(file: &Path, name: &str, token: &str) {
    let holder = Holder {
        name: name.to_owned(),
        roles: BTreeSet::from([Role::Read]),
        principals: Vec::new(),
        digest: TokenDigest::of(token.as_bytes()),
        created_at: String::new(),
    };
    token::change(file, |holders| {
        holders.push(holder);
        Ok::<_, TokenFileError>(())
    })
    .unwrap_or_else(|error| panic!("{error}"));
}

impl Bench {
    async fn until_answered(&self, token: &str, code: u16) {
        let wait = async {
            while self.ask_with("GET", "/v1/status", token, "").await.0 != code {
                self.clock.set(Millis(self.clock.now().0 + 61_000));
                tokio::time::sleep(OFTEN).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("never {code}"));
    }
}

#[tokio::test]
async fn a_change_of_the_token_file_is_taken_up_and_a_broken_one_is_not() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("tokens.json");
    let tokens = Tokens::open(&all_tokens(), file.clone()).unwrap_or_else(|error| panic!("{error}"));
    let bounds = Bounds { follow: OFTEN, ..Bounds::default() };
    let files = Files::new(tokens, None).unwrap_or_else(|error| panic!("{error}"));
    let bench = start(Parts { files, bounds, ..Parts::default() }).await;

    bench.until_answered("tb_first", 401).await;
    add(&file, "first", "tb_first");
    bench.until_answered("tb_first", 200).await;
    assert_eq!(bench.ask("GET", "/v1/status", "reader", "").await.0, 200, "those of the configuration stay");

    set_permissions(&file, Permissions::from_mode(0o640)).expect("set");
    bench.until_counted(&current("tokens"), 0).await;
    bench.until_answered("tb_first", 200).await;
    set_permissions(&file, Permissions::from_mode(0o600)).expect("set");
    bench.until_counted(&current("tokens"), 1).await;

    let good = std::fs::read(&file).expect("a file");
    for broken in [&b"{"[..], &good[..good.len() / 2], b"\xff\xfe", br#"{"version":9,"tokens":[]}"#] {
        write(&file, broken).expect("written");
        bench.until_counted(&current("tokens"), 0).await;
        bench.until_answered("tb_first", 200).await;
        write(&file, &good).expect("written");
        bench.until_counted(&current("tokens"), 1).await;
    }
    std::fs::remove_file(&file).expect("removed");
    bench.until_counted(&current("tokens"), 0).await;
    bench.until_answered("tb_first", 200).await;

    add(&file, "second", "tb_second");
    bench.until_answered("tb_second", 200).await;
    bench.until_answered("tb_first", 401).await;
    add(&file, "reader", "tb_third");
    bench.until_counted(&current("tokens"), 0).await;
    bench.until_answered("tb_third", 401).await;
}

struct Authority {
    certificate: reqwest::Certificate,
    chain: String,
    key: String,
}

fn authority() -> Authority {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let chain = made.cert.pem();
    let certificate = reqwest::Certificate::from_pem(chain.as_bytes()).expect("a certificate");
    Authority { certificate, chain, key: made.signing_key.serialize_pem() }
}

async fn over_tls(bench: &Bench, trusted: &Authority) -> Option<u16> {
    let client = reqwest::Client::builder()
        .tls_certs_only([trusted.certificate.clone()])
        .resolve("localhost", bench.address)
        .build()
        .expect("a client");
    let url = format!("https://localhost:{}/v1/status", bench.address.port());
    let response = client.get(url).bearer_auth("reader-secret-0123456789").send().await.ok()?;
    Some(response.status().as_u16())
}

#[tokio::test]
async fn tls_is_spoken_with_what_stands_in_the_files() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let tls = TlsConfig { certificate: directory.path().join("cert.pem"), key: directory.path().join("key.pem") };
    let (first, second) = (authority(), authority());
    let put = |authority: &Authority| {
        write(&tls.certificate, &authority.chain).expect("written");
        write(&tls.key, &authority.key).expect("written");
    };
    put(&first);
    let files = Files::new(Tokens::declared(&all_tokens()), Some(&tls)).unwrap_or_else(|error| panic!("{error}"));
    let bounds = Bounds { follow: OFTEN, first_head: Duration::from_millis(500), ..Bounds::default() };
    let bench = start(Parts { files, bounds, ..Parts::default() }).await;
    assert_eq!(over_tls(&bench, &first).await, Some(200));
    assert_eq!(over_tls(&bench, &second).await, None, "nobody else's certificate is shown");

    assert!(!bench.raw(b"GET /v1/status HTTP/1.1\r\n\r\n").await.contains("HTTP"), "nothing in the open");
    bench.until_counted("trailbrake_http_connections_broken_total{reason=\"tls\"}", 2).await;
    bench.raw(b"\x16\x03\x01").await;
    bench.until_counted("trailbrake_http_connections_broken_total{reason=\"head-late\"}", 1).await;

    write(&tls.key, &second.key).expect("written");
    bench.until_counted(&current("tls"), 0).await;
    assert_eq!(over_tls(&bench, &first).await, Some(200), "a key that does not fit leaves what was there");
    put(&second);
    bench.until_counted(&current("tls"), 1).await;
    assert_eq!(over_tls(&bench, &second).await, Some(200));
    assert_eq!(over_tls(&bench, &first).await, None);
}

#[test]
fn files_that_are_no_use_say_what_to_do() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = |name: &str| directory.path().join(name);
    let (first, second) = (authority(), authority());
    write(path("cert"), &first.chain).expect("written");
    write(path("key"), &first.key).expect("written");
    write(path("other"), &second.key).expect("written");
    write(path("empty"), "").expect("written");
    for (certificate, key, told) in [
        ("none", "key", "certificate cannot be read: "),
        ("cert", "none", "key cannot be read: "),
        ("cert", "empty", "key cannot be read: "),
        ("empty", "key", "holds no certificate"),
        ("cert", "cert", "key cannot be read: "),
        ("cert", "other", "certificate and key cannot be used: "),
    ] {
        let tls = TlsConfig { certificate: path(certificate), key: path(key) };
        let error = Files::new(Tokens::declared(&[]), Some(&tls)).map(|_| ()).expect_err("refused").to_string();
        assert!(error.contains(told) && error.contains("\nhint: "), "{certificate}, {key}: {error}");
        assert!(!error.contains("PRIVATE"), "{error}");
    }
}
