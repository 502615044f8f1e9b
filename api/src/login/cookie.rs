//! Log-ins in browsers: the signed token in a cookie that scripts cannot read and pages of other sites cannot make a browser
//! send. It opens what a page of this origin asks for; the guard is in [`crate::access`].

use axum::http::{HeaderMap, HeaderValue, header};

/// The cookie's name. Cookies are shared by all ports of a host.
const NAME: &str = "myhealth-session";

/// The same where the browser came by TLS: no other host of the domain can set a cookie with this prefix.
const SECURE_NAME: &str = "__Host-myhealth-session";

/// Cookies of one request that are looked at.
const MAX_COOKIES: usize = 100;

/// Whether the page that sends this request came by TLS. The browser says so in `Origin`, and a proxy that terminates TLS
/// leaves it as it is; the attribute is about this browser's own cookie only.
pub(crate) fn is_from_secure_page(headers: &HeaderMap) -> bool {
    headers.get(header::ORIGIN).is_some_and(|origin| origin.as_bytes().starts_with(b"https://"))
}

/// The log-in that a browser sends, if it sends one.
pub(crate) fn session(headers: &HeaderMap) -> Option<&str> {
    value(headers, SECURE_NAME).or_else(|| value(headers, NAME))
}

/// The value of the first cookie of this name.
pub(crate) fn value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let headers = headers.get_all(header::COOKIE).iter().filter_map(|header| header.to_str().ok());
    let mut cookies = headers.flat_map(|header| header.split(';')).take(MAX_COOKIES);
    cookies.find_map(|cookie| {
        let (found, value) = cookie.trim().split_once('=')?;
        (found == name && !value.is_empty()).then_some(value)
    })
}

/// The header that keeps a log-in in the browser for so many seconds.
pub(crate) fn keep_session(token: &str, secure: bool, seconds: i64) -> HeaderValue {
    let name = if secure { SECURE_NAME } else { NAME };
    set(name, token, "/", "Strict", secure, seconds)
}

/// The headers that make the browser forget a log-in, under both names: it may have been made before TLS came.
pub(crate) fn forget_session() -> [HeaderValue; 2] {
    [set(SECURE_NAME, "", "/", "Strict", true, 0), set(NAME, "", "/", "Strict", false, 0)]
}

/// A `Set-Cookie` header. Its parts are words, numbers and base64url.
pub(crate) fn set(
    name: &str,
    value: &str,
    path: &str,
    same_site: &str,
    secure: bool,
    seconds: i64,
) -> HeaderValue {
    let secure = if secure { "; Secure" } else { "" };
    let text =
        format!("{name}={value}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite={same_site}{secure}");
    text.parse().expect("BUG: words, numbers and base64url fit in a header")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(cookies: &[&'static str], expected: Option<&str>) {
        let cookies = cookies.iter().map(|cookie| (header::COOKIE, HeaderValue::from_static(cookie)));
        assert_eq!(session(&cookies.collect::<HeaderMap>()), expected);
    }

    #[test]
    fn session_is_found_among_other_cookies_and_the_protected_name_wins() {
        check(&[], None);
        check(&["theme=dark; myhealth-session=a.b.c"], Some("a.b.c"));
        check(&["myhealth-session=a.b.c", "__Host-myhealth-session=d.e.f"], Some("d.e.f"));
        check(&["other-myhealth-session=a.b.c;myhealth-session"], None);
        check(&["myhealth-session="], None);
    }

    #[test]
    fn session_cookie_is_closed_to_scripts_and_other_sites() {
        let expected = "__Host-myhealth-session=a.b-c; Path=/; Max-Age=60; HttpOnly; SameSite=Strict; Secure";
        assert_eq!(keep_session("a.b-c", true, 60), expected);
        let expected = "myhealth-session=a; Path=/; Max-Age=60; HttpOnly; SameSite=Strict";
        assert_eq!(keep_session("a", false, 60), expected);
    }
}
