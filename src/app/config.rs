//! What the build decides: meson hands it in by the environment, a plain `cargo build` uses the defaults.

const fn or(given: Option<&'static str>, default: &'static str) -> &'static str {
    match given {
        Some(value) => value,
        None => default,
    }
}

/// The application id, also the id of the settings schema's path.
pub const APP_ID: &str = or(option_env!("HANDOUT_APP_ID"), "in.ac.gehu.Handout");
/// The version shown to people.
pub const VERSION: &str = or(option_env!("HANDOUT_VERSION"), env!("CARGO_PKG_VERSION"));
/// Where translations are installed.
pub const LOCALEDIR: &str = or(option_env!("HANDOUT_LOCALEDIR"), "/usr/local/share/locale");
/// `release`, or `development` for a build that says so in its look.
pub const PROFILE: &str = or(option_env!("HANDOUT_PROFILE"), "release");
/// The gettext domain.
pub const DOMAIN: &str = "handout";
/// The id of the settings schema, the same in every profile.
pub const SCHEMA_ID: &str = "in.ac.gehu.Handout";
/// Where the embedded icons and styles are.
pub const RESOURCES: &str = "/in/ac/gehu/Handout";
