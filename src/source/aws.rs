//! What the sources that call AWS have in common: how a client is set up, and what its errors mean.

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, Region, SdkConfig};
#[cfg(not(feature = "kinesis"))]
use aws_sdk_cloudtrail::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
#[cfg(feature = "kinesis")]
use aws_sdk_kinesis::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_smithy_http_client::{Builder, tls};

use super::retry::Failure;
use crate::limits::{SOURCE_CALL_TIMEOUT, SOURCE_CONNECT_TIMEOUT};

/// Which AWS is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// The region.
    pub region: String,
    /// Another endpoint than AWS's own.
    pub endpoint: Option<String>,
}

impl Remote {
    /// The configuration of a client, with credentials from the usual places. It never tries again by itself: each
    /// source does, and its own limits of requests hold for every attempt.
    pub(super) async fn sdk_config(&self) -> SdkConfig {
        self.loader().load().await
    }

    fn loader(&self) -> ConfigLoader {
        let client =
            Builder::new().tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring)).build_https();
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(SOURCE_CONNECT_TIMEOUT)
            .operation_attempt_timeout(SOURCE_CALL_TIMEOUT)
            .build();
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(self.region.clone()))
            .http_client(client)
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts);
        if let Some(endpoint) = &self.endpoint {
            loader = loader.endpoint_url(endpoint);
        }
        loader
    }
}

/// What an error of AWS means for a source.
pub(super) fn failure<E, R>(error: &SdkError<E, R>) -> Failure
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
    R: std::fmt::Debug,
{
    let text = match (error.code(), error.message()) {
        (Some(code), message) => format!("{code}: {}", message.unwrap_or_default()),
        (None, _) => DisplayErrorContext(error).to_string(),
    };
    let (reason, hint) = match error {
        SdkError::TimeoutError(_) => ("timeout", ""),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => ("timeout", ""),
        SdkError::DispatchFailure(failure) if failure.is_io() => ("unreachable", "check the endpoint and the network"),
        SdkError::DispatchFailure(_) => ("unreachable", "check the endpoint, the network and the AWS credentials"),
        SdkError::ServiceError(_) => meaning(error.code().unwrap_or_default()),
        _ => ("other", ""),
    };
    Failure::new(reason, &text, hint)
}

/// The word for a code of AWS, and what to do about it.
fn meaning(code: &str) -> (&'static str, &'static str) {
    match code {
        "ProvisionedThroughputExceededException"
        | "LimitExceededException"
        | "ThrottlingException"
        | "Throttling"
        | "TooManyRequestsException"
        | "RequestLimitExceeded"
        | "KMSThrottlingException" => ("throttled", ""),
        "AccessDeniedException" | "AccessDenied" | "KMSAccessDeniedException" => {
            ("denied", "allow this call to the role or user of the credentials")
        }
        "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "IncompleteSignature"
        | "MissingAuthenticationTokenException"
        | "ExpiredTokenException"
        | "ExpiredToken" => ("credentials", "check the AWS credentials, and the machine's clock"),
        "ResourceNotFoundException" | "TrailNotFoundException" => ("not-found", "check the name and the region"),
        "ExpiredIteratorException" | "ExpiredNextTokenException" | "InvalidNextTokenException" => ("expired", ""),
        "InvalidArgumentException" | "ValidationException" | "InvalidTimeRangeException" => ("invalid", ""),
        _ => ("other", ""),
    }
}

/// The configuration of a client of a test's own server, which takes any credentials.
#[cfg(test)]
pub(super) async fn test_config(endpoint: &str) -> SdkConfig {
    #[cfg(not(feature = "kinesis"))]
    use aws_sdk_cloudtrail::config::Credentials;
    #[cfg(feature = "kinesis")]
    use aws_sdk_kinesis::config::Credentials;
    let remote = Remote { region: "us-east-1".to_owned(), endpoint: Some(endpoint.to_owned()) };
    let credentials = Credentials::new("AKIAIOSFODNN7EXAMPLE", "not-a-secret", None, None, "test");
    remote.loader().credentials_provider(credentials).load().await
}

#[cfg(test)]
mod tests {
    use super::meaning;

    #[test]
    fn codes_of_aws_become_few_words() {
        for (code, reason) in [
            ("ProvisionedThroughputExceededException", "throttled"),
            ("ThrottlingException", "throttled"),
            ("AccessDeniedException", "denied"),
            ("ExpiredTokenException", "credentials"),
            ("ExpiredIteratorException", "expired"),
            ("TrailNotFoundException", "not-found"),
            ("InvalidArgumentException", "invalid"),
            ("SomethingNew", "other"),
            ("", "other"),
        ] {
            assert_eq!(meaning(code).0, reason, "{code}");
        }
    }
}
