//! Stand-ins for AWS whose IAM enforces: MiniStack and moto.

use std::path::Path;

use aws_sdk_iam::config::Credentials;

use super::query::{Api, Query, first};
use super::server::Server;
use super::web;

/// Which one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    MiniStack,
    Moto,
}

impl Kind {
    /// The word for it in names and tables; also its start script's.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::MiniStack => "ministack",
            Self::Moto => "moto",
        }
    }
}

/// A stand-in at work, with one administrator.
pub(crate) struct Emulator {
    /// Which one.
    pub(crate) kind: Kind,
    /// The account.
    pub(crate) account: String,
    /// May do everything; an IAM user.
    pub(crate) admin: Query,
    /// The administrator's unique id.
    pub(crate) admin_id: String,
    server: Server,
}

/// The administrator's name.
pub(crate) const ADMIN: &str = "platform-operator";
const EVERYTHING: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;

impl Emulator {
    /// Starts one, makes an administrator, and switches enforcement on.
    pub(crate) async fn start(kind: Kind, directory: &Path) -> Self {
        let server = Server::start(kind.name(), directory);
        let root = Query::new(&server.url(), credentials("test", "test", None));
        let identity = root.must(Api::Sts, "GetCallerIdentity", &[]).await;
        let account = first(&identity, "Account").expect("an account").to_owned();
        let user = root.must(Api::Iam, "CreateUser", &[("UserName", ADMIN)]).await;
        let admin_id = first(&user, "UserId").expect("a user's id").to_owned();
        let policy = [("UserName", ADMIN), ("PolicyName", "everything"), ("PolicyDocument", EVERYTHING)];
        root.must(Api::Iam, "PutUserPolicy", &policy).await;
        let admin = user_of(&root, ADMIN).await;
        if kind == Kind::Moto {
            let request = web::client().post(format!("{}/moto-api/reset-auth", server.url()));
            let answer = request.header("content-type", "text/plain").body("0").send().await.expect("moto's answer");
            assert!(answer.status().is_success(), "moto does not enforce: {}", answer.status());
        }
        Self { kind, account, admin, admin_id, server }
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> String {
        self.server.url()
    }
}

/// A new access key of a user.
pub(crate) async fn user_of(by: &Query, name: &str) -> Query {
    let key = by.must(Api::Iam, "CreateAccessKey", &[("UserName", name)]).await;
    let of = |tag| first(&key, tag).expect("an access key");
    by.with(credentials(of("AccessKeyId"), of("SecretAccessKey"), None))
}

/// Credentials of the tests.
pub(crate) fn credentials(access_key: &str, secret_key: &str, token: Option<&str>) -> Credentials {
    Credentials::new(access_key, secret_key, token.map(str::to_owned), None, "tests")
}
