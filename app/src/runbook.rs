//! The runbook, from the binary: an alert's link leads to the page of the very version that it is about, without a
//! repository or the internet.

use std::fmt::Write as _;

use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd, html};

/// Where it is served; `runbook` in the mixin's settings says the address before it.
pub(crate) const PATH: &str = "/runbook";

const TEXT: &str = include_str!("../../docs/runbook.md");
const PAGE: &str = include_str!("runbook.html");

/// The whole page, but for the nonce of an answer.
pub(crate) fn page() -> String {
    let mut events: Vec<_> = Parser::new_ext(TEXT, Options::ENABLE_TABLES).collect();
    let mut contents = String::new();
    for at in 0..events.len() {
        let title = title(&events[at..]);
        if let Event::Start(Tag::Heading { level, id, .. }) = &mut events[at] {
            let anchor = anchor(&title);
            let level = *level as u8;
            write!(contents, "<a class=\"level{level}\" href=\"#{anchor}\">{title}</a> ")
                .expect("BUG: writing to a string");
            *id = Some(CowStr::from(anchor));
        }
    }
    let mut text = String::new();
    html::push_html(&mut text, events.into_iter());
    // What is wider than the screen can be scrolled by keyboard, too.
    let text = text.replace("<pre>", "<pre tabindex=\"0\">");
    PAGE.replace("__CONTENTS__", &contents).replace("__TEXT__", &text)
}

/// The words of the heading that begins here.
fn title(events: &[Event<'_>]) -> String {
    let inside = events.iter().skip(1).take_while(|event| !matches!(event, Event::End(TagEnd::Heading(_))));
    let words = inside.filter_map(|event| match event {
        Event::Text(text) | Event::Code(text) => Some(text.as_ref()),
        _ => None,
    });
    words.collect()
}

/// As repositories make them, so that a link to the file works too.
fn anchor(title: &str) -> String {
    let kept = title.to_lowercase().replace(' ', "-");
    kept.chars().filter(|c| c.is_alphanumeric() || *c == '-').collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runbook_headings_have_anchors() {
        assert_eq!(anchor("OuraIllnessSignal"), "ouraillnesssignal");
        assert_eq!(anchor("First look, whatever it is"), "first-look-whatever-it-is");
        let page = page();
        let headings = TEXT.lines().filter(|line| line.starts_with('#')).count();
        assert_eq!(page.matches(" id=\"").count(), headings);
        assert!(page.contains("<pre tabindex=\"0\"><code") && !page.contains("<pre><code"), "{page}");
        assert!(page.contains("<h3 id=\"ouraillnesssignal\">OuraIllnessSignal</h3>"), "{page}");
    }
}
