//! The page, written.

use std::fmt::{Display, Write as _};

use domain::{Collection, Day, usual};

use crate::chart::chart;
use crate::period::Period;
use crate::read::{Night, Number, ReportData};
use crate::rows::{SECTIONS, Section, Summary};
use crate::text::{Escaped, NO_VALUE, Style, duration};

const STYLE: &str = include_str!("style.css");

/// The three scores at the top.
const SCORES: [&str; 3] = ["sleep_score", "readiness_score", "activity_score"];

/// Days named for one reason before the rest is only counted.
const NAMED: usize = 8;

/// Writes into the page; a text takes everything.
macro_rules! say {
    ($out:expr, $($text:tt)*) => { let _ = write!($out, $($text)*); };
}

pub(crate) fn page(read: &ReportData) -> String {
    let mut out = String::with_capacity(64 * 1024);
    let title = title(read);
    let person = Escaped(&read.person);
    say!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"robots\" content=\"noindex\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{title} – {person}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<header>\n\
         <h1>{title}</h1>\n<p>{person} · {} to {}</p>\n",
        long(read.days.first()),
        long(read.days.last())
    );
    if read.open_days > 0 {
        say!(
            out,
            "<p class=\"note\">{} of these days {} young enough that Oura may still change {}.</p>\n",
            read.open_days,
            if read.open_days == 1 { "is" } else { "are" },
            if read.open_days == 1 { "it" } else { "them" }
        );
    }
    say!(out, "<nav aria-label=\"Sections\">");
    for section in &SECTIONS {
        say!(out, "<a href=\"#{}\">{}</a>", section.id, section.title);
    }
    say!(
        out,
        "<a href=\"#events\">Workouts and tags</a><a href=\"#coverage\">Coverage</a></nav>\n</header>\n<main>\n"
    );
    scores(&mut out, read);
    for section in &SECTIONS {
        self::section(&mut out, read, section);
    }
    events(&mut out, read);
    coverage(&mut out, read);
    let made = read.made_at.to_zoned(read.zone.clone()).strftime("%-d %B %Y, %H:%M");
    say!(
        out,
        "</main>\n<footer>\n<p>Made on {made} ({}) by myhealth. <strong>Not a medical device:</strong> a ring estimates, \
         and nothing here is a diagnosis. Talk to a doctor about your health.</p>\n\
         <p>Changes are against {} to {}. Usual is a range around the median of the {} days before; with fewer than \
         {} measured days there is none. A day (in charts) is within {} spreads of the median, the mean of a {} within {}; a \
         spread is the distance of the quartiles divided by {}. What was not measured is left out, never zero.</p>\n\
         </footer>\n</body>\n</html>\n",
        Escaped(&read.time_zone),
        long(read.previous.first()),
        long(read.previous.last()),
        usual::DAYS,
        usual::MIN_DAYS,
        usual::DAY_WIDTH,
        read.period,
        usual::MEAN_WIDTH,
        statistics::QUARTILE_DISTANCE
    );
    out
}

fn title(read: &ReportData) -> String {
    let first = read.days.first().date();
    match read.period {
        Period::Week => first.strftime("Week %V of %G").to_string(),
        Period::Month => first.strftime("%B %Y").to_string(),
    }
}

fn long(day: Day) -> impl Display {
    day.date().strftime("%-d %B %Y").to_string()
}

fn short(day: Day) -> impl Display {
    day.date().strftime("%a %-d %b").to_string()
}

/// A number, or the mark for a missing one.
fn or_nothing(value: Option<f64>, write: impl Fn(f64) -> String) -> String {
    value.map_or_else(|| NO_VALUE.to_owned(), write)
}

/// How a number compares with what is usual, in words: colour alone is not accessible.
fn against(number: &Number) -> Option<(&'static str, &'static str)> {
    let (now, usual) = (number.now?, number.usual.as_ref()?);
    Some(match now {
        now if now < usual.mean.0 => ("below", "below usual"),
        now if now > usual.mean.1 => ("above", "above usual"),
        _ => ("within", "as usual"),
    })
}

fn change(number: &Number) -> String {
    or_nothing(number.now.zip(number.before).map(|(now, before)| now - before), |by| {
        number.row.style.difference(by)
    })
}

fn scores(out: &mut String, read: &ReportData) {
    say!(out, "<h2 id=\"scores\">Scores</h2>\n<ul class=\"scores\">\n");
    for number in SCORES.iter().filter_map(|metric| read.numbers.get(metric)) {
        let now = or_nothing(number.now, |now| format!("{now:.0}"));
        say!(
            out,
            "<li>{}<b>{now}</b><span>{} against the {} before</span>",
            number.row.title,
            change(number),
            read.period
        );
        if let (Some((_, words)), Some(usual)) = (against(number), &number.usual) {
            say!(out, "<span>{words} ({:.0} to {:.0})</span>", usual.mean.0, usual.mean.1);
        }
        say!(out, "</li>\n");
    }
    say!(out, "</ul>\n");
}

