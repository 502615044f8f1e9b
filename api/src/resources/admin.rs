//! What operators do and read: people, accounts, tokens, the audit trail. All of it needs the scope `admin` without a person, and
//! what changes something is in the audit trail.

mod accounts;
mod audit;
mod people;
mod request;
mod tokens;

use store::Scope;

use crate::policy::{Policy, RequiredAccess};
use crate::routes::Routes;
use crate::state::State;

pub(super) fn routes() -> Routes<State> {
    let read = Policy::scope(Scope::Admin);
    let write = Policy { access: RequiredAccess::Identified(Scope::Admin), ..read };
    Routes::new()
        .merge(audit::routes(read))
        .merge(people::routes(write))
        .merge(accounts::routes(read, write))
        .merge(tokens::routes(read, write))
}
