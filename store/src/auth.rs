//! Access: API tokens and accounts of users here, accounts and grants of people at Oura.

pub(crate) mod audit;
pub(crate) mod declared;
pub(crate) mod oura_accounts;
pub(crate) mod oura_grants;
pub(crate) mod roles;
pub(crate) mod sign_on;
pub(crate) mod tokens;
pub(crate) mod user_accounts;
