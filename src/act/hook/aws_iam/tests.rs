//! What can be said of the hook without IAM.

use serde_json::json;

use super::*;

fn hook() -> AwsIam {
    let http = aws_smithy_http_client::Builder::new().build_http();
    let shared = aws_config::SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .http_client(http)
        .build();
    AwsIam {
        iam: Client::new(&shared),
        sts: aws_sdk_sts::Client::new(&shared),
        destructive_policy: "trailbrake/destructive".to_owned(),
        all_policy: "trailbrake/all".to_owned(),
        own_arn: OnceCell::new(),
    }
}

fn desired(entity: &str, rung: Option<Rung>) -> Desired {
    Desired {
        key: PauseKey {
            account: "123456789012".to_owned(),
            entity: format!("arn:aws-cn:iam::123456789012:{entity}"),
            session: "*".to_owned(),
        },
        generation: 7,
        rung,
        decided_at: trailbrake_detectors::time::Millis(0),
        received_at: trailbrake_detectors::time::Millis(0),
        incidents: Vec::new(),
    }
}

#[test]
fn plans_the_change_and_what_undoes_it() {
    let (soft, hard) = (
        "arn:aws-cn:iam::123456789012:policy/trailbrake/destructive",
        "arn:aws-cn:iam::123456789012:policy/trailbrake/all",
    );
    let steps = |attach: &[&str], detach: &[&str]| json!({"attach": attach, "detach": detach});
    let (destructive, all) = (Some(Rung::Destructive), Some(Rung::All));
    let cases = [
        (Observed::Free, None, None),
        (Observed::Paused(Rung::All), all, None),
        (Observed::Free, destructive, Some((steps(&[soft], &[hard]), steps(&[], &[soft, hard])))),
        (Observed::Free, all, Some((steps(&[hard], &[soft]), steps(&[], &[soft, hard])))),
        (Observed::Paused(Rung::Destructive), all, Some((steps(&[hard], &[soft]), steps(&[soft], &[hard])))),
        (Observed::Paused(Rung::All), None, Some((steps(&[], &[soft, hard]), steps(&[hard], &[soft])))),
    ];
    let hook = hook();
    for (observed, rung, expected) in cases {
        let planned = hook.plan(&desired("role/a/agent", rung), observed).expect("plans");
        let found = planned.map(|change| (change.change, change.undo));
        assert_eq!(found, expected, "{observed:?} to {rung:?}");
    }
}

#[test]
fn refuses_what_a_managed_policy_cannot_pause() {
    let session = |session: &str| {
        let mut key = desired("role/agent", None).key;
        session.clone_into(&mut key.session);
        key
    };
    let keys =
        [desired("root", None).key, desired("role/aws-reserved/sso.amazonaws.com/X", None).key, session("AROA:x")];
    for key in keys {
        let error = target(&key).expect_err("must be refused");
        assert_eq!(error.reason, HookFailure::Unmodifiable, "{key:?}");
    }
}

#[test]
fn knows_itself() {
    let cases = [
        ("role/path/hook", "arn:aws-cn:sts::123456789012:assumed-role/hook/session", true),
        ("role/path/hook", "arn:aws-cn:sts::123456789012:assumed-role/hooked/session", false),
        ("role/path/hook", "arn:aws-cn:sts::999999999999:assumed-role/hook/session", false),
        ("user/path/hook", "arn:aws-cn:iam::123456789012:user/path/hook", true),
        ("role/hook", "arn:aws-cn:iam::123456789012:root", false),
    ];
    for (entity, own_arn, expected) in cases {
        let key = desired(entity, None).key;
        let entity = target(&key).expect("an entity");
        assert_eq!(is_own(own_arn, &key.entity, &entity), expected, "{own_arn} {entity:?}");
    }
}
