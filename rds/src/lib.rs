//! Log-ins at PostgreSQL on Amazon RDS and Aurora without a stored password: a token that is signed with the credentials
//! of the process is valid for 15 minutes (IAM database authentication).
//!
//! Where the credentials come from is `object_store`'s: variables, a web identity, the container's endpoint or the
//! instance's metadata (docs/adr/0023). Not here: the connection (`store`), the clock, the environment.

mod sign;

use std::time::Duration;

use jiff::Timestamp;
use object_store::aws::{AmazonS3Builder, AwsCredentialProvider};
use object_store::{ClientOptions, RetryConfig};
use secrecy::SecretString;

/// How long AWS may take to hand out credentials.
const CREDENTIALS_TIMEOUT: Duration = Duration::from_secs(5);

/// The role at a server that tokens are for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The name by which RDS knows the server; a CNAME of one's own is refused by RDS.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// The role in the database, a member of `rds_iam`.
    pub user: String,
}

/// Settings by which no token can be signed.
#[derive(Debug, thiserror::Error)]
pub enum Invalid {
    /// Neither the host nor a variable names the region.
    #[error("{0} does not name its AWS region; set AWS_REGION")]
    Region(String),
    /// A variable of AWS is wrong.
    #[error("the AWS_… variables do not give credentials")]
    Settings(#[source] object_store::Error),
}

/// AWS gives no credentials.
#[derive(Debug, thiserror::Error)]
#[error("AWS gives no credentials; check the role of the pod, task or instance")]
pub struct NoCredentials(#[source] object_store::Error);

/// Signs tokens of one role.
#[derive(Clone, Debug)]
pub struct Signer {
    credentials: AwsCredentialProvider,
    region: String,
    endpoint: Endpoint,
}

impl Signer {
    /// A signer by the `AWS_…` variables of the process. Nothing is requested yet.
    pub fn new(
        endpoint: Endpoint,
        settings: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, Invalid> {
        let settings: Vec<_> = settings.into_iter().collect();
        let set = |names: &[&str]| {
            let named =
                |name: &&str| settings.iter().find(|(known, value)| known == name && !value.is_empty());
            names.iter().find_map(named).map(|(_, value)| value.clone())
        };
        // A token is for the region of the server, wherever the process runs.
        let region = region_of(&endpoint.host)
            .or_else(|| set(&["AWS_REGION", "AWS_DEFAULT_REGION"]))
            .ok_or_else(|| Invalid::Region(endpoint.host.clone()))?;
        // Credentials are what is wanted of this client of S3: it requests nothing of the bucket.
        let retry =
            RetryConfig { max_retries: 2, retry_timeout: CREDENTIALS_TIMEOUT, ..RetryConfig::default() };
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name("credentials-only")
            .with_region(&region)
            .with_client_options(ClientOptions::new().with_timeout(CREDENTIALS_TIMEOUT))
            .with_retry(retry);
        for (name, value) in &settings {
            if let Ok(key) = name.to_ascii_lowercase().parse()
                && !value.is_empty()
            {
                builder = builder.with_config(key, value);
            }
        }
        let client = builder.build().map_err(Invalid::Settings)?;
        Ok(Self { credentials: client.credentials().clone(), region, endpoint })
    }

    /// The role that tokens are for.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// A token that is the password from `now` on, for 15 minutes. The credentials are kept until shortly before they end.
    pub async fn token(&self, now: Timestamp) -> Result<SecretString, NoCredentials> {
        let credentials = self.credentials.get_credential().await.map_err(NoCredentials)?;
        Ok(sign::token(&self.endpoint, &self.region, &credentials, now).into())
    }
}

/// The region in a name that RDS gave: `….eu-central-1.rds.amazonaws.com`, in China `….cn-north-1.rds.amazonaws.com.cn`.
fn region_of(host: &str) -> Option<String> {
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    let name = name.strip_suffix(".cn").unwrap_or(&name);
    let (_, region) = name.strip_suffix(".rds.amazonaws.com")?.rsplit_once('.')?;
    Some(region.to_owned())
}

#[cfg(test)]
mod tests;
