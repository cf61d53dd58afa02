//! The examples of `docs/files.md` are what the program reads.

use std::path::Path;

use emulator::Config;
use runner::profile;
use runner::waiver::Waivers;

/// The example of a kind.
fn example(kind: &str) -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/files.md");
    let page = std::fs::read_to_string(page).expect("docs/files.md can be read");
    let block = page.split(&format!("```toml {kind}\n")).nth(1).expect(kind);
    block.split("```").next().unwrap_or_default().to_string()
}

#[test]
fn the_profile_is_the_default_and_its_comments_are_keys() {
    let text = example("profile");
    let path = Path::new("profile.toml");
    assert_eq!(profile::parse(path, &text).unwrap(), model::Profile::default());
    let all = text.replace("\n# ", "\n");
    let profile = profile::parse(path, &all).unwrap();
    assert_eq!(profile.revision, Some(spec::Version::new(2, 0)));
    assert_eq!(profile.choices.len(), 1);
}

#[test]
fn the_waivers_and_the_configuration_are_read() {
    let waivers = Waivers::parse(Path::new("waivers.toml"), &example("waivers")).unwrap();
    assert_eq!(waivers.entries.len(), 1);
    let config = Config::from_toml(&example("emulator")).unwrap();
    assert_eq!((config.controllers, config.mdts, config.namespaces.len()), (2, 5, 1));
}
