//! What operators do to accounts and tokens, by the command line and by `/api/v1/admin` alike.

use domain::Day;
use jiff::Timestamp;
use ring::rand::{SecureRandom as _, SystemRandom};
use store::{NewToken, Store};

use crate::login::password::MAX_NAME;

/// The system gave no random numbers.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gives no random numbers")]
pub struct NoRandomNumbers;

/// Whether an account may be called so.
pub fn is_account_name(name: &str) -> bool {
    is_printable(name, MAX_NAME)
}

/// Whether a token may be called so.
pub fn is_token_name(name: &str) -> bool {
    is_printable(name, 64)
}

/// Names are printed in lists and logs.
fn is_printable(name: &str, most: usize) -> bool {
    (1..=most).contains(&name.len()) && !name.chars().any(char::is_control)
}

/// The number of a new account: positive, and nothing that JSON would round.
pub fn account_number() -> Result<i64, NoRandomNumbers> {
    Ok(i64::from_ne_bytes(random()?) & ((1 << 53) - 1))
}

/// When a token or an account ends that works until the end of this day, in UTC; `None` where that is over.
pub fn end_of(last: Day, now: Timestamp) -> Option<Timestamp> {
    Some(last.plus(1).midnight_utc()).filter(|end| now < *end)
}

/// Makes a token. Returns its number and its text, which is not stored.
pub async fn create_token(
    store: &Store,
    new: &NewToken,
    now: Timestamp,
) -> Result<(i64, String), TokenError> {
    let text = store.create_token(new, random()?, now).await?;
    let number = text.split('_').nth(1).and_then(|number| number.parse().ok());
    Ok((number.expect("BUG: a token has its number between its underscores"), text))
}

/// A token that was not made.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// Without chance there is no secret.
    #[error(transparent)]
    Random(#[from] NoRandomNumbers),
    /// The database.
    #[error(transparent)]
    Store(#[from] store::Error),
}

fn random<const N: usize>() -> Result<[u8; N], NoRandomNumbers> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| NoRandomNumbers)?;
    Ok(bytes)
}
