//! Every path of the service, and its description. What each path requires is declared where its handler is.

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::http::header;
use axum::routing::get;
use bytes::Bytes;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::error::{Error, Problem};
use crate::policy::Policies;
use crate::routes::SCHEMES;
use crate::state::State;
use crate::trends::Gaps;
use crate::{middleware, push, remote_read, resources};

/// The prefix of every described path.
const PREFIX: &str = "/api/v1";

/// Where programs that know no prefix log in; the description has the path below [`PREFIX`] alone.
const LOG_IN_ALIAS: &str = "/auth/login";

/// The description without its paths. The version is that of the paths, not of the program: it changes when clients have
/// to.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "myhealth",
        version = "1",
        description = "History of an Oura ring from your own database: days, points within a day, trends. \
            Values are in base units (seconds, ratio 0-1, meters, joules, degrees Celsius); `/api/v1/metrics` says \
            which. Dates are civil days of the person, a night belongs to the day of waking up. What was not measured \
            is absent, never zero. After an upgrade that changed how numbers are derived, responses name the \
            collections that are still being derived again in the header `myhealth-stale-collections`. \
            Not a medical device.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    components(schemas(Problem, Gaps)),
    modifiers(&SecuritySchemes),
    security(("bearer" = []), ("basic" = [])),
    tags(
        (name = "log-in", description = "People log in by name and password; programs have tokens."),
        (name = "service", description = "Whether it runs, whose numbers it has, which numbers there are."),
        (name = "days", description = "Numbers of a day."),
        (name = "events", description = "What happened: workouts, sessions, tags, sleep periods."),
        (name = "history", description = "Points within a day, and many days summed up."),
        (name = "administration", description = "People, accounts, tokens and the audit trail; needs the scope `admin`."),
        (name = "jobs", description = "Long work: exports as files, reports, days read again."),
    ),
)]
struct Description;

/// The ways of authentication.
struct SecuritySchemes;

impl Modify for SecuritySchemes {
    fn modify(&self, description: &mut utoipa::openapi::OpenApi) {
        let scheme = |scheme, words: &str| {
            SecurityScheme::Http(HttpBuilder::new().scheme(scheme).description(Some(words)).build())
        };
        let components = description.components.get_or_insert_default();
        let words = [
            "A token of `myhealth token create`, or a log-in of `POST /api/v1/auth/login`.",
            "Any name, and a token as the password; or an account's name and password: for browsers and for programs that know \
             nothing else.",
        ];
        for ((name, kind), words) in
            SCHEMES.into_iter().zip([HttpAuthScheme::Bearer, HttpAuthScheme::Basic]).zip(words)
        {
            components.add_security_scheme(name, scheme(kind, words));
        }
    }
}

fn described() -> (OpenApiRouter<State>, Policies) {
    let routes = resources::routes().merge(remote_read::routes()).merge(push::routes());
    let routes = routes.nest(PREFIX).merge(resources::well_known::routes());
    let (described, policies) = routes.describe(Description::openapi());
    (described, policies.into_iter().collect())
}

/// The description of every path under `/api/v1` and `/.well-known`.
pub fn openapi() -> utoipa::openapi::OpenApi {
    described().0.into_openapi()
}

/// The whole service: `/api/v1`, its description at `/api/openapi.json` and Swagger UI at `/api/docs`. Any other path
/// responds with a problem.
pub fn router(state: State) -> Router {
    router_with(state, Router::new())
}

/// The same with further routes, `metrics`, that any credential opens which opens some data.
pub fn router_with(state: State, metrics: Router) -> Router {
    let shared = Arc::new(state.clone());
    let (described, policies) = described();
    let policies = policies.with_alias(LOG_IN_ALIAS, &format!("{PREFIX}/auth/login"));
    let resources =
        described.split_for_parts().0.route(LOG_IN_ALIAS, resources::log_in::alias()).with_state(state);
    let resources = resources.merge(metrics);
    let description = Router::new().route("/api/openapi.json", get(description));
    let router = resources
        .merge(description)
        .merge(middleware::docs(swagger()))
        .method_not_allowed_fallback(async || Error::Method)
        .fallback(async || Error::UnknownPath);
    middleware::stack(router, &shared, policies)
}

/// The page asks for its own description only: without `none` it would show a badge from an outside validator. The head with
/// a field for other descriptions, which no screen reader can name, is left out.
fn swagger() -> Router {
    let config =
        Config::from("../openapi.json").validator_url("none").try_it_out_enabled(true).use_base_layout();
    SwaggerUi::new("/api/docs").config(config).into()
}

async fn description() -> impl axum::response::IntoResponse {
    static BODY: LazyLock<Bytes> = LazyLock::new(|| {
        let text = openapi().to_json().expect("BUG: a test writes the description");
        Bytes::from(text)
    });
    ([(header::CONTENT_TYPE, "application/json")], BODY.clone())
}