fn section(out: &mut String, read: &ReportData, section: &Section) {
    let numbers: Vec<&Number> = section.rows.iter().filter_map(|row| read.numbers.get(row.metric)).collect();
    say!(out, "<section aria-labelledby=\"{0}\">\n<h2 id=\"{0}\">{1}</h2>\n", section.id, section.title);
    if numbers.iter().all(|number| number.days.iter().all(Option::is_none)) {
        say!(out, "<p>Nothing was measured in this {}.</p>\n</section>\n", read.period);
        return;
    }
    summary(out, read, section, &numbers);
    charts(out, read, &numbers);
    if section.id == "sleep" {
        nights(out, read);
    }
    table(out, read, section, &numbers);
    say!(out, "</section>\n");
}

/// A table that a keyboard can scroll where it is wider than the screen. `caption` is a text of the program, never of a person.
fn begin_table(out: &mut String, caption: std::fmt::Arguments<'_>) {
    say!(
        out,
        "<div class=\"scroll\" role=\"group\" tabindex=\"0\" aria-label=\"{caption}\"><table>\n<caption>{caption}</caption>\n"
    );
}

/// One line a number: this period, the one before, what is usual.
fn summary(out: &mut String, read: &ReportData, section: &Section, numbers: &[&Number]) {
    begin_table(
        out,
        format_args!("{}: this {1}, the {1} before, and what is usual", section.title, read.period),
    );
    say!(
        out,
        "<thead><tr><th scope=\"col\">Number</th><th scope=\"col\">This {}</th><th scope=\"col\">Before</th>\
         <th scope=\"col\">Change</th><th scope=\"col\">Usual</th><th scope=\"col\" class=\"word\">Against usual</th></tr></thead>\n<tbody>\n",
        read.period
    );
    for number in numbers {
        let style = number.row.style;
        let sum_up = |value: f64| match number.row.summary {
            Summary::Mean => style.mean(value),
            Summary::Total => style.with_unit(value),
        };
        let kind = if number.row.summary == Summary::Total { ", in all" } else { "" };
        let usual = number.usual.as_ref();
        let usual = usual.map_or_else(
            || NO_VALUE.to_owned(),
            |usual| format!("{} to {}", style.number(usual.mean.0), style.with_unit(usual.mean.1)),
        );
        let (class, words) = against(number).unwrap_or(("none", NO_VALUE));
        say!(
            out,
            "<tr><th scope=\"row\">{}{kind}</th><td>{}</td><td>{}</td><td>{}</td><td>{usual}</td><td class=\"word {class}\">{words}</td></tr>\n",
            number.row.title,
            or_nothing(number.now, sum_up),
            or_nothing(number.before, sum_up),
            change(number)
        );
    }
    say!(out, "</tbody></table></div>\n");
}

fn charts(out: &mut String, read: &ReportData, numbers: &[&Number]) {
    say!(out, "<div class=\"charts\">\n");
    for number in numbers {
        let Some(shape) = number.row.chart else { continue };
        let unit = number.row.style.unit();
        let unit = if unit.is_empty() { String::new() } else { format!(" in {unit}") };
        let title = format!("{}{unit}, day by day; the table below has the numbers", number.row.title);
        let Some(svg) = chart(number, shape, read.days, &title) else { continue };
        let usual = number.usual.as_ref().map_or_else(String::new, |usual| {
            format!(" · usual around {}", number.row.style.with_unit(usual.median))
        });
        say!(
            out,
            "<figure>{svg}<figcaption><b>{}</b>{unit}{usual}</figcaption></figure>\n",
            number.row.title
        );
    }
    say!(out, "</div>\n");
}

fn nights(out: &mut String, read: &ReportData) {
    for (title, nights) in [("Best nights", &read.best), ("Worst nights", &read.worst)] {
        if nights.is_empty() {
            continue;
        }
        let named: Vec<String> = nights.iter().map(night).collect();
        say!(out, "<p><strong>{title}:</strong> {}.</p>\n", named.join("; "));
    }
    if let Some(regularity) = &read.regularity {
        let before = regularity.before.map_or_else(String::new, |before| {
            format!(" ({} in the {} before)", duration(before), read.period)
        });
        say!(
            out,
            "<p><strong>Regularity:</strong> going to bed varied by {}{before}, getting up by {} (standard deviation).</p>\n",
            duration(regularity.start),
            duration(regularity.end)
        );
    }
}

