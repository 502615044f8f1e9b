//! Single sign-on: people log in at an OpenID Connect provider (Authelia, Authentik, Keycloak, Entra, Google …) by the
//! authorization code flow with PKCE, `state` and `nonce`. What the provider says is checked here, and becomes an [`Identity`];
//! what an identity opens is the business of `api`. Responses of the provider are bounded in size and time, and none of its
//! redirects is followed.

mod attempt;
mod error;
mod id_token;
mod provider;
mod settings;
pub mod signatures;

pub use attempt::Attempt;
pub use error::Error;
pub use provider::{Callback, Identity, Provider};
pub use settings::{InvalidSettings, Settings};
