//! Packs icons and styles into the program, and compiles the settings schema for runs out of the build folder.

use std::path::Path;
use std::process::Command;

fn main() {
    glib_build_tools::compile_resources(
        &["resources"],
        "resources/handout.gresource.xml",
        "handout.gresource",
    );
    compile_schema();
}

/// An installed program uses the system's schemas; without this one a fresh checkout would forget its settings.
fn compile_schema() {
    let schema = Path::new("../../data/in.ac.gehu.Handout.gschema.xml");
    println!("cargo:rerun-if-changed={}", schema.display());
    let Some(out) = std::env::var_os("OUT_DIR") else {
        return;
    };
    let folder = Path::new(&out).join("schemas");
    let copied = std::fs::create_dir_all(&folder)
        .and_then(|()| std::fs::copy(schema, folder.join("in.ac.gehu.Handout.gschema.xml")));
    if copied.is_err() {
        return;
    }
    let compiled = Command::new("glib-compile-schemas")
        .arg("--strict")
        .arg(&folder)
        .status();
    if !compiled.is_ok_and(|status| status.success()) {
        println!("cargo:warning=glib-compile-schemas failed: settings will not be kept");
    }
}