fn night(night: &Night) -> String {
    let mut text = format!("{}, score {:.0}", short(night.day), night.score);
    if let Some(seconds) = night.duration {
        say!(text, ", {} asleep", duration(seconds));
    }
    if let Some(start) = night.start {
        say!(text, ", to bed at {}", Style::Clock.number(start));
    }
    text
}

/// Every day, every number.
fn table(out: &mut String, read: &ReportData, section: &Section, numbers: &[&Number]) {
    begin_table(out, format_args!("{}, day by day", section.title));
    say!(out, "<thead><tr><th scope=\"col\">Day</th>");
    for number in numbers {
        let unit = number.row.style.unit();
        let unit = if unit.is_empty() { String::new() } else { format!(" ({unit})") };
        say!(out, "<th scope=\"col\">{}{unit}</th>", number.row.title);
    }
    say!(out, "</tr></thead>\n<tbody>\n");
    for (n, day) in read.days.days().enumerate() {
        say!(out, "<tr><th scope=\"row\">{}</th>", short(day));
        for number in numbers {
            say!(out, "<td>{}</td>", or_nothing(number.days[n], |value| number.row.style.number(value)));
        }
        say!(out, "</tr>\n");
    }
    say!(out, "</tbody></table></div>\n");
}

fn events(out: &mut String, read: &ReportData) {
    say!(out, "<section aria-labelledby=\"events\">\n<h2 id=\"events\">Workouts and tags</h2>\n");
    if read.workouts.is_empty() {
        say!(out, "<p>No workouts.</p>\n");
    } else {
        begin_table(out, format_args!("Workouts"));
        say!(
            out,
            "<thead><tr><th scope=\"col\">Day</th><th scope=\"col\" class=\"word\">Activity</th>\
             <th scope=\"col\">Duration</th><th scope=\"col\">Energy</th><th scope=\"col\">Distance</th></tr></thead>\n<tbody>\n"
        );
        for workout in &read.workouts {
            say!(
                out,
                "<tr><th scope=\"row\">{}</th><td class=\"word\">{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
                short(workout.day),
                Escaped(&workout.activity.replace('_', " ")),
                or_nothing(workout.duration, duration),
                or_nothing(workout.energy, |joules| Style::Energy.with_unit(joules)),
                or_nothing(workout.distance, |meters| format!("{:.1}\u{a0}km", meters / 1000.0))
            );
        }
        say!(out, "</tbody></table></div>\n");
    }
    if read.tags.is_empty() {
        say!(out, "<p>No tags.</p>\n");
    } else {
        say!(out, "<h3>Tags</h3>\n<ul>\n");
        for (word, days) in &read.tags {
            let days: Vec<Day> = days.iter().copied().collect();
            say!(out, "<li>{}: {}</li>\n", Escaped(&word.replace('_', " ")), named(&days));
        }
        say!(out, "</ul>\n");
    }
    say!(out, "</section>\n");
}

fn named(days: &[Day]) -> String {
    let words: Vec<String> = days.iter().take(NAMED).map(|day| short(*day).to_string()).collect();
    let rest = days.len().saturating_sub(NAMED);
    if rest == 0 { words.join(", ") } else { format!("{} and {rest} more days", words.join(", ")) }
}

fn coverage(out: &mut String, read: &ReportData) {
    say!(out, "<section aria-labelledby=\"coverage\">\n<h2 id=\"coverage\">Coverage</h2>\n");
    begin_table(out, format_args!("Which days there is something of, and why not of the others"));
    say!(
        out,
        "<thead><tr><th scope=\"col\">What</th>\
         <th scope=\"col\">Days</th><th scope=\"col\" class=\"word\">Missing</th></tr></thead>\n<tbody>\n"
    );
    for coverage in &read.coverage {
        let what = match coverage.collection {
            Collection::DailySleep => "Sleep scores",
            Collection::Sleep => "Nights",
            Collection::DailyReadiness => "Readiness",
            _ => "Activity",
        };
        let missing: Vec<String> =
            coverage.missing.iter().map(|(reason, days)| format!("{reason}: {}", named(days))).collect();
        let missing = if missing.is_empty() { "none".to_owned() } else { missing.join("; ") };
        say!(
            out,
            "<tr><th scope=\"row\">{what}</th><td>{} of {}</td><td class=\"word\">{missing}</td></tr>\n",
            coverage.has,
            read.days.len()
        );
    }
    say!(out, "</tbody></table></div>\n</section>\n");
}
